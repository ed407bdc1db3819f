// What this page can't render is shown as a red box with its JSON: a view that would break in Slack must not look fine here.

import { h } from "../dom.js";

export function loud(what, json) {
  console.error(what, json);
  return h(
    "div",
    { class: "loud", role: "alert", "data-loud": "" },
    h("strong", null, what),
    h("pre", { class: "loud-json" }, h("code", null, JSON.stringify(json, null, 2) ?? "undefined")),
  );
}
