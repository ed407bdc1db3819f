// markdown blocks: the part of standard Markdown that Slack renders (headings, lists, quotes, code, rules, emphasis, links).

import { h } from "../dom.js";
import { safeUrl } from "../mrkdwn.js";
import { renderLink, renderPlain } from "../text.js";

export function renderMarkdown(store, text) {
  const nodes = [];
  const lines = String(text ?? "").split("\n");
  let paragraph = [];
  const flush = () => {
    if (paragraph.length) nodes.push(h("div", { class: "para" }, spans(paragraph.join("\n"))));
    paragraph = [];
  };
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at];
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    const item = /^(\s*)([-*+]|\d+[.)])\s+(?:\[([ xX])\]\s+)?(.*)$/.exec(line);
    if (/^```/.test(line)) {
      flush();
      const end = lines.findIndex((other, index) => index > at && /^```\s*$/.test(other));
      const stop = end < 0 ? lines.length : end;
      nodes.push(h("pre", { class: "pre" }, h("code", null, lines.slice(at + 1, stop).join("\n"))));
      at = stop;
    } else if (heading) {
      flush();
      nodes.push(h("h4", { class: `md-heading md-h${heading[1].length}` }, spans(heading[2])));
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      flush();
      nodes.push(h("hr", { class: "rule" }));
    } else if (item) {
      flush();
      const [, indent, mark, box, rest] = item;
      const marker = box ? (box === " " ? "☐" : "☑") : /\d/.test(mark) ? mark : "•";
      nodes.push(h("ul", { class: "mrk-list" }, h("li", { class: `level-${Math.min(4, Math.floor(indent.length / 2))}` }, h("span", { class: "marker" }, marker), h("span", null, spans(rest)))));
    } else if (/^>\s?/.test(line)) {
      flush();
      nodes.push(h("blockquote", { class: "quote" }, spans(line.replace(/^>\s?/, ""))));
    } else if (!line.trim()) {
      flush();
    } else {
      paragraph.push(line);
    }
  }
  flush();
  return nodes;
}

const SPAN = /(`+)([^`]+)\1|\*\*(?=\S)([^\n]*?\S)\*\*|__(?=\S)([^\n]*?\S)__|~~(?=\S)([^\n]*?\S)~~|\*(?=\S)([^*\n]*?\S)\*|\b_(?=\S)([^_\n]*?\S)_\b|\[([^\]\n]*)\]\(([^)\s]+)\)/;

function spans(text) {
  const found = SPAN.exec(text);
  if (!found) return renderPlain(text);
  const [whole, , code, strong, strongToo, strike, em, emToo, label, url] = found;
  let node = whole;
  if (code !== undefined) node = h("code", { class: "code" }, code);
  else if (strong ?? strongToo) node = h("strong", null, spans(strong ?? strongToo));
  else if (strike) node = h("del", null, spans(strike));
  else if (em ?? emToo) node = h("em", null, spans(em ?? emToo));
  else if (url) node = safeUrl(url) ? renderLink(safeUrl(url), spans(label || url)) : (label || url);
  return [renderPlain(text.slice(0, found.index)), node, spans(text.slice(found.index + whole.length))];
}
