// What is said in passing: toasts for the eye, a live region for screen readers.

import { h } from "./dom.js";
import { icon } from "./icons.js";

const TOAST_MS = 6_000;

export class Announcer {
  constructor() {
    this.polite = h("div", { class: "visually-hidden", role: "log", "aria-live": "polite", id: "announcer" });
    this.toasts = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
  }

  /** Speaks `text` to screen readers; keeps the last few lines, so that two of a kind are both spoken. */
  say(text) {
    this.polite.append(h("p", null, text));
    while (this.polite.childNodes.length > 5) this.polite.firstChild.remove();
  }

  toast(text, kind = "info") {
    const node = h(
      "div",
      { class: `toast toast-${kind}` },
      icon(kind === "error" ? "warn" : "check", 18),
      h("span", null, text),
      h("button", { class: "icon-btn", type: "button", "aria-label": "Dismiss", on: { click: () => node.remove() } }, icon("close", 16)),
    );
    // In an open dialog's own layer, or it would lie under the dialog's backdrop.
    const host = [...document.querySelectorAll("dialog[open]")].pop() ?? document.body;
    if (this.toasts.parentNode !== host) host.append(this.toasts);
    this.toasts.append(node);
    while (this.toasts.childNodes.length > 3) this.toasts.firstChild.remove();
    setTimeout(() => node.remove(), TOAST_MS);
  }
}
