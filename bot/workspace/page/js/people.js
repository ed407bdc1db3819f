// Faces and names. An avatar is initials on the person's colour, or the app's icon; there are no pictures to load.

import { h } from "./dom.js";
import { emojiOf } from "./emoji.js";
import { icon } from "./icons.js";

const SLACKBOT = "USLACKBOT";

export function personOf(store, message) {
  const user = store.users.get(message.user);
  if (message.user === SLACKBOT) return { name: "Slackbot", isApp: true, title: "", avatar: { color: "#59636b", initials: "S" } };
  if (store.isApp(message)) {
    const name = message.username || store.app.name || user?.real_name || "App";
    return { name, isApp: true, title: "", avatar: { color: "", icon: message.icon_emoji || store.app.icon, initials: "" } };
  }
  if (!user) return { name: message.username || message.user || "Somebody", isApp: false, title: "", avatar: { initials: "?", color: "#6b7280" } };
  return { name: user.real_name || user.name, isApp: user.is_bot, title: user.title, isGuest: user.is_guest, deleted: user.deleted, avatar: user.avatar };
}

export function renderAvatar(avatar, { size = 36, app = false } = {}) {
  if (app && !avatar?.initials) return h("span", { class: `avatar avatar-app size-${size}`, "aria-hidden": "true" }, appIcon(avatar?.icon, size));
  return h("span", { class: `avatar size-${size}`, "aria-hidden": "true", style: { "background-color": avatar?.color || "#6b7280" } }, avatar?.initials || "?");
}

// The app's icon is an emoji (as a character or a shortcode) or, without one, the page's own bell.
function appIcon(given, size) {
  const char = /^:([a-z0-9_+'-]+):$/.exec(given ?? "") ? emojiOf(given.slice(1, -1)) : (given ?? "");
  if (!char || char === "🔔" || /^(https?|data):/.test(char)) return icon("bell", Math.round(size * 0.62));
  return h("span", { class: "avatar-emoji" }, char);
}

/** "Dana Diaz", "dana" for places with little room. */
export function shortName(user) {
  return (user?.real_name || user?.name || "").split(" ")[0];
}
