// The app's Home: the view that the app has published for this person.

import { renderBlocks } from "./blocks/index.js";
import { fill, h } from "./dom.js";
import { makeContext } from "./interact.js";

export class Home {
  constructor(page) {
    this.page = page;
    this.body = h("div", { class: "home-body" });
    this.node = h("div", { class: "home scroller", tabindex: "-1" }, this.body);
  }

  draw() {
    const { store } = this.page;
    const view = store.home;
    const signature = [view, view && store.forms.get(view.id)?.version, store.homeLoaded, store.app.connected, store.peopleVersion];
    if (this.drawn?.every((part, index) => part === signature[index])) return;
    this.drawn = signature;
    if (view) {
      const ctx = makeContext(this.page, { target: { type: "view", view_id: view.id }, blocks: view.blocks, key: view.id, prefix: "home" });
      fill(this.body, h("div", { class: "blocks" }, renderBlocks(view.blocks, ctx)));
    } else if (store.homeLoaded) {
      fill(
        this.body,
        h(
          "div",
          { class: "blank" },
          h("h2", null, `${store.app.name} has nothing here yet`),
          h("p", null, store.app.connected ? "It will appear as soon as the app publishes its Home." : `${store.app.name} is not connected. Its Home appears here once it is.`),
        ),
      );
    } else {
      fill(this.body, h("div", { class: "skeleton", "aria-label": "Loading" }, h("span"), h("span"), h("span")));
    }
  }
}
