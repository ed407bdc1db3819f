// Everything the page knows, and how events change it. Messages are replaced, never altered, so that a view can tell by
// identity whether it has to draw again. Draws nothing and calls no server.

import { Form } from "./form.js";

export class Store {
  #subscribers = [];
  #scheduled = false;

  constructor() {
    this.team = { id: "", name: "" };
    this.me = null;
    this.users = new Map();
    this.channels = new Map();
    this.groups = new Map();
    this.app = { id: "", name: "", bot_user_id: "", commands: [], shortcuts: [], connected: false };
    this.hints = [];
    this.lists = new Map(); // "C1" or "C1/thread ts" -> Map ts -> Message
    this.loaded = new Map(); // list key -> {hasMore}
    this.pending = [];
    this.views = [];
    this.home = null;
    this.homeLoaded = false;
    this.online = false;
    this.everOnline = false;
    this.route = { as: "", place: "channel", channel: "", thread: "" };
    this.newSince = new Map(); // channel -> the read mark as it was when the channel was opened
    this.bootSeq = -1;
    this.forms = new Map();
    this.peopleVersion = 0;
    this.onArrival = () => {};
    this.onViewGone = () => {};
    this.onResync = () => {};
  }

  subscribe(draw) {
    this.#subscribers.push(draw);
  }

  /** Draws once, soon, however many changes come together. A timer and not a frame: hidden tabs have no frames. */
  changed() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => {
      this.#scheduled = false;
      for (const draw of this.#subscribers) draw();
    }, 0);
  }

  setBoot(boot) {
    this.team = boot.team;
    this.me = boot.me;
    this.users = new Map(boot.users.map((user) => [user.id, user]));
    this.channels = new Map(boot.channels.map((channel) => [channel.id, channel]));
    this.groups = new Map((boot.usergroups ?? []).map((group) => [group.id, group]));
    this.app = { commands: [], shortcuts: [], ...boot.app };
    this.hints = boot.hints ?? [];
    this.bootSeq = boot.seq ?? -1;
    if (boot.views) this.#setViews(boot.views);
    this.peopleVersion += 1;
    this.changed();
  }

  // Modals that were open when the page was loaded come back with what had been entered.
  #setViews(views) {
    for (const view of this.views) if (!views.some((other) => other.id === view.id)) this.onViewGone(view.id);
    for (const view of views) {
      if (this.views.some((other) => other.id === view.id)) continue;
      const form = this.form(view.id);
      for (const [blockId, actions] of Object.entries(view.state?.values ?? {})) {
        for (const [actionId, value] of Object.entries(actions)) form.set(blockId, actionId, value, { quiet: true });
      }
    }
    this.views = views;
  }

  form(container) {
    if (!this.forms.has(container)) this.forms.set(container, new Form(() => this.changed()));
    return this.forms.get(container);
  }

  list(key) {
    if (!this.lists.has(key)) this.lists.set(key, new Map());
    return this.lists.get(key);
  }

  /** The messages of a list, oldest first. */
  messages(key) {
    return [...this.list(key).values()].sort((a, b) => compareTs(a.ts, b.ts));
  }

  find(channel, ts) {
    for (const [key, list] of this.lists) {
      if ((key === channel || key.startsWith(`${channel}/`)) && list.has(ts)) return list.get(ts);
    }
    return null;
  }

  dm() {
    return [...this.channels.values()].find((channel) => channel.is_im && !channel.user) ?? [...this.channels.values()].find((channel) => channel.is_im);
  }

  isApp(message) {
    return Boolean(message.bot_id) || message.user === this.app.bot_user_id;
  }

  addHistory(key, messages, hasMore) {
    const list = this.list(key);
    for (const message of messages) list.set(message.ts, message);
    this.loaded.set(key, { hasMore: Boolean(hasMore) });
    this.changed();
  }

  /** Applies one event of the stream. Events that it does not know are ignored, loudly. */
  apply(event) {
    const handler = HANDLERS[event.type];
    if (handler) handler(this, event);
    else console.warn("an event of a type this page does not know", event);
    this.changed();
  }

  put(message) {
    for (const key of keysOf(message)) if (this.loaded.has(key) || this.lists.has(key)) this.list(key).set(message.ts, message);
  }

  drop(channel, ts) {
    for (const [key, list] of this.lists) if (key === channel || key.startsWith(`${channel}/`)) list.delete(ts);
  }

  addPending(entry) {
    this.pending.push(entry);
    this.changed();
  }

  dropPending(id) {
    this.pending = this.pending.filter((entry) => entry.id !== id);
    this.changed();
  }

  closeView(viewId) {
    if (!this.views.some((view) => view.id === viewId)) return;
    this.views = this.views.filter((view) => view.id !== viewId);
    this.forms.delete(viewId);
    this.onViewGone(viewId);
    this.changed();
  }
}

