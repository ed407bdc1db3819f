// mrkdwn as HTML, without the attributes that only styling and screen readers need.
async (text) => {
  const { renderMrkdwn } = await import("/assets/js/text.js");
  const { h } = await import("/assets/js/dom.js");
  const me = { id: "U1", name: "dana", real_name: "Dana Diaz" };
  const store = {
    me,
    users: new Map([["U1", me], ["U2", { id: "U2", name: "lee", real_name: "Lee" }]]),
    channels: new Map([["C1", { id: "C1", name: "deploys" }]]),
    groups: new Map([["S1", { id: "S1", handle: "leads" }]]),
  };
  const html = h("div", null, renderMrkdwn(store, text)).innerHTML;
  return html.replaceAll(/ (class|role|aria-label|title|target|rel|data-inside)="[^"]*"/g, "");
}
