// The page as a whole: where it stands, what it loads, and what people can do on it. The parts draw themselves; they reach
// each other and the server only through here.

import { ApiError } from "./api.js";
import { formatDate } from "./dates.js";
import { h } from "./dom.js";
import { MainPane, ThreadPane, placeName } from "./panes.js";
import { Modals } from "./modal.js";
import { settlePopup, closePopup } from "./popup.js";
import { hashOf, hrefOf, readRoute } from "./route.js";
import { Sidebar, themeNow } from "./sidebar.js";
import { compareTs, mentions } from "./store.js";
import { openSwitcher } from "./switcher.js";
import { plainOf } from "./text.js";
import { Announcer } from "./toast.js";

const HISTORY_PAGE = 60;
const TICK_MS = 10_000;
const LAST_PLACE = "workspace:last-place";

export class Page {
  constructor(store, api) {
    this.store = store;
    this.api = api;
    this.announcer = new Announcer();
    this.sidebar = new Sidebar(this);
    this.main = new MainPane(this);
    this.thread = new ThreadPane(this);
    this.modals = new Modals(this);
    this.dismissed = new Set(JSON.parse(sessionStorage.getItem(this.#dismissKey()) ?? "[]"));
    this.reading = new Map(); // channel -> ts that the server has been told
    store.onArrival = (message, mine) => this.#arrived(message, mine);
    store.onViewGone = (viewId) => this.modals.gone(viewId);
    store.subscribe(() => this.draw());
    setInterval(() => this.#tick(), TICK_MS);
  }

  // ---- drawing -----------------------------------------------------------------------------------------------------------

  mount(root) {
    this.scrim = h("div", { class: "scrim", on: { click: () => this.closeDrawer() } });
    this.offline = h("div", { class: "offline", role: "status", hidden: true }, h("span", { class: "spinner", "aria-hidden": "true" }), "Connection lost. Trying again…");
    root.replaceChildren(this.offline, this.sidebar.node, this.scrim, this.main.node, this.thread.node);
    document.body.append(this.announcer.polite, this.announcer.toasts);
  }

  draw() {
    this.sidebar.draw();
    this.main.draw();
    this.thread.draw();
    this.modals.draw();
    this.offline.hidden = this.store.online || !this.store.everOnline;
    this.#drawTitle();
    settlePopup();
    this.#readOn();
  }

  // "4 minutes ago" goes on being true.
  #tick() {
    for (const node of document.querySelectorAll("time[data-ago]")) node.textContent = formatDate(Number(node.dataset.seconds), node.dataset.ago);
    this.store.changed();
  }

  #drawTitle() {
    const { store } = this;
    const others = [...store.channels.values()];
    const called = others.reduce((sum, channel) => sum + (channel.mentions ?? 0), 0);
    const unread = others.some((channel) => channel.unread > 0);
    const place = store.route.place === "home" ? `${store.app.name} Home` : placeName(store, store.route.channel);
    document.title = `${called ? `(${called}) ` : unread ? "• " : ""}${place} · ${store.me.name} · ${store.team.name}`;
  }

  toast(text, kind) {
    this.announcer.toast(text, kind);
  }

  // ---- places ------------------------------------------------------------------------------------------------------------

  /** Goes where `route` says; `focus` puts the keyboard where one would type next. */
  go(route, { focus = false, replace = false } = {}) {
    const hash = hashOf(route);
    if (hash !== location.hash) {
      if (replace) history.replaceState(null, "", hash);
      else history.pushState(null, "", hash);
    }
    this.arrive({ focus });
  }

  /** Takes the address as it now is. */
  arrive({ focus = false } = {}) {
    const { store } = this;
    const route = readRoute();
    const known = route.place === "home" || store.channels.has(route.channel);
    if (!known) {
      this.go(this.#startPlace(), { replace: true, focus });
      return;
    }
    const before = store.route;
    closePopup();
    this.closeDrawer({ keepFocus: true });
    store.route = { ...route, as: before.as };
    if (route.place === "channel") {
      localStorage.setItem(`${LAST_PLACE}:${store.me.name}`, route.channel);
      if (before.channel !== route.channel || before.place !== "channel" || !store.newSince.has(route.channel)) {
        const channel = store.channels.get(route.channel);
        if (channel.unread > 0) store.newSince.set(route.channel, channel.last_read ?? "0");
        else store.newSince.delete(route.channel);
      }
      this.#load(route.channel);
      if (route.thread) this.#load(`${route.channel}/${route.thread}`);
    } else {
      this.#loadHome();
    }
    store.changed();
    if (focus) setTimeout(() => (route.thread ? this.thread : this.main).composer.focus(), 0);
  }

  #startPlace() {
    const { store } = this;
    const last = localStorage.getItem(`${LAST_PLACE}:${store.me.name}`);
    const channel = store.channels.get(last) ?? [...store.channels.values()].find((other) => !other.is_im) ?? store.dm();
    return channel ? { place: "channel", channel: channel.id, thread: "" } : { place: "home", channel: "", thread: "" };
  }

  openThread(channel, ts) {
    this.go({ place: "channel", channel, thread: ts });
    setTimeout(() => this.thread.composer.focus(), 0);
  }

  closeThread() {
    const { channel, thread } = this.store.route;
    this.go({ place: "channel", channel, thread: "" });
    const row = this.main.list.holder.querySelector(`[data-ts="${CSS.escape(thread)}"]`);
    setTimeout(() => (row ?? this.main.composer.input).focus(), 0);
  }

  openSwitcher() {
    this.closeDrawer({ keepFocus: true });
    openSwitcher(this);
  }

  /** The channel above (-1) or below (+1) in the sidebar. */
  step(by) {
    const stops = [...this.sidebar.node.querySelectorAll(".side-item")];
    const at = stops.findIndex((item) => item.getAttribute("aria-current"));
    const next = stops[(at + by + stops.length) % stops.length];
    if (next) this.go(readRoute(new URL(next.href)), { focus: true });
  }

  openDrawer() {
    document.body.classList.add("with-drawer");
    this.sidebar.node.querySelector(".drawer-close")?.focus();
  }

  closeDrawer({ keepFocus = false } = {}) {
    if (!document.body.classList.contains("with-drawer")) return;
    document.body.classList.remove("with-drawer");
    if (!keepFocus) this.main.header.querySelector(".drawer-open")?.focus();
  }

  cycleTheme() {
    const next = { auto: "light", light: "dark", dark: "auto" }[themeNow()];
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    localStorage.setItem("workspace:theme", next);
    this.announcer.say(`Theme: ${next}`);
    this.store.changed();
  }

  // ---- loading -----------------------------------------------------------------------------------------------------------

  async #load(key, { again = false } = {}) {
    const { store } = this;
    if (store.loaded.has(key) && !again) return;
    const [channel, threadTs] = key.split("/");
    try {
      const answer = await this.api.history(channel, { threadTs, limit: threadTs ? 1000 : HISTORY_PAGE });
      if (again) this.#forgetStale(key, answer);
      store.addHistory(key, answer.messages, !threadTs && answer.has_more);
    } catch (error) {
      this.toast(error.message, "error");
      // A link to a thread that is gone still leads to its channel.
      if (threadTs && error.status === 404 && store.route.thread === threadTs) this.go({ place: "channel", channel, thread: "" }, { replace: true });
    }
  }

  // After a gap, what the server no longer has is gone here too.
  #forgetStale(key, answer) {
    const fresh = new Set(answer.messages.map((message) => message.ts));
    const from = answer.has_more ? answer.messages[0]?.ts : "0";
    for (const message of this.store.messages(key)) {
      if (!message.ephemeral && !fresh.has(message.ts) && compareTs(message.ts, from) >= 0) this.store.list(key).delete(message.ts);
    }
  }

