// Controls without a name, ids that stand twice, and references to ids that are not there.
() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const named = (node) =>
    node.getAttribute("aria-label") || node.textContent.trim() || node.labels?.length || node.getAttribute("aria-labelledby");
  const ids = all("[id]").map((node) => node.id);
  const references = ["aria-labelledby", "aria-controls", "aria-describedby"];
  return {
    twice: ids.filter((id, at) => ids.indexOf(id) !== at),
    nameless: all("button, a[href], input, textarea, [role=list], nav, aside, main")
      .filter((node) => !named(node))
      .map((node) => node.outerHTML.slice(0, 100)),
    dangling: references
      .flatMap((name) => all(`[${name}]`).flatMap((node) => node.getAttribute(name).split(" ")))
      .filter((id) => id && !document.getElementById(id)),
  };
}
