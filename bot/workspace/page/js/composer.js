// Where people write: a growing text field with completion, a history of what was sent, drafts a channel, and the bar below
// it. Sending itself is the page's business (page.js).

import { localSuggestions, placed, take } from "./complete.js";
import { fill, h, uid } from "./dom.js";
import { icon } from "./icons.js";
import { renderAvatar } from "./people.js";
import { openMenu } from "./popup.js";

const HISTORY_KEPT = 50;

export class Composer {
  /** `options`: {inThread: bool}. Tell it where it stands with `at(channel, threadTs)`. */
  constructor(page, options) {
    this.page = page;
    this.options = options;
    this.place = "";
    this.suggestions = [];
    this.active = -1;
    this.recalled = -1;
    this.asked = 0;
    this.listId = uid("suggestions");
    this.input = h("textarea", {
      rows: "1",
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-haspopup": "listbox",
      "aria-expanded": "false",
      "aria-controls": this.listId,
      enterkeyhint: "send",
      spellcheck: "true",
      autocomplete: "off",
      on: { input: () => this.#typed(), keydown: (event) => this.#key(event), blur: () => setTimeout(() => this.#closeList(), 120) },
    });
    this.list = h("div", { class: "suggestions", role: "listbox", id: this.listId, "aria-label": "Suggestions", hidden: true });
    this.notice = h("div", { class: "composer-notice", role: "alert", hidden: true });
    this.sendButton = h("button", { class: "send-btn", type: "submit", "aria-label": "Send", title: "Send (Enter)" }, icon("send", 18));
    this.node = h(
      "form",
      { class: "composer", on: { submit: (event) => this.#submit(event) } },
      this.notice,
      h("div", { class: "composer-box" }, this.list, this.input, this.#bar()),
    );
  }

  at(channel, threadTs) {
    const place = `${channel}/${threadTs}`;
    if (place === this.place) return;
    this.place = place;
    this.channel = channel;
    this.threadTs = threadTs;
    this.recalled = -1;
    this.#say("");
    this.#closeList();
    this.#put(sessionStorage.getItem(this.#draftKey()) ?? "", false);
  }

  describe(label) {
    this.input.setAttribute("aria-label", label);
    this.input.placeholder = label;
  }

  focus() {
    this.input.focus({ preventScroll: true });
  }

  /** Puts text in, with the caret behind it, as if it had been typed. */
  write(text) {
    this.#put(text, true);
    this.focus();
    this.#suggest();
  }

  #draftKey() {
    return `draft:${this.page.store.route.as}:${this.place}`;
  }

  #put(text, keep) {
    this.input.value = text;
    this.input.setSelectionRange(text.length, text.length);
    this.#grow();
    if (keep) sessionStorage.setItem(this.#draftKey(), text);
  }

  #grow() {
    this.input.style.setProperty("height", "auto");
    this.input.style.setProperty("height", `${Math.min(this.input.scrollHeight, 240)}px`);
    this.sendButton.classList.toggle("ready", this.input.value.trim() !== "");
  }

  #typed() {
    this.recalled = -1;
    this.#grow();
    this.#say("");
    sessionStorage.setItem(this.#draftKey(), this.input.value);
    this.#suggest();
  }

  async #suggest() {
    const text = this.input.value;
    const caret = this.input.selectionStart;
    this.asked += 1;
    const asked = this.asked;
    const known = localSuggestions(this.page.store, text, caret);
    if (known) {
      this.#show(text, known);
      return;
    }
    if (this.suggestions.length && !text.startsWith(this.forText)) this.#closeList();
    let found = [];
    try {
      found = (await this.page.api.suggest(text, this.channel)).suggestions ?? [];
    } catch {
      found = []; // Completion is a convenience: without it, typing goes on.
    }
    if (asked === this.asked && this.input.value === text) this.#show(text, found.map((suggestion) => placed(text, suggestion)));
  }

  #show(text, suggestions) {
    this.forText = text;
    this.suggestions = suggestions.filter((suggestion) => take(text, suggestion).text.trimEnd() !== text.trimEnd());
    if (document.activeElement !== this.input) this.suggestions = [];
    // Enter takes what is marked, so nothing is marked where Enter should send: after a finished word.
    this.active = this.suggestions.length && !/\s$/.test(text) ? 0 : -1;
    this.#drawList();
  }

