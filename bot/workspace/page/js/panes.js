// The two panes where people read and write: the channel (or the app's direct message, or its Home) and the thread beside it.

import { Composer } from "./composer.js";
import { fill, h } from "./dom.js";
import { renderHints } from "./hints.js";
import { Home } from "./home.js";
import { icon } from "./icons.js";
import { MessageList } from "./messages.js";
import { renderAvatar } from "./people.js";
import { renderPlain } from "./text.js";

export class MainPane {
  constructor(page) {
    this.page = page;
    this.header = h("header", { class: "pane-head" });
    this.list = new MessageList(page, {
      place: "main",
      label: () => `Messages in ${placeName(page.store, page.store.route.channel)}`,
      intro: () => this.#intro(),
      onTop: (key) => page.loadOlder(key),
      onLeave: () => this.composer.focus(),
    });
    this.home = new Home(page);
    this.composer = new Composer(page, { inThread: false });
    this.banner = h("div", { class: "banner", role: "status", hidden: true });
    this.body = h("div", { class: "pane-body" });
    this.node = h("main", { class: "pane main-pane", id: "main", tabindex: "-1" }, this.header, this.body);
  }

  draw() {
    const { store } = this.page;
    const { route } = store;
    fill(this.header, ...this.#head());
    this.node.setAttribute("aria-label", route.place === "home" ? `${store.app.name} Home` : placeName(store, route.channel));
    this.#drawBanner();
    if (route.place === "home") {
      this.#stand(this.home.node);
      this.home.draw();
    } else {
      this.#stand(this.list.node, this.banner, this.composer.node);
      this.composer.at(route.channel, "");
      const channel = store.channels.get(route.channel);
      this.composer.describe(channel?.is_im ? `Message ${store.app.name}` : `Message #${channel?.name ?? ""}`);
      this.list.draw(route.channel);
    }
  }

  #stand(...nodes) {
    if (nodes.length === this.body.childNodes.length && nodes.every((node, index) => this.body.childNodes[index] === node)) return;
    this.body.replaceChildren(...nodes);
  }

  #head() {
    const { store } = this.page;
    const { route } = store;
    const channel = store.channels.get(route.channel);
    const dm = store.dm();
    const inApp = route.place === "home" || channel?.is_im;
    return [
      h(
        "button",
        { class: "icon-btn drawer-open", type: "button", "aria-label": "Open sidebar", "aria-controls": "sidebar", on: { click: () => this.page.openDrawer() } },
        icon("menu"),
        this.#unreadElsewhere() && h("span", { class: "drawer-dot", "aria-hidden": "true" }),
      ),
      h(
        "div",
        { class: "pane-title" },
        h("h1", null, inApp ? [renderAvatar({ icon: store.app.icon }, { size: 24, app: true }), store.app.name, h("span", { class: "badge-app" }, "APP")] : [icon("hash", 18), channel?.name ?? "…"]),
        !inApp && channel?.topic && h("p", { class: "topic", title: channel.topic }, renderPlain(channel.topic)),
      ),
      inApp &&
        h(
          "nav",
          { class: "tabs", "aria-label": store.app.name },
          h("a", { class: "tab", href: "#home", "data-inside": "", "aria-current": route.place === "home" ? "page" : null }, "Home"),
          dm && h("a", { class: "tab", href: `#${dm.id}`, "data-inside": "", "aria-current": route.place === "home" ? null : "page" }, "Messages"),
        ),
    ];
  }

  #unreadElsewhere() {
    const { store } = this.page;
    return [...store.channels.values()].some((channel) => channel.id !== store.route.channel && channel.unread > 0);
  }

  #drawBanner() {
    const { store } = this.page;
    const channel = store.channels.get(store.route.channel);
    let text = "";
    if (!store.app.connected) text = `${store.app.name} is not connected: commands and buttons will not be answered until it is.`;
    if (channel && !channel.is_im && channel.is_member === false) text = `You are not a member of #${channel.name}: you can read here, but not write.`;
    if (channel?.is_archived) text = "This channel is archived.";
    this.composer.node.hidden = Boolean(channel?.is_archived || (channel && !channel.is_im && channel.is_member === false));
    this.banner.hidden = !text;
    fill(this.banner, ...(text ? [icon("warn", 16), h("span", null, text)] : []));
  }

  #intro() {
    const { store } = this.page;
    const channel = store.channels.get(store.route.channel);
    if (!channel) return null;
    const empty = !store.messages(channel.id).some((message) => !message.ephemeral);
    const hints = empty ? renderHints(this.page, channel) : null;
    const title = channel.is_im ? store.app.name : `#${channel.name}`;
    const text = channel.is_im ? `This is the very beginning of your direct messages with ${store.app.name}. Only you two are in here.` : `This is the very beginning of #${channel.name}.`;
    return h(
      "div",
      { class: "intro", role: "listitem", "data-sig": `${channel.id} ${empty} ${channel.topic} ${store.me.id}` },
      h("span", { class: "intro-mark", "aria-hidden": "true" }, channel.is_im ? icon("bell", 28) : icon("hash", 28)),
      h("h2", null, title),
      h("p", null, text, !channel.is_im && channel.topic && ` ${channel.topic}.`.replace(/([.!?])\.$/, "$1")),
      hints,
    );
  }
}

export class ThreadPane {
  constructor(page) {
    this.page = page;
    this.header = h("header", { class: "pane-head" });
    this.list = new MessageList(page, {
      place: "thread",
      label: () => "Thread",
      intro: () => null,
      onLeave: () => this.composer.focus(),
    });
    this.composer = new Composer(page, { inThread: true });
    this.node = h("aside", { class: "pane thread-pane", "aria-label": "Thread", tabindex: "-1", hidden: true }, this.header, h("div", { class: "pane-body" }, this.list.node, this.composer.node));
  }

  draw() {
    const { store } = this.page;
    const { channel, thread, place } = store.route;
    const open = place === "channel" && thread !== "";
    this.node.hidden = !open;
    document.body.classList.toggle("with-thread", open);
    if (!open) return;
    fill(
      this.header,
      h("button", { class: "icon-btn thread-back", type: "button", "aria-label": "Back to channel", on: { click: () => this.page.closeThread() } }, icon("left")),
      h("div", { class: "pane-title" }, h("h2", null, "Thread"), h("p", { class: "topic" }, placeName(store, channel))),
      h("button", { class: "icon-btn thread-close", type: "button", "aria-label": "Close thread", on: { click: () => this.page.closeThread() } }, icon("close")),
    );
    this.composer.at(channel, thread);
    this.composer.describe("Reply…");
    this.list.draw(`${channel}/${thread}`);
  }
}

export function placeName(store, id) {
  const channel = store.channels.get(id);
  if (!channel) return "";
  return channel.is_im ? store.app.name : `#${channel.name}`;
}
