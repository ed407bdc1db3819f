// table blocks: rows of raw_text and rich_text cells; the first row is the heading, as Slack draws it.

import { h } from "../dom.js";
import { renderPlain } from "../text.js";
import { loud } from "./loud.js";
import { renderRichText } from "./rich-text.js";

export function renderTable(block, ctx) {
  const [head, ...rows] = block.rows;
  return h(
    "div",
    { class: "table-scroll", tabindex: "0", role: "region", "aria-label": "Table" },
    h("table", { class: "table" }, h("thead", null, renderRow(head, block, ctx, "th")), h("tbody", null, rows.map((row) => renderRow(row, block, ctx, "td")))),
  );
}

function renderRow(row, block, ctx, tag) {
  return h("tr", null, row.map((cell, column) => renderCell(cell, block.column_settings?.[column], ctx, tag)));
}

function renderCell(cell, settings, ctx, tag) {
  const align = settings?.align ?? "left";
  const content = cell.type === "raw_text" || cell.type === "raw_number" ? renderPlain(cell.text ?? cell.value, false) : cell.type === "rich_text" ? renderRichText(cell, ctx) : loud(`A table can't hold a cell of type "${cell.type}".`, cell);
  return h(tag, { class: `align-${align}${settings?.is_wrapped ? " wrapped" : ""}`, scope: tag === "th" ? "col" : null }, content);
}
