// Block Kit's layout blocks. `renderBlocks(blocks, ctx)` is a function of its arguments; elements stand in elements.js
// and choices.js. What is not known here is rendered loudly (loud.js), never left out.
//
// ctx (interact.js makes it): {store, form, prefix (of element ids), errors: {block_id: text}, press, choose, dispatch, pickOverflow}

import { h, uid } from "../dom.js";
import { safeUrl } from "../mrkdwn.js";
import { renderPlain, renderText } from "../text.js";
import { renderElement } from "./elements.js";
import { loud } from "./loud.js";
import { renderMarkdown } from "./markdown.js";
import { renderRichText } from "./rich-text.js";
import { renderTable } from "./table.js";

export function renderBlocks(blocks, ctx) {
  if (!Array.isArray(blocks)) return [loud("blocks is not a list", blocks)];
  return blocks.map((block, index) => {
    const render = typeof block === "object" && block !== null && Object.hasOwn(BLOCKS, block.type) ? BLOCKS[block.type] : null;
    const node = render
      ? attempt(() => render(block, ctx), block)
      : loud(`This page can't render a block of type "${block?.type ?? "(none)"}".`, block);
    const note = ctx.form?.notes.get(block?.block_id);
    return h(
      "div",
      { class: `block block-${render ? block.type : "unknown"}`, key: block?.block_id ?? `block-${index}` },
      node,
      note && h("p", { class: "block-note", role: "alert" }, note),
    );
  });
}

// A block that lacks a field which Slack demands throws on the way; that is as loud as an unknown type.
function attempt(render, block) {
  try {
    return render();
  } catch (error) {
    console.error(error);
    return loud(`This block of type "${block.type}" is malformed: ${error.message}`, block);
  }
}

const BLOCKS = {
  section(block, ctx) {
    if (!block.text && !block.fields?.length) return loud("A section needs text or fields.", block);
    return h(
      "div",
      { class: block.accessory ? "section has-accessory" : "section" },
      h(
        "div",
        { class: "section-body" },
        block.text && h("div", { class: "mrk" }, renderText(ctx.store, block.text)),
        block.fields?.length && h("div", { class: "fields" }, block.fields.map((field) => h("div", { class: "field mrk" }, renderText(ctx.store, field)))),
      ),
      block.accessory && h("div", { class: `accessory accessory-${block.accessory.type}` }, renderElement(block.accessory, { ...ctx, block })),
    );
  },

  header(block) {
    if (block.text.type !== "plain_text") return loud("A header's text must be plain_text.", block);
    return h("h3", { class: "block-heading" }, renderPlain(block.text.text));
  },

  divider: () => h("hr", { class: "rule" }),

  context(block, ctx) {
    return h(
      "div",
      { class: "context" },
      block.elements.map((element) => {
        if (element.type === "image") return renderImage(element, "context-image");
        if (element.type === "mrkdwn" || element.type === "plain_text") return h("div", { class: "context-text mrk" }, renderText(ctx.store, element));
        return loud(`A context block can't hold an element of type "${element.type}".`, element);
      }),
    );
  },

  actions(block, ctx) {
    return h("div", { class: "actions", role: "group" }, block.elements.map((element) => renderElement(element, { ...ctx, block })));
  },

  input(block, ctx) {
    const id = inputId(block, ctx.prefix);
    const error = ctx.errors?.[block.block_id];
    const hint = block.hint && h("p", { class: "hint", id: `${id}-hint` }, renderPlain(block.hint.text));
    const grouped = ["radio_buttons", "checkboxes"].includes(block.element.type);
    const described = [error && `${id}-error`, block.hint && `${id}-hint`].filter(Boolean).join(" ");
    return h(
      "div",
      { class: error ? "input-block invalid" : "input-block", role: grouped ? "group" : null, "aria-labelledby": grouped ? `${id}-label` : null },
      h(
        grouped ? "span" : "label",
        { class: "input-label", id: `${id}-label`, for: grouped ? null : id },
        renderPlain(block.label.text),
        block.optional && h("span", { class: "optional" }, " (optional)"),
      ),
      renderElement(block.element, { ...ctx, block, inputId: id, labelledBy: `${id}-label`, describedBy: described || null, invalid: Boolean(error) }),
      error && h("p", { class: "input-error", id: `${id}-error`, role: "alert" }, error),
      hint,
    );
  },

  image(block) {
    return h(
      "figure",
      { class: "figure" },
      block.title && h("figcaption", { class: "figure-title" }, renderPlain(block.title.text)),
      renderImage(block, "figure-image"),
    );
  },

  rich_text: (block, ctx) => renderRichText(block, ctx),
  table: (block, ctx) => renderTable(block, ctx),
  markdown: (block, ctx) => h("div", { class: "mrk markdown" }, renderMarkdown(ctx.store, block.text)),
};

const ids = new WeakMap();
// Stable for a block across renderings within a view, so that labels keep pointing at their fields.
function inputId(block, prefix) {
  if (block.block_id) return `${prefix}-${block.block_id.replace(/[^\w-]/g, "_")}`;
  if (!ids.has(block)) ids.set(block, uid("input"));
  return ids.get(block);
}

/** An image of this machine only: data: or a loopback address. Anything else is refused loudly. */
export function renderImage(element, className) {
  const url = element.image_url ?? "";
  if (!isLocalImage(url)) return loud("This page shows images from this machine only (data: or a loopback address).", element);
  if (!element.alt_text) return loud("An image needs alt_text.", element);
  return h("img", { class: className, src: url, alt: element.alt_text, loading: "lazy", referrerpolicy: "no-referrer" });
}

function isLocalImage(url) {
  if (/^data:image\/(png|jpeg|gif|webp|svg\+xml)[;,]/i.test(url)) return true;
  if (!/^https?:/i.test(safeUrl(url))) return false;
  try {
    return ["127.0.0.1", "localhost", "[::1]"].includes(new URL(url).hostname);
  } catch {
    return false;
  }
}