  async loadOlder(key) {
    const oldest = this.store.messages(key).find((message) => !message.ephemeral)?.ts;
    if (!oldest) return;
    try {
      const answer = await this.api.history(key, { before: oldest, limit: HISTORY_PAGE });
      this.store.addHistory(key, answer.messages, answer.has_more);
    } catch (error) {
      this.toast(error.message, "error");
    }
  }

  async #loadHome() {
    try {
      const answer = await this.api.home();
      if (answer.view || !this.store.home) this.store.home = answer.view;
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== "app_unreachable") this.toast(error.message, "error");
    }
    this.store.homeLoaded = true;
    this.store.changed();
  }

  /** Everything once more: after the server came back, or when it says that events were missed. */
  async refresh() {
    const { store } = this;
    try {
      store.setBoot(await this.api.boot());
    } catch (error) {
      this.toast(error.message, "error");
      return;
    }
    const { route } = store;
    const shown = route.place === "channel" ? [route.channel, route.thread && `${route.channel}/${route.thread}`].filter(Boolean) : [];
    for (const key of [...store.loaded.keys()]) if (!shown.includes(key)) store.loaded.delete(key);
    await Promise.all(shown.map((key) => this.#load(key, { again: true })));
    if (route.place === "home") await this.#loadHome();
  }

  // ---- reading -----------------------------------------------------------------------------------------------------------

  #arrived(message, mine) {
    const { store } = this;
    const inThread = message.thread_ts && message.thread_ts !== message.ts;
    const here = store.route.place === "channel" && store.route.channel === message.channel;
    setTimeout(() => {
      if (here && !inThread) this.main.list.arrived(mine);
      if (here && inThread && store.route.thread === message.thread_ts) this.thread.list.arrived(mine);
    }, 0);
    if (mine) return;
    if (here && !inThread && !document.hasFocus() && !store.newSince.has(message.channel)) {
      store.newSince.set(message.channel, store.channels.get(message.channel)?.last_read ?? "0");
    }
    const called = mentions(store, message.text ?? "");
    if (!here && !called) return;
    const name = store.isApp(message) ? message.username || store.app.name : store.users.get(message.user)?.real_name || "Somebody";
    const where = here ? "" : ` in ${placeName(store, message.channel)}`;
    this.announcer.say(`${name}${where}${message.ephemeral ? ", only visible to you" : ""}: ${plainOf(store, message.text || "").slice(0, 300)}`);
  }

  sawBottom() {
    this.#readOn();
  }

  // Moves the read mark to the newest message, while somebody is looking at it.
  #readOn() {
    const { store } = this;
    const { route } = store;
    if (route.place !== "channel" || document.hidden || !document.hasFocus() || !this.main.list.pinned || !store.loaded.has(route.channel)) return;
    const newest = store.messages(route.channel).filter((message) => !message.ephemeral).pop();
    const channel = store.channels.get(route.channel);
    if (!newest || !channel || compareTs(newest.ts, channel.last_read ?? "0") <= 0) return;
    if (compareTs(newest.ts, this.reading.get(channel.id) ?? "0") <= 0) return;
    this.reading.set(channel.id, newest.ts);
    store.channels.set(channel.id, { ...channel, last_read: newest.ts, unread: 0, mentions: 0 });
    store.changed();
    this.api.read(channel.id, newest.ts).catch(() => this.reading.delete(channel.id));
  }

  // ---- doing -------------------------------------------------------------------------------------------------------------

  async send(channel, text, threadTs, waiting) {
    const { store } = this;
    const command = !threadTs && /^\/[\w-]+/.test(text);
    const entry = waiting ?? { id: `pending-${crypto.randomUUID()}`, channel, threadTs, text, command, list: threadTs ? `${channel}/${threadTs}` : channel };
    Object.assign(entry, { state: "sending", error: "", at: Date.now() / 1000 });
    if (!waiting) store.addPending(entry);
    else store.changed();
    setTimeout(() => (threadTs ? this.thread : this.main).list.toBottom(), 0);
    try {
      await this.api.send(channel, text, threadTs);
      // The message itself comes as an event, and that takes the waiting row away; an answer without it does so soon.
      if (command) store.dropPending(entry.id);
      else setTimeout(() => store.dropPending(entry.id), 1_500);
    } catch (error) {
      if (command && error.code.startsWith("app_")) {
        // Slackbot says so in the channel, as in Slack; the command is put back to be tried again.
        store.dropPending(entry.id);
        this.toast(failureText(store, error, true), "error");
        if (!this.main.composer.input.value && store.route.channel === channel) this.main.composer.write(text);
        return;
      }
      entry.state = "failed";
      entry.error = failureText(store, error, command);
      store.changed();
    }
  }

  retry(entry) {
    this.send(entry.channel, entry.text, entry.threadTs, entry);
  }

  discard(entry) {
    this.store.dropPending(entry.id);
    (entry.threadTs ? this.thread : this.main).composer.focus();
  }

  async react(message, name, remove) {
    try {
      await this.api.react(message.channel, message.ts, name, remove);
    } catch (error) {
      this.toast(error.message, "error");
    }
  }

  async runShortcut(shortcut, message) {
    try {
      await this.api.shortcut(shortcut.callback_id, message ? { channel: message.channel, ts: message.ts } : undefined);
    } catch (error) {
      this.toast(failureText(this.store, error, true), "error");
    }
  }

  dismiss(message) {
    this.dismissed.add(`${message.channel}/${message.ts}`);
    sessionStorage.setItem(this.#dismissKey(), JSON.stringify([...this.dismissed].slice(-200)));
    this.store.drop(message.channel, message.ts);
    this.store.changed();
    this.main.composer.focus();
  }

  isDismissed(message) {
    return Boolean(message.ephemeral) && this.dismissed.has(`${message.channel}/${message.ts}`);
  }

  #dismissKey() {
    return `dismissed:${this.store.route.as}`;
  }

  copyLink(message) {
    const thread = message.thread_ts || message.ts;
    this.#copy(new URL(hrefOf(this.store.me.name, { place: "channel", channel: message.channel, thread }), location.href).href, "Link copied");
  }

  copyText(message) {
    this.#copy(plainOf(this.store, message.text), "Text copied");
  }

  #copy(text, done) {
    navigator.clipboard.writeText(text).then(
      () => this.toast(done),
      () => this.toast("The browser did not allow copying.", "error"),
    );
  }
}

function failureText(store, error, command) {
  if (error.code === "app_unreachable") return `${store.app.name} did not answer within 3 seconds. ${command ? "Is it running?" : ""}`.trim();
  return error.message;
}
