// Where completions come from and what taking one does to the text. People, channels and emoji are known here; commands,
// services and environments come from the server (`/client/suggest`). No DOM.

import { findEmoji } from "./emoji.js";

/** The word the caret stands at the end of: {start, end, word}. */
export function wordAt(text, caret) {
  const start = text.slice(0, caret).search(/\S*$/);
  return { start, end: caret, word: text.slice(start, caret) };
}

/** Suggestions known without asking: [{label, hint, start, end, insert, kind}]; null when the server is to be asked, [] when there are none. */
export function localSuggestions(store, text, caret) {
  const { start, end, word } = wordAt(text, caret);
  const make = (kind) => (item) => ({ kind, start, end, ...item });
  if (/^@[\w.-]*$/.test(word)) return people(store, word.slice(1).toLowerCase()).map(make("person"));
  if (/^#[\w-]*$/.test(word)) return channels(store, word.slice(1).toLowerCase()).map(make("channel"));
  if (/^:[a-z0-9_+-]{2,}$/.test(word)) {
    return findEmoji(word.slice(1), 8).map(([name, char]) => make("emoji")({ label: `${char}  :${name}:`, hint: "", insert: `:${name}: ` }));
  }
  if (text.startsWith("/") && !text.includes("\n") && caret === text.length) return null;
  if (new RegExp(`^@${appHandle(store)}\\b`, "i").test(text) && caret === text.length) return null;
  return [];
}

function appHandle(store) {
  return store.users.get(store.app.bot_user_id)?.name ?? store.app.name.toLowerCase();
}

function people(store, prefix) {
  const list = [...store.users.values()]
    .filter((user) => !user.deleted && user.id !== "USLACKBOT" && (user.name.startsWith(prefix) || (user.real_name ?? "").toLowerCase().split(/\s+/).some((part) => part.startsWith(prefix))))
    .map((user) => ({ label: `@${user.name}`, hint: [user.real_name, user.title].filter(Boolean).join(" · "), insert: `@${user.name} `, user }));
  const groups = [...store.groups.values()]
    .filter((group) => group.handle.toLowerCase().startsWith(prefix))
    .map((group) => ({ label: `@${group.handle}`, hint: group.name, insert: `@${group.handle} ` }));
  const all = ["here", "channel"].filter((word) => prefix && word.startsWith(prefix)).map((word) => ({ label: `@${word}`, hint: "Everybody in this channel", insert: `@${word} ` }));
  return [...list, ...groups, ...all].slice(0, 8);
}

function channels(store, prefix) {
  return [...store.channels.values()]
    .filter((channel) => !channel.is_im && channel.name.startsWith(prefix))
    .slice(0, 8)
    .map((channel) => ({ label: `#${channel.name}`, hint: channel.topic ?? "", insert: `#${channel.name} ` }));
}

/** A server's suggestion {insert, label, hint} placed in the text: `insert` is the word, or the whole line where it begins as the line does. */
export function placed(text, suggestion) {
  const { start, end } = wordAt(text, text.length);
  const head = text.slice(0, start);
  const whole = head && suggestion.insert.toLowerCase().startsWith(head.trimEnd().toLowerCase());
  return { kind: "command", label: suggestion.label, hint: suggestion.hint ?? "", start: whole ? 0 : start, end, insert: suggestion.insert };
}

/** The text after taking a suggestion: {text, caret}. */
export function take(text, suggestion) {
  const insert = /\s$/.test(suggestion.insert) ? suggestion.insert : `${suggestion.insert} `;
  const after = text.slice(suggestion.end).replace(/^ /, "");
  const head = text.slice(0, suggestion.start) + insert;
  return { text: head + after, caret: head.length };
}
