// One message as a row: face, name, time, content, thread line, toolbar. A function of the message and its surroundings;
// the lists that hold rows stand in messages.js.

import { renderBlocks } from "./blocks/index.js";
import { loud } from "./blocks/loud.js";
import { ago, clock, fullTime } from "./dates.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { makeContext } from "./interact.js";
import { personOf, renderAvatar } from "./people.js";
import { openMenu } from "./popup.js";
import { renderEmoji, renderMrkdwn } from "./text.js";

/** `options`: {grouped, inThread, place ("main" | "thread")}. */
export function renderMessage(page, message, options) {
  const { store } = page;
  const person = personOf(store, message);
  const grouped = options.grouped;
  const classes = ["message", grouped && "grouped", message.ephemeral && "ephemeral", message.deleted && "tombstone"];
  return h(
    "div",
    {
      class: classes.filter(Boolean).join(" "),
      role: "listitem",
      tabindex: "-1",
      key: message.ts,
      "data-ts": message.ts,
      "aria-label": `${person.name}, ${clock(message.ts)}`,
    },
    h(
      "div",
      { class: "gutter" },
      grouped ? h("time", { class: "gutter-time", title: fullTime(message.ts) }, clock(message.ts)) : renderAvatar(person.avatar, { app: person.isApp }),
    ),
    h(
      "div",
      { class: "message-main" },
      message.ephemeral && renderPrivateLine(page, message),
      !grouped && renderByline(person, message),
      h("div", { class: "message-content" }, renderContent(page, message, options)),
      message.reactions?.length && renderReactions(page, message),
      !options.inThread && message.reply_count > 0 && renderThreadLine(page, message),
    ),
    !message.deleted && renderToolbar(page, message, options),
  );
}

function renderPrivateLine(page, message) {
  return h(
    "div",
    { class: "private-line" },
    icon("eye", 14),
    h("span", null, "Only visible to you"),
    h("span", { "aria-hidden": "true" }, "·"),
    h("button", { class: "link-btn", type: "button", on: { click: () => page.dismiss(message) } }, "Dismiss"),
  );
}

function renderByline(person, message) {
  return h(
    "div",
    { class: "byline" },
    h("span", { class: "author" }, person.name),
    person.isApp && h("span", { class: "badge-app" }, "APP"),
    person.title && h("span", { class: "author-title" }, person.title),
    h("time", { class: "time", title: fullTime(message.ts) }, clock(message.ts)),
  );
}

function renderContent(page, message, options) {
  const { store } = page;
  const parts = [];
  const context = (blocks, part) =>
    makeContext(page, {
      target: { type: "message", channel: message.channel, ts: message.ts, ...(message.ephemeral ? { ephemeral: true } : {}) },
      blocks,
      key: `${message.channel}/${message.ts}`,
      prefix: `${options.place}-${message.ts.replace(".", "-")}${part}`,
    });
  const edited = message.edited && h("span", { class: "edited", title: fullTime(message.edited.ts) }, "(edited)");
  if (message.blocks?.length) {
    parts.push(h("div", { class: "blocks" }, renderBlocks(message.blocks, context(message.blocks, ""))));
    if (edited && !store.isApp(message)) parts.push(edited);
  } else if (message.text) {
    parts.push(h("div", { class: "mrk" }, renderMrkdwn(store, message.text)));
    if (edited) parts.push(edited);
  }
  (message.attachments ?? []).forEach((attachment, index) => parts.push(renderAttachment(attachment, context(attachment.blocks ?? [], `-a${index}`))));
  return parts;
}

const COLORS = { good: "#1f9d6b", warning: "#d99a1c", danger: "#c22742" };
const ATTACHMENT_FIELDS = new Set(["id", "color", "blocks", "fallback"]);

// Attachments serve as a coloured bar beside blocks; their legacy fields (title, fields, actions …) are refused.
function renderAttachment(attachment, ctx) {
  const legacy = Object.keys(attachment).filter((name) => !ATTACHMENT_FIELDS.has(name));
  if (!attachment.blocks || legacy.length) return loud(`This page renders attachments with blocks only, not their legacy fields (${legacy.join(", ") || "no blocks"}).`, attachment);
  const raw = attachment.color ?? "";
  const color = COLORS[raw] ?? (/^#?[0-9a-f]{3,8}$/i.test(raw) ? `#${raw.replace("#", "")}` : "");
  return h("div", { class: "attachment", style: color ? { "--bar": color } : {} }, renderBlocks(attachment.blocks, ctx));
}

function renderReactions(page, message) {
  const { me, users } = page.store;
  return h(
    "div",
    { class: "reactions" },
    message.reactions.map(({ name, users: who = [], count = who.length }) => {
      const mine = who.includes(me.id);
      const names = who.map((id) => users.get(id)?.real_name || id).join(", ");
      return h(
        "button",
        {
          class: "reaction",
          type: "button",
          key: `reaction-${name}`,
          title: names,
          "aria-pressed": String(mine),
          "aria-label": `${name.replaceAll("_", " ")}, ${count}: ${names}`,
          on: { click: () => page.react(message, name, mine) },
        },
        renderEmoji(name) ?? `:${name}:`,
        h("span", { class: "reaction-count" }, String(count)),
      );
    }),
  );
}

function renderThreadLine(page, message) {
  const faces = (message.reply_users ?? []).slice(0, 4).map((id) => {
    const person = personOf(page.store, { user: id });
    return renderAvatar(person.avatar, { size: 20, app: id === page.store.app.bot_user_id });
  });
  const count = message.reply_count;
  return h(
    "button",
    { class: "thread-line", type: "button", on: { click: () => page.openThread(message.channel, message.ts) } },
    h("span", { class: "thread-faces" }, faces),
    h("span", { class: "thread-count" }, `${count} ${count === 1 ? "reply" : "replies"}`),
    message.latest_reply && h("span", { class: "thread-last" }, `Last reply ${ago(message.latest_reply)}`),
    h("span", { class: "thread-open" }, "View thread"),
  );
}

function renderToolbar(page, message, options) {
  const { store } = page;
  const buttons = [];
  if (!options.inThread && !message.ephemeral) {
    buttons.push(toolButton("thread", "Reply in thread", () => page.openThread(message.channel, message.thread_ts || message.ts)));
  }
  const items = () => [
    ...(message.ephemeral
      ? []
      : store.app.shortcuts
          .filter((shortcut) => shortcut.type === "message")
          .map((shortcut) => ({ label: shortcut.name, hint: store.app.name, icon: icon("bolt", 16), pick: () => page.runShortcut(shortcut, message) }))),
    ...(message.ephemeral ? [{ label: "Dismiss", icon: icon("close", 16), pick: () => page.dismiss(message) }] : [{ label: "Copy link", icon: icon("link", 16), pick: () => page.copyLink(message) }]),
    { label: "Copy text", icon: icon("copy", 16), pick: () => page.copyText(message) },
  ];
  buttons.push(toolButton("more", "More actions", (event) => openMenu(event.currentTarget, items(), { label: "Message actions" }), { "aria-haspopup": "menu", "aria-expanded": "false" }));
  return h("div", { class: "toolbar", role: "group", "aria-label": "Message actions" }, buttons);
}

function toolButton(name, label, click, extra = {}) {
  return h("button", { class: "tool", type: "button", tabindex: "-1", "aria-label": label, title: label, "data-tool": name, ...extra, on: { click } }, icon(name, 18));
}
