// The sidebar: workspace, places with their unread marks, the app and its connection, who the reader is. One item takes
// part in the Tab order; the arrows move along the list.

import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { renderAvatar, shortName } from "./people.js";
import { openMenu } from "./popup.js";
import { hrefOf } from "./route.js";

export class Sidebar {
  constructor(page) {
    this.page = page;
    this.node = h("nav", { class: "sidebar", id: "sidebar", "aria-label": "Channels and direct messages", on: { keydown: (event) => this.#key(event) } });
  }

  draw() {
    const { store } = this.page;
    const dm = store.dm();
    const channels = [...store.channels.values()].filter((channel) => !channel.is_im && channel.is_member !== false);
    const others = [...store.channels.values()].filter((channel) => !channel.is_im && channel.is_member === false);
    fill(
      this.node,
      h(
        "div",
        { class: "side-head" },
        h("span", { class: "team-mark", "aria-hidden": "true" }, (store.team.name || "?")[0]),
        h("span", { class: "team-name" }, store.team.name),
        h("button", { class: "side-icon drawer-close", type: "button", "aria-label": "Close sidebar", on: { click: () => this.page.closeDrawer() } }, icon("close", 20)),
      ),
      h(
        "div",
        { class: "side-scroll" },
        h(
          "button",
          { class: "jump-to", type: "button", on: { click: () => this.page.openSwitcher() } },
          icon("search", 16),
          h("span", null, "Jump to…"),
          h("kbd", null, /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘K" : "Ctrl K"),
        ),
        this.#section("Channels", channels.map((channel) => this.#channel(channel))),
        others.length > 0 && this.#section("Other channels", others.map((channel) => this.#channel(channel))),
        this.#section("Apps", [this.#home(), dm && this.#dm(dm), this.#connection()]),
      ),
      this.#me(),
    );
    this.#keepOneStop();
  }

  #section(title, items) {
    const id = `side-${title.toLowerCase().replace(/\s/g, "-")}`;
    return h("div", { class: "side-section", role: "group", "aria-labelledby": id, key: id }, h("h2", { class: "side-title", id }, title), items);
  }

  #item({ key, href, current, unread, mentions, lead, label, say, extra }) {
    return h(
      "a",
      {
        class: `side-item${unread ? " unread" : ""}`,
        href,
        key,
        "data-inside": "",
        "data-place": key,
        "aria-current": current ? "page" : null,
        "aria-label": say,
        tabindex: "-1",
      },
      lead,
      h("span", { class: "side-label" }, label),
      extra,
      mentions > 0 && h("span", { class: "badge", "aria-hidden": "true" }, mentions > 99 ? "99+" : String(mentions)),
    );
  }

  #channel(channel) {
    const { route } = this.page.store;
    const unread = channel.unread > 0;
    const details = [unread && `${channel.unread} unread`, channel.mentions > 0 && `${channel.mentions} mention${channel.mentions === 1 ? "" : "s"}`].filter(Boolean);
    return this.#item({
      key: channel.id,
      href: `#${channel.id}`,
      current: route.place === "channel" && route.channel === channel.id,
      unread,
      mentions: channel.mentions,
      lead: icon("hash", 16),
      label: channel.name,
      say: [`Channel ${channel.name}`, ...details].join(", "),
    });
  }

  #home() {
    const { store } = this.page;
    return this.#item({
      key: "home",
      href: "#home",
      current: store.route.place === "home",
      lead: icon("home", 16),
      label: `${store.app.name} Home`,
      say: `${store.app.name}, Home`,
    });
  }

  #dm(dm) {
    const { store } = this.page;
    return this.#item({
      key: dm.id,
      href: `#${dm.id}`,
      current: store.route.place === "channel" && store.route.channel === dm.id,
      unread: dm.unread > 0,
      mentions: dm.unread,
      lead: renderAvatar({ icon: store.app.icon }, { size: 20, app: true }),
      label: store.app.name,
      say: [`Direct message with ${store.app.name}`, dm.unread > 0 && `${dm.unread} unread`].filter(Boolean).join(", "),
      extra: h("span", { class: "badge-app", "aria-hidden": "true" }, "APP"),
    });
  }

  #connection() {
    const { app } = this.page.store;
    return h(
      "div",
      { class: `connection ${app.connected ? "on" : "off"}`, role: "status", "data-connected": String(app.connected), key: "connection" },
      h("span", { class: "dot", "aria-hidden": "true" }),
      app.connected ? `${app.name} is connected` : `${app.name} is not connected`,
    );
  }

  #me() {
    const { store } = this.page;
    const { me } = store;
    return h(
      "div",
      { class: "side-foot" },
      h(
        "button",
        {
          class: "me",
          type: "button",
          id: "person-switch",
          "aria-haspopup": "menu",
          "aria-expanded": "false",
          "aria-label": `You are ${me.real_name || me.name}${me.title ? `, ${me.title}` : ""}. Switch person`,
          on: { click: (event) => this.#openPeople(event.currentTarget) },
        },
        renderAvatar(me.avatar, { size: 32 }),
        h("span", { class: "me-text" }, h("span", { class: "me-name" }, me.real_name || me.name), h("span", { class: "me-title" }, me.title || `@${me.name}`)),
        h("span", { class: "me-switch" }, icon("people", 18)),
      ),
      h(
        "button",
        { class: "side-icon", type: "button", id: "theme-toggle", "aria-label": `Theme: ${themeNow()}. Change`, title: `Theme: ${themeNow()}`, on: { click: () => this.page.cycleTheme() } },
        icon({ auto: "contrast", light: "sun", dark: "moon" }[themeNow()], 18),
      ),
    );
  }

  #openPeople(anchor) {
    const { store } = this.page;
    const people = [...store.users.values()].filter((user) => !user.is_bot && !user.deleted);
    const link = (user) => hrefOf(user.name, store.route.place === "home" ? store.route : { place: "channel", channel: store.channels.get(store.route.channel)?.is_im ? "" : store.route.channel, thread: "" });
    const items = [
      { heading: "Be somebody else" },
      ...people.map((user) => ({
        label: user.real_name || user.name,
        hint: [user.title, user.is_guest && user.title !== "Guest" && "Guest"].filter(Boolean).join(" · ") || `@${user.name}`,
        icon: renderAvatar(user.avatar, { size: 24 }),
        current: user.id === store.me.id,
        pick: () => user.id !== store.me.id && location.assign(link(user)),
      })),
      { heading: "In a new tab" },
      ...people
        .filter((user) => user.id !== store.me.id)
        .map((user) => ({ label: `Open as ${shortName(user)}`, icon: icon("external", 16), pick: () => window.open(link(user), "_blank", "noopener") })),
    ];
    openMenu(anchor, items, { label: "Switch person", width: 260 });
  }

  #stops() {
    return [...this.node.querySelectorAll(".side-item")];
  }

  #keepOneStop() {
    const stops = this.#stops();
    const stop = stops.find((item) => item === document.activeElement) ?? stops.find((item) => item.getAttribute("aria-current")) ?? stops[0];
    for (const item of stops) item.setAttribute("tabindex", item === stop ? "0" : "-1");
  }

  #key(event) {
    const stops = this.#stops();
    const at = stops.indexOf(document.activeElement);
    if (at < 0 || event.altKey) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: stops.length - 1 }[event.key];
    if (to === undefined || !stops[to]) return;
    event.preventDefault();
    stops[to].focus();
    this.#keepOneStop();
  }
}

export function themeNow() {
  return document.documentElement.dataset.theme || "auto";
}
