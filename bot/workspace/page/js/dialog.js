// Modal dialogs on the browser's own <dialog>: the shell that keeps the focus in and gives it back, and the
// confirmation that Block Kit elements ask for. What stands in a Slack modal is modal.js's business.

import { h, trapTab, uid } from "./dom.js";
import { icon } from "./icons.js";
import { popupIsOpen } from "./popup.js";
import { renderPlain, renderText } from "./text.js";

/** Opens `node` (a <dialog>) modally; Escape calls `onEscape`; closing gives the focus back to where it was. */
export function openDialog(node, onEscape) {
  const before = document.activeElement;
  node.addEventListener("cancel", (event) => {
    event.preventDefault();
    if (!popupIsOpen()) onEscape();
  });
  node.addEventListener("keydown", (event) => {
    if (popupIsOpen()) return;
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      onEscape();
    } else {
      trapTab(event, node);
    }
  });
  document.body.append(node);
  node.showModal();
  return () => {
    node.close();
    node.remove();
    if (before?.isConnected) before.focus();
    else document.querySelector(".composer textarea")?.focus();
  };
}

/** Block Kit's confirm object {title, text, confirm, deny, style} as a question; resolves to whether it was confirmed. */
export function askConfirm(store, confirm) {
  return new Promise((resolve) => {
    const titleId = uid("confirm");
    const finish = (answer) => {
      close();
      resolve(answer);
    };
    const yes = h(
      "button",
      { class: `btn ${confirm.style === "danger" ? "btn-danger" : "btn-primary"}`, type: "button", on: { click: () => finish(true) } },
      renderPlain(confirm.confirm?.text ?? "Yes"),
    );
    const node = h(
      "dialog",
      { class: "dialog confirm", role: "alertdialog", "aria-labelledby": titleId, "aria-describedby": `${titleId}-text` },
      h(
        "header",
        { class: "dialog-head" },
        h("h2", { id: titleId }, renderPlain(confirm.title?.text ?? "Are you sure?")),
        h("button", { class: "icon-btn", type: "button", "aria-label": "Close", on: { click: () => finish(false) } }, icon("close")),
      ),
      h("div", { class: "dialog-body mrk", id: `${titleId}-text` }, renderText(store, confirm.text)),
      h(
        "footer",
        { class: "dialog-foot" },
        h("button", { class: "btn", type: "button", on: { click: () => finish(false) } }, renderPlain(confirm.deny?.text ?? "Cancel")),
        yes,
      ),
    );
    const close = openDialog(node, () => finish(false));
    yes.focus();
  });
}
