// What opens from a control and lies over the page: a listbox to choose from, with a filter, and a menu of actions.
// One at a time. It stands in the dialog that its control stands in, since everything outside an open dialog is inert.

import { fill, h, uid } from "./dom.js";

let open = null;

export function closePopup({ focus = false } = {}) {
  const popup = open;
  if (!popup) return;
  open = null;
  popup.node.remove();
  popup.anchor.setAttribute("aria-expanded", "false");
  document.removeEventListener("pointerdown", popup.outside, true);
  window.removeEventListener("resize", popup.place);
  document.removeEventListener("scroll", popup.place, true);
  if (focus && popup.anchor.isConnected) popup.anchor.focus();
  popup.onClose?.();
}

/** After a redraw: closes a popup whose control is gone from the page, and lets a control that stayed say that it is open. */
export function settlePopup() {
  if (!open) return;
  if (!open.anchor.isConnected) closePopup();
  else open.anchor.setAttribute("aria-expanded", "true");
}

export function popupIsOpen() {
  return open !== null;
}

function show(anchor, node, { onClose, width } = {}) {
  const again = open?.anchor === anchor;
  closePopup();
  if (again) return false;
  const place = () => position(anchor, node, width);
  const outside = (event) => {
    if (!node.contains(event.target) && !anchor.contains(event.target)) closePopup();
  };
  open = { anchor, node, place, outside, onClose };
  (anchor.closest("dialog") ?? document.body).append(node);
  anchor.setAttribute("aria-expanded", "true");
  document.addEventListener("pointerdown", outside, true);
  window.addEventListener("resize", place);
  document.addEventListener("scroll", place, true);
  place();
  return true;
}

const GAP = 4;
const MARGIN = 8;
const MOST_HEIGHT = 440;

function position(anchor, node, width) {
  const box = anchor.getBoundingClientRect();
  node.style.setProperty("min-width", `${Math.min(Math.max(box.width, width ?? 0), innerWidth - 2 * MARGIN)}px`);
  node.style.setProperty("max-height", "");
  const size = node.getBoundingClientRect();
  const below = innerHeight - box.bottom - GAP - MARGIN;
  const above = box.top - GAP - MARGIN;
  const upward = size.height > below && above > below;
  const height = Math.min(size.height, upward ? above : below, MOST_HEIGHT);
  node.style.setProperty("max-height", `${Math.max(height, 96)}px`);
  node.style.setProperty("left", `${Math.max(MARGIN, Math.min(box.left, innerWidth - size.width - MARGIN))}px`);
  node.style.setProperty("top", `${upward ? Math.max(MARGIN, box.top - GAP - height) : box.bottom + GAP}px`);
}

/**
 * A menu. items: {label, icon?, hint?, pick, current?, danger?} or {heading}. `label` names it for screen readers.
 */
export function openMenu(anchor, items, { label, width = 220 }) {
  const node = h(
    "div",
    { class: "popup menu", role: "menu", "aria-label": label, on: { keydown: onKey } },
    items.map((item) =>
      item.heading
        ? h("div", { class: "menu-heading", role: "presentation" }, item.heading)
        : h(
            "button",
            {
              class: `menu-item${item.danger ? " danger" : ""}`,
              type: "button",
              role: item.current === undefined ? "menuitem" : "menuitemradio",
              "aria-checked": item.current === undefined ? null : String(item.current),
              tabindex: "-1",
              on: {
                click: () => {
                  closePopup({ focus: true });
                  item.pick();
                },
              },
            },
            item.icon,
            h("span", { class: "menu-text" }, h("span", { class: "menu-label" }, item.label), item.hint && h("span", { class: "menu-hint" }, item.hint)),
          ),
    ),
  );
  function onKey(event) {
    const stops = [...node.querySelectorAll(".menu-item")];
    const at = stops.indexOf(document.activeElement);
    const to = { ArrowDown: (at + 1) % stops.length, ArrowUp: (at - 1 + stops.length) % stops.length, Home: 0, End: stops.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      stops[to].focus();
    } else if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      event.stopPropagation();
      closePopup({ focus: true });
    } else if (event.key.length === 1 && /\S/.test(event.key) && !event.ctrlKey && !event.metaKey) {
      const hit = [...stops.slice(at + 1), ...stops].find((stop) => stop.textContent.trim().toLowerCase().startsWith(event.key.toLowerCase()));
      hit?.focus();
    }
  }
  if (show(anchor, node, { width })) node.querySelector(".menu-item")?.focus();
}

