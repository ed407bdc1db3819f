// rich_text blocks: sections, lists, quotes and preformatted text with their styled elements.

import { h } from "../dom.js";
import { safeUrl } from "../mrkdwn.js";
import { channelMention, dateNode, groupMention, renderEmoji, renderLink, userMention } from "../text.js";
import { loud } from "./loud.js";

export function renderRichText(block, ctx) {
  return h("div", { class: "rich-text mrk" }, block.elements.map((part) => renderPart(part, ctx)));
}

function renderPart(part, ctx) {
  switch (part.type) {
    case "rich_text_section":
      return h("div", { class: "para" }, leaves(part, ctx));
    case "rich_text_quote":
      return h("blockquote", { class: "quote" }, leaves(part, ctx));
    case "rich_text_preformatted":
      return h("pre", { class: "pre" }, h("code", null, leaves(part, ctx)));
    case "rich_text_list":
      return renderList(part, ctx);
    default:
      return loud(`rich_text can't hold an element of type "${part.type}".`, part);
  }
}

const BULLETS = ["•", "◦", "▪"];

function renderList(part, ctx) {
  const level = part.indent ?? 0;
  const ordered = part.style === "ordered";
  return h(
    ordered ? "ol" : "ul",
    { class: "mrk-list" },
    part.elements.map((item, index) =>
      h(
        "li",
        { class: `level-${Math.min(level, 4)}` },
        h("span", { class: "marker" }, ordered ? `${(part.offset ?? 0) + index + 1}.` : BULLETS[level % BULLETS.length]),
        h("span", null, leaves(item, ctx)),
      ),
    ),
  );
}

/** The inline elements of a section, as nodes. */
export function leaves(part, ctx) {
  return (part.elements ?? []).map((leaf) => styled(leaf.style, renderLeaf(leaf, ctx)));
}

function renderLeaf(leaf, ctx) {
  const { store } = ctx;
  switch (leaf.type) {
    case "text":
      return leaf.text.split("\n").flatMap((line, index) => (index ? [h("br"), line] : [line]));
    case "link": {
      const url = safeUrl(leaf.url);
      return url ? renderLink(url, [leaf.text || url]) : (leaf.text ?? leaf.url);
    }
    case "emoji":
      return renderEmoji(leaf.name) ?? `:${leaf.name}:`;
    case "user":
      return userMention(store, leaf.user_id);
    case "channel":
      return channelMention(store, leaf.channel_id);
    case "usergroup":
      return groupMention(store, leaf.usergroup_id);
    case "broadcast":
      return h("span", { class: "mention mention-me" }, `@${leaf.range}`);
    case "date":
      return dateNode({ seconds: Number(leaf.timestamp), format: leaf.format, link: safeUrl(leaf.url), fallback: leaf.fallback ?? "" });
    case "color":
      return h("span", { class: "code" }, h("span", { class: "swatch", style: { "background-color": leaf.value } }), leaf.value);
    default:
      return loud(`rich_text can't hold an element of type "${leaf.type}".`, leaf);
  }
}

function styled(style, content) {
  let node = content;
  if (style?.code) node = h("code", { class: "code" }, node);
  if (style?.strike) node = h("del", null, node);
  if (style?.italic) node = h("em", null, node);
  if (style?.bold) node = h("strong", null, node);
  if (style?.underline) node = h("u", null, node);
  return node;
}