export function compareTs(a, b) {
  return Number(a) - Number(b) || (a < b ? -1 : a > b ? 1 : 0);
}

/** The lists that a message belongs to: a reply to its thread, a parent to its channel and its own thread. */
export function keysOf(message) {
  if (message.thread_ts && message.thread_ts !== message.ts) return [`${message.channel}/${message.thread_ts}`];
  return [message.channel, `${message.channel}/${message.ts}`];
}

/** Whether `text` calls on this person, by name or with everybody. */
export function mentions(store, text) {
  return text.includes(`<@${store.me?.id}`) || /<!(here|channel|everyone)/.test(text);
}

const HANDLERS = {
  message(store, { message, seq }) {
    const mine = message.user === store.me?.id && !message.bot_id;
    const isNew = !store.find(message.channel, message.ts);
    if (mine) {
      // The server keeps the order of what is sent, so the oldest one that waits here is this one.
      const waiting = store.pending.find(
        (entry) => entry.state === "sending" && !entry.command && entry.channel === message.channel && (entry.threadTs || "") === replyTs(message),
      );
      if (waiting) store.dropPending(waiting.id);
    }
    store.put(message);
    if (!isNew) return;
    if (replyTs(message)) countReply(store, message);
    else if (!mine && !(seq <= store.bootSeq)) countUnread(store, message);
    store.onArrival(message, mine);
  },
  message_changed(store, { message }) {
    store.put(message);
  },
  message_deleted(store, { channel, ts }) {
    store.drop(channel, ts);
  },
  ephemeral(store, { message }) {
    store.put({ ...message, ephemeral: true });
    store.onArrival(message, false);
  },
  ephemeral_changed(store, { message }) {
    store.put({ ...message, ephemeral: true });
  },
  ephemeral_deleted(store, { channel, ts }) {
    store.drop(channel, ts);
  },
  view_opened(store, { view }) {
    store.views = [...store.views.filter((other) => other.id !== view.id), view];
  },
  view_pushed(store, { view }) {
    store.views = [...store.views.filter((other) => other.id !== view.id), view];
  },
  view_updated(store, { view }) {
    if (view.type === "home") store.home = view;
    else store.views = store.views.map((other) => (other.id === view.id ? view : other));
  },
  view_closed(store, { view_id }) {
    store.closeView(view_id);
  },
  home(store, { view }) {
    store.home = view;
    store.homeLoaded = true;
  },
  read(store, { channel, last_read, unread, mentions: count }) {
    const known = store.channels.get(channel);
    if (known) store.channels.set(channel, { ...known, last_read, unread, mentions: count });
  },
  channel(store, { channel }) {
    store.channels.set(channel.id, { ...store.channels.get(channel.id), ...channel });
  },
  resync(store) {
    store.onResync();
  },
  presence(store, { connected }) {
    store.app = { ...store.app, connected };
  },
};

function replyTs(message) {
  return message.thread_ts && message.thread_ts !== message.ts ? message.thread_ts : "";
}

// The server's count in a later message_changed of the parent is authoritative; this keeps the line true until then.
function countReply(store, reply) {
  const parent = store.list(reply.channel).get(reply.thread_ts);
  if (!parent || compareTs(parent.latest_reply ?? "0", reply.ts) >= 0 || reply.ephemeral) return;
  store.put({
    ...parent,
    reply_count: (parent.reply_count ?? 0) + 1,
    reply_users: [...new Set([...(parent.reply_users ?? []), reply.user])],
    latest_reply: reply.ts,
  });
}

function countUnread(store, message) {
  const channel = store.channels.get(message.channel);
  if (!channel || compareTs(channel.last_read ?? "0", message.ts) >= 0) return;
  const called = channel.is_im || mentions(store, message.text ?? "");
  store.channels.set(channel.id, { ...channel, unread: (channel.unread ?? 0) + 1, mentions: (channel.mentions ?? 0) + (called ? 1 : 0) });
}