/**
 * A listbox with a filter. options: {id, label (nodes), search (text), description? (nodes), group?}.
 * `pick(option)` is told each choice; with `multi` the box stays open. `load(query)` fetches the options instead of filtering. onClose is told once, at the end.
 */
export function openListbox(anchor, options, { label, selected, pick, load, multi = false, onClose, placeholder = "Search" }) {
  const listId = uid("listbox");
  const chosen = new Set(selected);
  let query = "";
  let problem = "";
  let active = Math.max(0, options.findIndex((option) => chosen.has(option.id)));
  const list = h("div", {
    class: "listbox",
    role: "listbox",
    id: listId,
    "aria-label": label,
    "aria-multiselectable": multi ? "true" : null,
    // The focus stays in the filter, whatever is clicked.
    on: { mousedown: (event) => event.preventDefault() },
  });
  const input = h("input", {
    class: "listbox-filter",
    type: "text",
    role: "combobox",
    placeholder,
    "aria-label": `Search ${label}`,
    "aria-controls": listId,
    "aria-expanded": "true",
    "aria-autocomplete": "list",
    autocomplete: "off",
    on: {
      input: () => {
        query = input.value.trim().toLowerCase();
        active = 0;
        if (load) fetchOptions();
        else draw();
      },
    },
  });
  const node = h("div", { class: "popup chooser", on: { keydown: onKey } }, input, list);

  function matching() {
    return options.filter((option) => load || !query || option.search.toLowerCase().includes(query));
  }

  function draw() {
    const found = matching();
    active = Math.min(active, Math.max(0, found.length - 1));
    const rows = [];
    found.forEach((option, index) => {
      if (option.group && option.group !== found[index - 1]?.group) rows.push(h("div", { class: "menu-heading", role: "presentation" }, option.group));
      rows.push(
        h(
          "div",
          {
            class: `option${index === active ? " active" : ""}`,
            id: `${listId}-${index}`,
            role: "option",
            "aria-selected": String(chosen.has(option.id)),
            on: { click: () => take(option), pointermove: () => index !== active && setActive(index) },
          },
          h("span", { class: "option-check", "aria-hidden": "true" }, chosen.has(option.id) ? "✓" : ""),
          h("span", { class: "option-text" }, h("span", null, option.label), option.description && h("span", { class: "menu-hint" }, option.description)),
        ),
      );
    });
    if (!found.length) rows.push(h("div", { class: "no-options" }, problem || "Nothing matches."));
    fill(list, ...rows);
    if (found.length) input.setAttribute("aria-activedescendant", `${listId}-${active}`);
    else input.removeAttribute("aria-activedescendant");
  }

  async function fetchOptions() {
    const asked = query;
    let found = [];
    try {
      found = await load(asked);
      problem = "";
    } catch (error) {
      problem = error.message;
    }
    if (asked !== query) return;
    options = found;
    draw();
  }

  function setActive(index) {
    active = index;
    draw();
    list.querySelector(".option.active")?.scrollIntoView({ block: "nearest" });
  }

  function take(option) {
    if (!option) return;
    if (multi) {
      if (!chosen.delete(option.id)) chosen.add(option.id);
      pick(option, chosen);
      draw();
    } else {
      closePopup({ focus: true });
      pick(option, chosen);
    }
  }

  function onKey(event) {
    const found = matching();
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (found.length) setActive((active + (event.key === "ArrowDown" ? 1 : -1) + found.length) % found.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      event.stopPropagation();
      take(found[active]);
    } else if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      event.stopPropagation();
      closePopup({ focus: true });
    }
  }

  draw();
  if (!show(anchor, node, { onClose: () => onClose?.(chosen) })) return;
  input.focus();
  if (load) fetchOptions();
  list.querySelector(".option.active")?.scrollIntoView({ block: "nearest" });
}