  #closeList() {
    if (!this.suggestions.length) return;
    this.suggestions = [];
    this.active = -1;
    this.#drawList();
  }

  #drawList() {
    const open = this.suggestions.length > 0;
    this.list.hidden = !open;
    this.input.setAttribute("aria-expanded", String(open));
    if (this.active >= 0) this.input.setAttribute("aria-activedescendant", `${this.listId}-${this.active}`);
    else this.input.removeAttribute("aria-activedescendant");
    fill(
      this.list,
      ...this.suggestions.map((suggestion, index) =>
        h(
          "div",
          {
            class: `suggestion${index === this.active ? " active" : ""}`,
            role: "option",
            id: `${this.listId}-${index}`,
            "aria-selected": String(index === this.active),
            on: {
              pointerdown: (event) => {
                event.preventDefault();
                this.#take(suggestion);
              },
            },
          },
          suggestion.user && renderAvatar(suggestion.user.avatar, { size: 20, app: suggestion.user.id === this.page.store.app.bot_user_id }),
          h("span", { class: "suggestion-label" }, suggestion.label),
          suggestion.hint && h("span", { class: "suggestion-hint" }, suggestion.hint),
        ),
      ),
      open && h("div", { class: "suggestion-keys", "aria-hidden": "true" }, h("kbd", null, "↑↓"), " choose ", h("kbd", null, "Tab"), " complete ", h("kbd", null, "Esc"), " close"),
    );
    this.list.querySelector(".suggestion.active")?.scrollIntoView({ block: "nearest" });
  }

  #take(suggestion) {
    const next = take(this.input.value, suggestion);
    this.input.value = next.text;
    this.input.setSelectionRange(next.caret, next.caret);
    this.#closeList();
    this.#typed();
  }

  #key(event) {
    if (event.isComposing) return;
    const open = this.suggestions.length > 0 && this.forText === this.input.value;
    if (open && this.#listKey(event)) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      this.#submit(event);
    } else if (event.key === "ArrowUp" && !event.shiftKey && (this.input.value === "" || this.recalled >= 0)) {
      this.#recall(event, 1);
    } else if (event.key === "ArrowDown" && this.recalled >= 0) {
      this.#recall(event, -1);
    } else if (event.key === "Escape" && !this.notice.hidden) {
      event.stopPropagation();
      this.#say("");
    }
  }

  // Answers whether the key was one of the list's.
  #listKey(event) {
    const count = this.suggestions.length;
    switch (event.key) {
      case "ArrowDown":
        this.active = (this.active + 1) % count;
        break;
      case "ArrowUp":
        this.active = this.active <= 0 ? count - 1 : this.active - 1;
        break;
      case "Tab":
        if (event.shiftKey) return false;
        this.#take(this.suggestions[Math.max(0, this.active)]);
        event.preventDefault();
        return true;
      case "Enter":
        if (event.shiftKey || this.active < 0) return false;
        this.#take(this.suggestions[this.active]);
        event.preventDefault();
        return true;
      case "Escape":
        event.preventDefault();
        event.stopPropagation();
        this.#closeList();
        return true;
      default:
        return false;
    }
    event.preventDefault();
    this.#drawList();
    return true;
  }

  #recall(event, step) {
    const history = JSON.parse(sessionStorage.getItem(this.#historyKey()) ?? "[]");
    const at = this.recalled + step;
    if (at >= history.length) return;
    event.preventDefault();
    this.recalled = at;
    this.#put(at < 0 ? "" : history[at], true);
    this.#closeList();
  }

  #historyKey() {
    return `sent:${this.page.store.route.as}`;
  }

  #remember(text) {
    const history = JSON.parse(sessionStorage.getItem(this.#historyKey()) ?? "[]").filter((other) => other !== text);
    sessionStorage.setItem(this.#historyKey(), JSON.stringify([text, ...history].slice(0, HISTORY_KEPT)));
  }

  #submit(event) {
    event.preventDefault();
    const text = this.input.value.trim();
    if (!text) return;
    const command = /^\/([\w-]+)(.*)$/s.exec(text);
    if (command && this.options.inThread) {
      this.#refuseInThread(command);
      return;
    }
    this.#remember(text);
    this.recalled = -1;
    this.#put("", true);
    this.#closeList();
    this.#say("");
    this.page.send(this.channel, text, this.threadTs);
  }

  #refuseInThread([, name, rest]) {
    const { store } = this.page;
    const handle = store.users.get(store.app.bot_user_id)?.name ?? store.app.name.toLowerCase();
    const verb = name === handle ? rest.trim() : `${name}${rest}`;
    const instead = `@${handle} ${verb}`;
    this.#say(
      h(
        "span",
        null,
        h("strong", null, `/${name}`),
        " can’t be used in a thread. Mention the app instead: ",
        h("button", { class: "link-btn", type: "button", on: { click: () => this.write(instead) } }, instead),
      ),
    );
  }

  #say(...nodes) {
    const text = nodes.filter(Boolean);
    this.notice.hidden = !text.length;
    fill(this.notice, ...(text.length ? [icon("warn", 16), ...text] : []));
  }

  #bar() {
    const shortcut = h(
      "button",
      {
        class: "tool bar-tool",
        type: "button",
        "aria-label": "Shortcuts and commands",
        title: "Shortcuts and commands",
        "aria-haspopup": "menu",
        "aria-expanded": "false",
        on: { click: (event) => openMenu(event.currentTarget, this.#shortcuts(), { label: "Shortcuts and commands", width: 300 }) },
      },
      icon("bolt", 18),
    );
    const mention = h("button", { class: "tool bar-tool", type: "button", "aria-label": "Mention somebody", title: "Mention somebody", on: { click: () => this.#insert("@") } }, icon("at", 18));
    return h(
      "div",
      { class: "composer-bar" },
      shortcut,
      mention,
      h("span", { class: "bar-hint", "aria-hidden": "true" }, h("kbd", null, "Enter"), " to send · ", h("kbd", null, "Shift Enter"), " for a new line"),
      this.sendButton,
    );
  }

  #shortcuts() {
    const { store } = this.page;
    const global = store.app.shortcuts.filter((shortcut) => shortcut.type === "global");
    const items = [];
    if (global.length) items.push({ heading: "Shortcuts" });
    items.push(...global.map((shortcut) => ({ label: shortcut.name, hint: store.app.name, icon: icon("bolt", 16), pick: () => this.page.runShortcut(shortcut) })));
    if (!this.options.inThread && store.app.commands.length) {
      items.push({ heading: "Commands" });
      items.push(
        ...store.app.commands.map((command) => ({
          label: command.command,
          hint: [command.usage_hint, command.description].filter(Boolean).join(" — "),
          icon: icon("slash", 16),
          pick: () => this.write(`${command.command} `),
        })),
      );
    }
    if (!items.length) items.push({ label: "This app has no shortcuts", pick: () => {} });
    return items;
  }

  #insert(text) {
    const { selectionStart: start, selectionEnd: end, value } = this.input;
    const lead = start > 0 && !/\s$/.test(value.slice(0, start)) ? ` ${text}` : text;
    this.input.setRangeText(lead, start, end, "end");
    this.focus();
    this.#typed();
  }
}
