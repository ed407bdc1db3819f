// Renders blocks into a box of their own at the end of the page, and answers how many were refused loudly.
async ({ blocks, className }) => {
  const { renderBlocks } = await import("/assets/js/blocks/index.js");
  const { h } = await import("/assets/js/dom.js");
  const { Form } = await import("/assets/js/form.js");
  const store = { me: { id: "U1" }, users: new Map(), channels: new Map(), groups: new Map(), app: {} };
  const host = h("div", { class: className }, renderBlocks(blocks, { store, form: new Form(), prefix: "x", errors: {} }));
  document.body.append(host);
  return host.querySelectorAll("[data-loud]").length;
}
