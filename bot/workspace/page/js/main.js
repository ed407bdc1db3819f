// Where the page starts: who is looking, first load, the event stream, and the keys that work everywhere.

import { Api } from "./api.js";
import { h } from "./dom.js";
import { Page } from "./page.js";
import { popupIsOpen } from "./popup.js";
import { hrefOf, readRoute, routeOfLink } from "./route.js";
import { Store } from "./store.js";
import { Stream } from "./stream.js";

const root = document.getElementById("app");
const LAST_PERSON = "workspace:last-person";

start().catch(async (error) => {
  console.error(error);
  const people = await new Api("").people().then(
    (answer) => answer.people,
    () => [],
  );
  showFailure(error, people);
});

async function start() {
  const wanted = await whoToBe();
  const store = new Store();
  const api = new Api(wanted);
  store.route.as = wanted;
  const page = new Page(store, api);
  const early = [];
  let ready = false;
  const stream = new Stream(wanted, {
    event: (event) => (ready ? store.apply(event) : early.push(event)),
    state: (state) => {
      store.online = state === "open";
      store.everOnline ||= store.online;
      if (ready) store.changed();
    },
    caughtUp: () => ready && page.refresh(),
  });
  store.onResync = () => page.refresh();
  // First the stream, then the state: whatever happens in between is in one of them.
  await stream.start();
  const boot = await api.boot().catch((error) => {
    stream.stop();
    throw error;
  });
  store.setBoot(boot);
  localStorage.setItem(LAST_PERSON, boot.me.name);
  if (readRoute().as !== wanted) history.replaceState(null, "", hrefOf(wanted) + location.hash);
  page.mount(root);
  page.arrive({ focus: matchMedia("(min-width: 721px)").matches });
  ready = true;
  for (const event of early) store.apply(event);
  listen(page);
  document.documentElement.dataset.ready = "";
}

// The person in the address, or who it was last time, or the workspace's first.
async function whoToBe() {
  const named = readRoute().as;
  if (named) return named;
  const { people } = await new Api("").people();
  const last = localStorage.getItem(LAST_PERSON);
  return people.find((person) => person.name === last)?.name ?? people[0]?.name ?? "";
}

function listen(page) {
  window.addEventListener("hashchange", () => page.arrive());
  window.addEventListener("popstate", () => page.arrive());
  window.addEventListener("focus", () => page.sawBottom());
  document.addEventListener("visibilitychange", () => page.sawBottom());
  document.addEventListener("click", (event) => followInside(page, event));
  document.addEventListener("keydown", (event) => onKey(page, event));
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    if (page.store.route.place === "home") page.main.node.focus();
    else page.main.composer.focus();
  });
}

// Links within the workspace move this page instead of loading it anew, and keep the person.
function followInside(page, event) {
  const anchor = event.target.closest?.("a[data-inside]");
  if (!anchor || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  const route = routeOfLink(anchor.href);
  if (!route) return;
  event.preventDefault();
  page.go(route, { focus: anchor.classList.contains("side-item") && matchMedia("(min-width: 721px)").matches && route.place === "channel" });
}

function onKey(page, event) {
  const command = event.ctrlKey || event.metaKey;
  const inDialog = document.querySelector("dialog[open]");
  if (command && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    if (!inDialog) page.openSwitcher();
  } else if (inDialog || popupIsOpen()) {
    // Dialogs and popups have their own keys.
  } else if (event.altKey && !command && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    event.preventDefault();
    page.step(event.key === "ArrowUp" ? -1 : 1);
  } else if (event.key === "F6") {
    event.preventDefault();
    nextRegion(page, event.shiftKey ? -1 : 1);
  } else if (event.key === "Escape" && !event.defaultPrevented) {
    if (document.body.classList.contains("with-drawer")) page.closeDrawer();
    else if (page.store.route.thread && !event.target.value) page.closeThread();
  }
}

// Sidebar, messages, composer, thread: F6 goes round, as in most programs with panes.
function nextRegion(page, by) {
  const inMain = page.store.route.place === "channel";
  const regions = [
    { node: page.sidebar.node, enter: () => page.sidebar.node.querySelector('.side-item[tabindex="0"]')?.focus() },
    { node: page.main.body.firstChild, enter: () => (inMain ? page.main.list.focusLast() : page.main.home.node.focus()) },
    ...(inMain ? [{ node: page.main.composer.node, enter: () => page.main.composer.focus() }] : []),
    ...(page.store.route.thread ? [{ node: page.thread.node, enter: () => page.thread.composer.focus() }] : []),
  ];
  const at = regions.findIndex((region) => region.node.contains(document.activeElement));
  regions[(at + by + regions.length) % regions.length].enter();
}

function showFailure(error, people) {
  root.replaceChildren(
    h(
      "main",
      { class: "blank failure-page" },
      h("h1", null, "The workspace can’t be shown"),
      h("p", { role: "alert" }, error.message),
      h("p", null, h("button", { class: "btn btn-primary", type: "button", on: { click: () => location.reload() } }, "Try again")),
      people.length > 0 &&
        h("p", null, "Or come in as ", people.map((person, index) => [index ? ", " : "", h("a", { class: "link", href: hrefOf(person.name) }, person.real_name || person.name)]), "."),
    ),
  );
}
