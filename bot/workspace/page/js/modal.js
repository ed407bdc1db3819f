// The stack of modals that the app has opened: the top one is shown, submitted and closed. Errors from a submission stand
// under their inputs. The dialog's shell (focus, Escape) is dialog.js's.

import { problems, collect } from "./blocks/values.js";
import { renderBlocks } from "./blocks/index.js";
import { openDialog } from "./dialog.js";
import { fill, focusable, h } from "./dom.js";
import { icon } from "./icons.js";
import { makeContext } from "./interact.js";
import { closePopup } from "./popup.js";
import { renderPlain } from "./text.js";

export class Modals {
  constructor(page) {
    this.page = page;
    this.dialog = null;
    this.shown = "";
    this.errors = new Map(); // view id -> {block_id: sentence}
    this.working = new Set();
    this.failures = new Map();
    this.version = 0;
  }

  draw() {
    const { views } = this.page.store;
    const view = views[views.length - 1];
    if (!view) {
      this.#hide();
      return;
    }
    const signature = [view, views.length, this.page.store.form(view.id).version, this.version, this.page.store.peopleVersion];
    if (this.drawn?.every((part, index) => part === signature[index])) return;
    this.drawn = signature;
    if (!this.dialog) this.#show();
    const fresh = this.shown !== view.id;
    if (fresh) {
      closePopup();
      this.dialog.replaceChildren();
    }
    this.shown = view.id;
    fill(this.dialog, this.#content(view, views.length));
    if (fresh) this.#focusFirst();
  }

  /** A view is gone, whoever closed it. */
  gone(viewId) {
    this.errors.delete(viewId);
    this.failures.delete(viewId);
    this.working.delete(viewId);
  }

  #show() {
    this.dialog = h("dialog", { class: "dialog modal", "aria-labelledby": "modal-title" });
    this.release = openDialog(this.dialog, () => this.#closeTop());
  }

  #hide() {
    this.drawn = null;
    if (!this.dialog) return;
    closePopup();
    this.release();
    this.dialog = null;
    this.shown = "";
  }

  #content(view, depth) {
    const { page } = this;
    const ctx = makeContext(page, {
      target: { type: "view", view_id: view.id },
      blocks: view.blocks,
      key: view.id,
      prefix: `view-${view.id}`,
      errors: this.errors.get(view.id),
    });
    const working = this.working.has(view.id);
    const failure = this.failures.get(view.id);
    const hasInput = view.blocks.some((block) => block.type === "input");
    const held = working || view.submit_disabled;
    return h(
      "form",
      {
        class: "modal-form",
        key: view.id,
        novalidate: true,
        on: {
          submit: (event) => {
            event.preventDefault();
            this.#submit(view);
          },
        },
      },
      h(
        "header",
        { class: "dialog-head" },
        depth > 1
          ? h("button", { class: "icon-btn", type: "button", "aria-label": "Back", on: { click: () => this.#closeTop() } }, icon("left"))
          : h("span", { class: "dialog-app", "aria-hidden": "true" }, icon("bell", 18)),
        h("h2", { id: "modal-title" }, renderPlain(textOf(view.title) || page.store.app.name)),
        h("button", { class: "icon-btn", type: "button", "aria-label": "Close", on: { click: () => this.#closeAll() } }, icon("close")),
      ),
      h("div", { class: "dialog-body blocks", tabindex: "-1" }, renderBlocks(view.blocks, ctx)),
      failure && h("p", { class: "modal-failure", role: "alert" }, icon("warn", 16), failure),
      h(
        "footer",
        { class: "dialog-foot" },
        h("button", { class: "btn", type: "button", on: { click: () => this.#closeTop() } }, renderPlain(textOf(view.close) || (view.submit ? "Cancel" : "Close"))),
        (view.submit || hasInput) &&
          h(
            "button",
            { class: `btn btn-primary${working ? " busy" : ""}`, type: "submit", "aria-busy": working ? "true" : null, "aria-disabled": held ? "true" : null },
            h("span", { class: "btn-label" }, renderPlain(textOf(view.submit) || "Submit")),
            working && h("span", { class: "spinner", "aria-hidden": "true" }),
          ),
      ),
    );
  }

  #focusFirst() {
    const wanted = this.dialog.querySelector("[data-autofocus]");
    const field = this.dialog.querySelector(".dialog-body input, .dialog-body textarea, .dialog-body [role=combobox]");
    const stops = focusable(this.dialog.querySelector(".dialog-foot"));
    (wanted ?? field ?? stops[stops.length - 1] ?? this.dialog).focus();
  }

  async #submit(view) {
    if (this.working.has(view.id) || view.submit_disabled) return;
    const { page } = this;
    const form = page.store.form(view.id);
    const found = problems(form, view.blocks);
    if (Object.keys(found).length) {
      this.#refuse(view, found);
      return;
    }
    this.errors.delete(view.id);
    this.failures.delete(view.id);
    this.working.add(view.id);
    this.#again();
    try {
      const answer = await page.api.submit(view.id, collect(form, view.blocks));
      if (answer.ok === false) this.#refuse(view, answer.errors ?? {});
    } catch (error) {
      this.failures.set(view.id, error.code === "app_unreachable" ? `${page.store.app.name} did not answer. What you entered is still here; try again.` : error.message);
    } finally {
      this.working.delete(view.id);
      this.#again();
    }
  }

  #refuse(view, errors) {
    const known = new Set(view.blocks.map((block) => block.block_id));
    const stray = Object.entries(errors).filter(([blockId]) => !known.has(blockId));
    if (stray.length) this.failures.set(view.id, stray.map(([, text]) => text).join(" "));
    this.errors.set(view.id, errors);
    this.version += 1;
    this.draw();
    const first = this.dialog?.querySelector('[aria-invalid="true"], .invalid input');
    first?.focus();
    first?.scrollIntoView({ block: "nearest" });
  }

  #again() {
    this.version += 1;
    this.draw();
  }

  async #closeTop() {
    const { store } = this.page;
    const view = store.views[store.views.length - 1];
    if (view) await this.#close(view);
  }

  async #closeAll() {
    const { store } = this.page;
    const top = store.views[store.views.length - 1];
    for (const view of [...store.views].reverse()) store.closeView(view.id);
    this.draw();
    if (top) await this.#tellClosed(top, true);
  }

  // Off the screen at once; the server tells the app, and says view_closed to this person's other pages.
  async #close(view) {
    this.page.store.closeView(view.id);
    this.draw();
    await this.#tellClosed(view, false);
  }

  async #tellClosed(view, clear) {
    try {
      await this.page.api.close(view.id, clear);
    } catch (error) {
      if (error.code === "offline") this.page.toast(error.message, "error");
    }
  }
}

function textOf(object) {
  return typeof object === "string" ? object : (object?.text ?? "");
}
