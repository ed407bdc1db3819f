// The page's only way to make DOM: `h` builds it, `morph` brings an old tree into the shape of a new one in place, so
// that focus, scroll and open menus survive a message that changes once a second. Text goes in as text nodes only:
// nothing in this page ever parses a string as markup.

/** h("button", {class: "x", on: {click}}, "label"). Falsy props and children are left out; arrays are flattened. */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) setProp(node, name, value);
  append(node, children);
  return node;
}

export function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

function setProp(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "on") {
    for (const [type, handler] of Object.entries(value)) if (handler) listen(node, type, handler);
  } else if (name === "style") {
    for (const [property, text] of Object.entries(value)) node.style.setProperty(property, text);
  } else if (name === "key") {
    node.dataset.key = value;
  } else if (name === "value" || name === "checked" || name === "indeterminate") {
    node[name] = value;
    (node.$given ??= {})[name] = value;
  } else {
    node.setAttribute(name, value === true ? "" : String(value));
  }
}

// Handlers live in a table on the node, behind one real listener a type: morph swaps the table and the node stays.
function listen(node, type, handler) {
  if (!node.$on) node.$on = {};
  if (!node.$wired) node.$wired = new Set();
  node.$on[type] = handler;
  if (node.$wired.has(type)) return;
  node.$wired.add(type);
  node.addEventListener(type, dispatch);
}

function dispatch(event) {
  event.currentTarget.$on?.[event.type]?.(event);
}

/** Brings `from` into the shape of `to` and answers the node that now stands there (`from` wherever possible). */
export function morph(from, to) {
  if (from === to) return from;
  return keyOf(from) === keyOf(to) ? adopt(from, to) : replace(from, to);
}

function replace(from, to) {
  from.replaceWith(to);
  return to;
}

// Like morph, whatever the keys say.
function adopt(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
    return replace(from, to);
  }
  if (from.nodeType === Node.TEXT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return from;
  }
  morphAttributes(from, to);
  from.$on = {};
  for (const [type, handler] of Object.entries(to.$on ?? {})) listen(from, type, handler);
  morphValues(from, to);
  morphChildren(from, to);
  return from;
}

function morphAttributes(from, to) {
  for (const { name } of [...from.attributes]) {
    if (name !== "style" && !to.hasAttribute(name)) from.removeAttribute(name);
  }
  for (const { name, value } of [...to.attributes]) {
    if (name !== "style" && from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  // Through the CSSOM, since the page's policy forbids style attributes.
  if (from.style && from.style.cssText !== to.style.cssText) from.style.cssText = to.style.cssText;
}

// A field that somebody is typing in is only overwritten when what it is *given* has changed.
function morphValues(from, to) {
  for (const [name, value] of Object.entries(to.$given ?? {})) {
    if (from.$given?.[name] !== value && from[name] !== value) from[name] = value;
  }
  from.$given = to.$given;
}

function morphChildren(from, to) {
  const keyed = new Map();
  for (const child of from.childNodes) if (keyOf(child)) keyed.set(keyOf(child), child);
  const wanted = new Set([...to.childNodes].map(keyOf));
  const stale = (node) => keyOf(node) !== "" && !wanted.has(keyOf(node));
  let cursor = from.firstChild;
  for (const next of [...to.childNodes]) {
    const key = keyOf(next);
    const match = key ? keyed.get(key) : cursor && !keyOf(cursor) && cursor.nodeName === next.nodeName ? cursor : null;
    if (match) {
      // Dropping what is gone, rather than moving what stays, leaves the focus where it is.
      while (cursor && cursor !== match && stale(cursor)) cursor = drop(cursor);
      if (match !== cursor) from.insertBefore(match, cursor);
      cursor = morph(match, next).nextSibling;
    } else if (key && cursor && stale(cursor) && cursor.nodeName === next.nodeName && cursor.className === next.className) {
      // Ids that somebody makes up anew each time (Slack's block_ids do) must not throw away what is the same.
      cursor = adopt(cursor, next).nextSibling;
    } else {
      from.insertBefore(next, cursor);
    }
  }
  while (cursor) cursor = drop(cursor);
}

// Removes a node; answers the one after it.
function drop(node) {
  const after = node.nextSibling;
  node.remove();
  return after;
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? (node.dataset?.key ?? "") : "";
}

/** Replaces the children of `host` by `nodes`, in place. */
export function fill(host, ...nodes) {
  const shell = append(document.createElement(host.nodeName), nodes);
  morphChildren(host, shell);
}

/** Puts exactly these element nodes under `host`, in this order, moving as few as possible (no morphing). */
export function arrange(host, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...host.childNodes]) if (!wanted.has(child)) child.remove();
  let cursor = host.firstChild;
  for (const node of nodes) {
    if (node === cursor) cursor = cursor.nextSibling;
    else host.insertBefore(node, cursor);
  }
}

const FOCUSABLE = 'a[href], button:not([disabled]), input:not([disabled]), textarea:not([disabled]), select:not([disabled]), [tabindex="0"]';

/** What Tab would visit under `root`, in order. */
export function focusable(root) {
  return [...root.querySelectorAll(FOCUSABLE)].filter((node) => node.tabIndex >= 0 && node.getClientRects().length > 0);
}

/** Keeps Tab inside `root`: call it from a keydown handler. */
export function trapTab(event, root) {
  if (event.key !== "Tab") return;
  const stops = focusable(root);
  if (!stops.length) {
    event.preventDefault();
    return;
  }
  const first = stops[0];
  const last = stops[stops.length - 1];
  const inside = root.contains(document.activeElement);
  if (event.shiftKey && (document.activeElement === first || !inside)) {
    event.preventDefault();
    last.focus();
  } else if (!event.shiftKey && (document.activeElement === last || !inside)) {
    event.preventDefault();
    first.focus();
  }
}

let serial = 0;
/** A page-wide unique id, for aria references. */
export function uid(prefix) {
  serial += 1;
  return `${prefix}-${serial}`;
}
