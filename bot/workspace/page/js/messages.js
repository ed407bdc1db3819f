// A list of messages that scrolls: rows reused by identity, day and "New" lines, older history on the way up, pinned to the
// bottom only while the reader is there, and moved through with the arrow keys.

import { ago, clock, dayKey, dayName } from "./dates.js";
import { arrange, h, morph } from "./dom.js";
import { icon } from "./icons.js";
import { renderMessage } from "./message.js";
import { renderAvatar } from "./people.js";
import { compareTs } from "./store.js";

const GROUP_SECONDS = 300;
const NEAR_BOTTOM_PX = 48;

export class MessageList {
  /** `options`: {place: "main" | "thread", label(), intro() -> node or null, onTop()}. */
  constructor(page, options) {
    this.page = page;
    this.options = options;
    this.key = "";
    this.rows = new Map(); // row key -> {node, signature}
    this.pinned = true;
    this.unseen = 0;
    this.scroller = h("div", { class: "scroller", on: { scroll: () => this.#scrolled() } });
    this.holder = h("div", { class: "messages", role: "list", on: { keydown: (event) => this.#key(event), focusin: (event) => this.#rove(event) } });
    this.scroller.append(this.holder);
    this.jump = h(
      "button",
      { class: "jump", type: "button", hidden: true, on: { click: () => this.toBottom() } },
      h("span", null, "Latest messages"),
      icon("down", 16),
    );
    this.node = h("div", { class: "list-frame" }, this.scroller, this.jump);
    new ResizeObserver(() => this.#keepPlace()).observe(this.holder);
    new ResizeObserver(() => this.#keepPlace()).observe(this.scroller);
  }

  /** Draws the list of `key` ("C1" or "C1/thread ts"); another key than before starts at the bottom, or at "New". */
  draw(key) {
    const fresh = key !== this.key;
    if (fresh) {
      this.rows.clear();
      this.pinned = true;
      this.unseen = 0;
      this.key = key;
      this.reached = false;
    }
    this.holder.setAttribute("aria-label", this.options.label());
    const nodes = this.#nodes();
    arrange(this.holder, nodes);
    if (!this.holder.querySelector('.message[tabindex="0"]')) this.holder.querySelector(".message:last-of-type")?.setAttribute("tabindex", "0");
    if (!this.reached && this.page.store.loaded.has(key)) {
      this.reached = true;
      this.#start();
    }
    this.#keepPlace();
  }

  /** A message has come in that may lie below what the reader sees. */
  arrived(mine) {
    if (mine) this.toBottom();
    else if (!this.pinned) {
      this.unseen += 1;
      this.#drawJump();
    }
  }

  toBottom() {
    this.pinned = true;
    this.unseen = 0;
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#drawJump();
  }

  focusLast() {
    const rows = this.holder.querySelectorAll(".message");
    rows[rows.length - 1]?.focus();
  }

  #nodes() {
    const { page, options } = this;
    const { store } = page;
    const messages = store.messages(this.key);
    const newSince = options.place === "main" ? store.newSince.get(this.key) : undefined;
    const used = new Set();
    const nodes = [];
    const row = (rowKey, signature, build) => {
      used.add(rowKey);
      const known = this.rows.get(rowKey);
      if (known && known.signature.length === signature.length && known.signature.every((part, index) => part === signature[index])) {
        nodes.push(known.node);
        return;
      }
      const built = build();
      const tabindex = known?.node.getAttribute("tabindex");
      if (tabindex) built.setAttribute("tabindex", tabindex);
      const node = known ? morph(known.node, built) : built;
      this.rows.set(rowKey, { node, signature });
      nodes.push(node);
    };
    const intro = store.loaded.has(this.key) && !store.loaded.get(this.key).hasMore ? options.intro() : null;
    if (intro) row("intro", [intro.dataset.sig ?? ""], () => intro);
    let previous = null;
    let newShown = false;
    for (const message of messages) {
      if (page.isDismissed(message)) continue;
      const day = dayKey(message.ts);
      const starts = !previous || dayKey(previous.ts) !== day;
      if (starts && options.place === "main") row(`day-${day}`, [dayName(message.ts)], () => dayLine(message.ts));
      let isNew = false;
      if (newSince !== undefined && !newShown && compareTs(message.ts, newSince) > 0 && message.user !== store.me?.id && !message.ephemeral) {
        newShown = true;
        isNew = true;
        row("new", [], () => h("div", { class: "new-line", role: "listitem" }, h("span", null, "New")));
      }
      const grouped = !starts && !isNew && groups(previous, message);
      const form = store.forms.get(`${message.channel}/${message.ts}`);
      const age = message.reply_count ? ago(message.latest_reply ?? message.ts) : "";
      row(message.ts, [message, grouped, form?.version ?? 0, store.peopleVersion, age], () =>
        renderMessage(page, message, { grouped, inThread: options.place === "thread", place: options.place }),
      );
      if (options.place === "thread" && message.ts === this.key.split("/")[1]) {
        row("replies", [message.reply_count], () => repliesLine(message.reply_count ?? 0));
        previous = null;
      } else {
        previous = message;
      }
    }
    for (const entry of store.pending.filter((waiting) => waiting.list === this.key)) {
      row(entry.id, [entry.state, entry.error], () => pendingRow(page, entry));
    }
    for (const known of [...this.rows.keys()]) if (!used.has(known)) this.rows.delete(known);
    return nodes;
  }

  #start() {
    const line = this.holder.querySelector(".new-line");
    this.toBottom();
    if (line && line.offsetTop < this.scroller.scrollTop) {
      this.pinned = false;
      this.scroller.scrollTop = line.offsetTop - 64;
    }
  }

  #keepPlace() {
    if (this.pinned) this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  #scrolled() {
    const left = this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight;
    this.pinned = left <= NEAR_BOTTOM_PX;
    if (this.pinned) this.unseen = 0;
    this.#drawJump();
    if (this.pinned) this.page.sawBottom(this);
    if (this.scroller.scrollTop < 200 && !this.loadingOlder) this.#older();
  }

  async #older() {
    const state = this.page.store.loaded.get(this.key);
    if (!state?.hasMore || !this.options.onTop) return;
    this.loadingOlder = true;
    const before = this.scroller.scrollHeight - this.scroller.scrollTop;
    try {
      await this.options.onTop(this.key);
      this.draw(this.key);
      this.scroller.scrollTop = this.scroller.scrollHeight - before;
    } finally {
      this.loadingOlder = false;
    }
  }

  #drawJump() {
    this.jump.hidden = this.pinned;
    this.jump.firstChild.textContent = this.unseen ? `${this.unseen} new message${this.unseen === 1 ? "" : "s"}` : "Latest messages";
    this.jump.classList.toggle("has-new", this.unseen > 0);
  }

  // One row takes part in the Tab order; the arrows move it.
  #rove(event) {
    const row = event.target.closest(".message");
    if (!row) return;
    for (const other of this.holder.querySelectorAll('.message[tabindex="0"]')) if (other !== row) other.setAttribute("tabindex", "-1");
    row.setAttribute("tabindex", "0");
    for (const tool of this.holder.querySelectorAll(".tool")) tool.tabIndex = row.contains(tool) ? 0 : -1;
  }

  #key(event) {
    const row = event.target.closest(".message");
    if (!row || (event.target !== row && !event.target.classList.contains("tool")) || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = [...this.holder.querySelectorAll(".message")];
    const at = rows.indexOf(row);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      if (rows[to]) {
        rows[to].focus();
        rows[to].scrollIntoView({ block: "nearest" });
      } else if (to >= rows.length) this.options.onLeave?.();
    } else if (event.key === "t" || event.key === "T" || event.key === "ArrowRight") {
      row.querySelector('[data-tool="thread"]')?.click();
    } else if (event.key === "m" || event.key === "M") {
      row.querySelector('[data-tool="more"]')?.click();
    } else return;
    event.preventDefault();
  }
}

function groups(previous, message) {
  return Boolean(
    previous &&
      previous.user === message.user &&
      (previous.username ?? "") === (message.username ?? "") &&
      Boolean(previous.ephemeral) === Boolean(message.ephemeral) &&
      !message.ephemeral &&
      !previous.deleted &&
      // A card is a thing of its own and says whose it is.
      !message.blocks?.length &&
      Number(message.ts) - Number(previous.ts) < GROUP_SECONDS,
  );
}

function dayLine(ts) {
  return h("div", { class: "day-line", role: "listitem" }, h("span", null, dayName(ts)));
}

function repliesLine(count) {
  if (!count) return h("div", { class: "replies-line empty", role: "presentation" });
  return h("div", { class: "replies-line", role: "listitem" }, h("span", null, `${count} ${count === 1 ? "reply" : "replies"}`));
}

function pendingRow(page, entry) {
  const me = page.store.me;
  const failed = entry.state === "failed";
  const what = entry.command ? h("code", { class: "code" }, entry.text) : entry.text;
  return h(
    "div",
    { class: `message pending${failed ? " failed" : ""}`, role: "listitem", tabindex: "-1", key: entry.id, "data-pending": entry.state },
    h("div", { class: "gutter" }, renderAvatar(me.avatar)),
    h(
      "div",
      { class: "message-main" },
      h("div", { class: "byline" }, h("span", { class: "author" }, me.real_name || me.name), h("time", { class: "time" }, failed ? "not sent" : clock(entry.at))),
      h("div", { class: "message-content pending-text" }, what),
      failed
        ? h(
            "div",
            { class: "failure", role: "alert" },
            icon("warn", 16),
            h("span", { class: "failure-text" }, entry.error),
            h("button", { class: "link-btn", type: "button", on: { click: () => page.retry(entry) } }, "Try again"),
            h("button", { class: "link-btn", type: "button", on: { click: () => page.discard(entry) } }, "Discard"),
          )
        : entry.command && h("div", { class: "sending" }, h("span", { class: "spinner", "aria-hidden": "true" }), `Waiting for ${page.store.app.name}…`),
    ),
  );
}
