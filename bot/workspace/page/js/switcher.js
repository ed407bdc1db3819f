// The quick switcher (Ctrl/Cmd+K): jump to a channel, the app, its Home, or another person.

import { openDialog } from "./dialog.js";
import { fill, h, uid } from "./dom.js";
import { icon } from "./icons.js";
import { renderAvatar } from "./people.js";
import { hrefOf } from "./route.js";

export function openSwitcher(page) {
  const listId = uid("switcher");
  let active = 0;
  let found = [];
  const input = h("input", {
    class: "switcher-input",
    type: "text",
    role: "combobox",
    placeholder: "Jump to a channel or a person",
    "aria-label": "Jump to",
    "aria-expanded": "true",
    "aria-controls": listId,
    "aria-autocomplete": "list",
    autocomplete: "off",
    on: {
      input: () => {
        active = 0;
        draw();
      },
      keydown: onKey,
    },
  });
  const list = h("div", { class: "switcher-list", role: "listbox", id: listId, "aria-label": "Places and people" });
  const node = h(
    "dialog",
    { class: "dialog switcher", "aria-label": "Jump to", on: { pointerdown: (event) => event.target === node && close() } },
    h("div", { class: "switcher-head" }, icon("search", 18), input),
    list,
  );
  const close = openDialog(node, () => close());

  function draw() {
    const query = input.value.trim().toLowerCase().replace(/^[#@]/, "");
    found = places(page).filter((place) => !query || place.search.includes(query));
    found.sort((a, b) => rank(a, query) - rank(b, query));
    active = Math.min(active, Math.max(0, found.length - 1));
    fill(
      list,
      ...found.map((place, index) =>
        h(
          "div",
          { class: `option${index === active ? " active" : ""}`, role: "option", id: `${listId}-${index}`, "aria-selected": String(index === active), on: { click: () => pick(place) } },
          place.mark(),
          h("span", { class: "option-text" }, h("span", { class: place.unread ? "strong" : "" }, place.label), place.hint && h("span", { class: "menu-hint" }, place.hint)),
          place.mentions > 0 && h("span", { class: "badge" }, String(place.mentions)),
        ),
      ),
      !found.length && h("div", { class: "no-options" }, "Nothing and nobody is called that."),
    );
    if (found.length) input.setAttribute("aria-activedescendant", `${listId}-${active}`);
    else input.removeAttribute("aria-activedescendant");
    list.querySelector(".option.active")?.scrollIntoView({ block: "nearest" });
  }

  function pick(place) {
    if (!place) return;
    close();
    place.go();
  }

  function onKey(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (found.length) active = (active + (event.key === "ArrowDown" ? 1 : -1) + found.length) % found.length;
      draw();
    } else if (event.key === "Enter") {
      event.preventDefault();
      pick(found[active]);
    }
  }

  draw();
  input.focus();
}

function rank(place, query) {
  const starts = query && place.search.startsWith(query) ? 0 : 1;
  return starts * 10 + (place.unread ? 0 : 1) + (place.person ? 5 : 0);
}

function places(page) {
  const { store } = page;
  const rooms = [...store.channels.values()].map((channel) => ({
    label: channel.is_im ? store.app.name : channel.name,
    hint: channel.is_im ? "Direct message" : channel.topic,
    search: (channel.is_im ? store.app.name : channel.name).toLowerCase(),
    unread: channel.unread > 0,
    mentions: channel.mentions,
    mark: () => (channel.is_im ? renderAvatar({ icon: store.app.icon }, { size: 20, app: true }) : icon("hash", 18)),
    go: () => page.go({ place: "channel", channel: channel.id, thread: "" }, { focus: true }),
  }));
  const home = { label: `${store.app.name} Home`, hint: "App", search: `${store.app.name} home`.toLowerCase(), mark: () => icon("home", 18), go: () => page.go({ place: "home", channel: "", thread: "" }, { focus: true }) };
  const people = [...store.users.values()]
    .filter((user) => !user.is_bot && !user.deleted && user.id !== store.me.id)
    .map((user) => ({
      label: `Be ${user.real_name || user.name}`,
      hint: user.title,
      search: `${user.name} ${user.real_name} be`.toLowerCase(),
      person: true,
      mark: () => renderAvatar(user.avatar, { size: 20 }),
      go: () => location.assign(hrefOf(user.name, store.route)),
    }));
  return [...rooms, home, ...people];
}
