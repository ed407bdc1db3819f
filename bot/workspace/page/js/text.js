// Slack's text objects and mrkdwn as DOM. Takes names from the store; knows nothing of blocks or messages.

import { formatDate, fullTime } from "./dates.js";
import { h } from "./dom.js";
import { emojiOf } from "./emoji.js";
import { parse } from "./mrkdwn.js";
import { routeOfLink } from "./route.js";

/** A mrkdwn string as block-level nodes (paragraphs, quotes, code blocks, lists). */
export function renderMrkdwn(store, text) {
  return parse(text).map((block) => renderBlock(store, block));
}

/** A text object {type: "plain_text" | "mrkdwn", text, emoji}, or undefined. */
export function renderText(store, object) {
  if (!object) return null;
  return object.type === "mrkdwn" ? renderMrkdwn(store, object.text) : renderPlain(object.text, object.emoji !== false);
}

/** Plain text: line breaks and, if wanted, emoji shortcodes; nothing else means anything. */
export function renderPlain(text, withEmoji = true) {
  const nodes = [];
  String(text ?? "").split("\n").forEach((line, index) => {
    if (index) nodes.push(h("br"));
    if (withEmoji) nodes.push(...withShortcodes(line));
    else nodes.push(line);
  });
  return nodes;
}

function withShortcodes(line) {
  return line.split(/(:[a-z0-9_+'-]+:(?::skin-tone-[2-6]:)?)/).map((part) => {
    const found = /^:([a-z0-9_+'-]+):(?::skin-tone-([2-6]):)?$/.exec(part);
    return (found && renderEmoji(found[1], found[2])) || part;
  });
}

/** An emoji, or null where the shortcode is unknown. */
export function renderEmoji(name, tone = "") {
  const char = emojiOf(name, tone);
  return char ? h("span", { class: "emoji", role: "img", "aria-label": name.replaceAll("_", " "), title: `:${name}:` }, char) : null;
}

/** One line without any styling, for announcements, titles and notices. */
export function plainOf(store, text) {
  const holder = h("div", null, renderMrkdwn(store, text ?? ""));
  return holder.textContent.replace(/\s+/g, " ").trim();
}

function renderBlock(store, block) {
  if (block.type === "pre") return h("pre", { class: "pre" }, h("code", null, renderInline(store, block.children)));
  if (block.type === "quote") return h("blockquote", { class: "quote" }, renderInline(store, block.children));
  if (block.type === "list") {
    return h(
      "ul",
      { class: "mrk-list" },
      block.items.map((item) =>
        h("li", { class: `level-${item.level}` }, h("span", { class: "marker" }, item.marker), h("span", null, renderInline(store, item.children))),
      ),
    );
  }
  return h("div", { class: "para" }, renderInline(store, block.children));
}

/** Inline nodes (see mrkdwn.js) as DOM nodes and strings. */
export function renderInline(store, nodes) {
  return nodes.map((node) => INLINE[node.type](store, node));
}

const INLINE = {
  text: (store, node) => node.text,
  break: () => h("br"),
  bold: (store, node) => h("strong", null, renderInline(store, node.children)),
  italic: (store, node) => h("em", null, renderInline(store, node.children)),
  strike: (store, node) => h("del", null, renderInline(store, node.children)),
  code: (store, node) => h("code", { class: "code" }, renderInline(store, node.children)),
  link: (store, node) => renderLink(node.url, renderInline(store, node.children)),
  emoji: (store, node) => renderEmoji(node.name, node.tone) ?? `:${node.name}:`,
  user: (store, node) => userMention(store, node.id, node.label),
  channel: (store, node) => channelMention(store, node.id, node.label),
  group: (store, node) => groupMention(store, node.id, node.label),
  broadcast: (store, node) => h("span", { class: "mention mention-me" }, `@${node.range}`),
  date: (store, node) => dateNode(node),
};

export function renderLink(url, children) {
  const inside = routeOfLink(url);
  return h("a", { class: "link", href: url, ...(inside ? { "data-inside": "" } : { target: "_blank", rel: "noopener noreferrer" }) }, children);
}

export function userMention(store, id, label = "") {
  const user = store.users.get(id);
  const name = user ? user.real_name || user.name : label || id;
  return h("span", { class: id === store.me?.id ? "mention mention-me" : "mention", title: user?.title || null }, `@${name}`);
}

export function channelMention(store, id, label = "") {
  const channel = store.channels.get(id);
  const name = channel?.name ?? label ?? "";
  if (!channel) return h("span", { class: "mention" }, `#${name || id}`);
  return h("a", { class: "mention", href: `#${id}`, "data-inside": "" }, `#${name}`);
}

export function groupMention(store, id, label = "") {
  const group = store.groups.get(id);
  const name = (group?.handle ?? label) || id;
  return h("span", { class: "mention" }, name.startsWith("@") ? name : `@${name}`);
}

export function dateNode({ seconds, format, link, fallback }) {
  const text = formatDate(seconds, format) ?? fallback;
  const ages = format?.includes("{ago}") && formatDate(seconds, format) !== null;
  const node = h(
    "time",
    { title: Number.isFinite(seconds) ? fullTime(seconds) : null, "data-ago": ages ? format : null, "data-seconds": ages ? seconds : null },
    text,
  );
  return link ? renderLink(link, [node]) : node;
}
