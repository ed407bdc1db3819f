// What a first-time visitor is invited to try, in a channel where nobody has said anything yet (`boot.hints`).

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { shortName } from "./people.js";
import { hrefOf } from "./route.js";

export function renderHints(page, channel) {
  const { store } = page;
  if (!store.hints.length) return null;
  return h(
    "section",
    { class: "hints", "aria-label": "Things to try" },
    h("h3", null, icon("spark", 18), "Things to try"),
    h("ol", null, store.hints.map((hint) => renderHint(page, channel, hint))),
    h("p", { class: "hints-foot" }, "You can be several people at once: open each in a tab of its own from your name, bottom left."),
  );
}

function renderHint(page, channel, hint) {
  const { store } = page;
  const user = [...store.users.values()].find((other) => other.name === hint.as);
  const wanted = (hint.channel ?? "").replace(/^#/, "");
  const room = store.channels.get(wanted) ?? [...store.channels.values()].find((other) => other.name === wanted) ?? channel;
  const here = (!hint.as || hint.as === store.me.name) && room.id === channel.id;
  const where = [hint.as && hint.as !== store.me.name && `as ${shortName(user) || hint.as}`, room.id !== channel.id && `in #${room.name}`].filter(Boolean).join(" ");
  const go = () => {
    if (here) {
      page.main.composer.write(hint.text);
      return;
    }
    const as = hint.as || store.me.name;
    sessionStorage.setItem(`draft:${as}:${room.id}/`, hint.text);
    if (as === store.me.name) page.go({ place: "channel", channel: room.id, thread: "" });
    else location.assign(hrefOf(as, { place: "channel", channel: room.id, thread: "" }));
  };
  return h(
    "li",
    null,
    h("button", { class: "hint-btn", type: "button", on: { click: go } }, h("span", { class: "hint-try" }, "Try"), h("code", null, hint.text), where && h("span", { class: "hint-where" }, where), icon("right", 16)),
  );
}
