// Slack's mrkdwn, text in, a tree of plain values out. Pure: no DOM and no names of people (see text.js for both).
//
// Block nodes: {type: "paragraph"|"quote", children}, {type: "pre", text}, {type: "list", items: [{marker, level, children}]}
// Inline nodes: text, bold, italic, strike, code, link, user, channel, group, broadcast, date, emoji, break.

const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
const SAFE_LINK = /^(https?:|mailto:|tel:)/i;
const BARE_LINK = /^https?:\/\/[^\s<>|`]+/i;
const LIST_LINE = /^(\s*)([•◦▪‣-]|\d{1,3}[.)])\s+(\S.*)$/;
const MARKS = { "*": "bold", _: "italic", "~": "strike" };

export function unescapeText(text) {
  return text.replace(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity]);
}

/** What a person typed, as it goes over the wire: the three characters that mean something are escaped. */
export function escapeText(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

export function parse(text) {
  const blocks = [];
  let rest = String(text ?? "").replace(/\r\n?/g, "\n");
  while (rest) {
    const fence = /```\n?([\s\S]*?)\n?```/.exec(rest);
    const before = fence ? rest.slice(0, fence.index) : rest;
    if (before) blocks.push(...parseLines(fence ? before.replace(/\n$/, "") : before));
    if (!fence) break;
    blocks.push({ type: "pre", children: parsePre(fence[1]) });
    rest = rest.slice(fence.index + fence[0].length).replace(/^\n/, "");
  }
  return blocks;
}

// Inside a code block only control sequences in angle brackets and entities mean anything.
function parsePre(text) {
  return splitAngles(text).flatMap((part) => (part.angle ? [angle(part.angle)] : [{ type: "text", text: unescapeText(part.text) }]));
}

function parseLines(text) {
  const blocks = [];
  let run = null;
  const push = (type, line) => {
    if (run?.type !== type) {
      run = { type, lines: [] };
      blocks.push(run);
    }
    run.lines.push(line);
  };
  for (const line of text.split("\n")) {
    const quote = /^(?:&gt;|>)(?!&gt;|>)\s?(.*)$/.exec(line);
    const item = LIST_LINE.exec(line);
    if (quote) push("quote", quote[1]);
    else if (item) push("list", item);
    else push("paragraph", line);
  }
  return blocks.map((block) => {
    if (block.type !== "list") return { type: block.type, children: inline(block.lines.join("\n")) };
    const items = block.lines.map(([, indent, marker, rest]) => ({
      marker: marker === "-" ? "•" : marker,
      level: Math.min(4, Math.floor(indent.length / 2) + (marker === "◦" && !indent ? 1 : 0)),
      children: inline(rest),
    }));
    return { type: "list", items };
  });
}

/** Inline nodes of one run of text (which may hold line breaks). */
export function inline(text) {
  const nodes = [];
  let plain = "";
  const flush = () => {
    if (plain) nodes.push({ type: "text", text: unescapeText(plain) });
    plain = "";
  };
  let at = 0;
  while (at < text.length) {
    const step = readAt(text, at);
    if (step) {
      flush();
      nodes.push(step.node);
      at = step.end;
    } else {
      plain += text[at];
      at += 1;
    }
  }
  flush();
  return nodes;
}

function readAt(text, at) {
  const char = text[at];
  if (char === "\n") return { node: { type: "break" }, end: at + 1 };
  if (char === "<") {
    const end = text.indexOf(">", at);
    const inner = end > at ? text.slice(at + 1, end) : "";
    if (!inner || /[\n<]/.test(inner)) return null;
    return { node: angle(inner), end: end + 1 };
  }
  if (char === "`") {
    const end = text.indexOf("`", at + 1);
    if (end <= at + 1 || text.slice(at, end).includes("\n")) return null;
    return { node: { type: "code", children: parsePre(text.slice(at + 1, end)) }, end: end + 1 };
  }
  if (char === ":" && !/[A-Za-z0-9]/.test(text[at - 1] ?? "")) {
    const found = /^:([a-z0-9_+'-]+)(?:::skin-tone-([2-6]))?:/.exec(text.slice(at, at + 80));
    return found && { node: { type: "emoji", name: found[1], tone: found[2] ?? "" }, end: at + found[0].length };
  }
  if ((char === "h" || char === "H") && !/\w/.test(text[at - 1] ?? "")) return bareLink(text, at);
  if (MARKS[char]) return marked(text, at);
  return null;
}

function bareLink(text, at) {
  const found = BARE_LINK.exec(text.slice(at));
  if (!found) return null;
  let raw = found[0].replace(/[.,;:!?'"*_~]+$/, "");
  if (raw.endsWith(")") && !raw.includes("(")) raw = raw.slice(0, -1);
  const url = unescapeText(raw);
  return { node: { type: "link", url, children: [{ type: "text", text: url }] }, end: at + raw.length };
}

// *bold* only where the marks hug their words and stand at a word's edge: 2*3*4 and snake_case_names stay as they are.
function marked(text, at) {
  const mark = text[at];
  if (/[\p{L}\p{N}`]/u.test(text[at - 1] ?? "")) return null;
  if (text[at - 1] === mark || !text[at + 1] || /\s/.test(text[at + 1]) || text[at + 1] === mark) return null;
  for (let end = at + 2; end < text.length && text[end] !== "\n"; end += 1) {
    if (text[end] === "`" || text[end] === "<") {
      const close = text.indexOf(text[end] === "<" ? ">" : "`", end + 1);
      if (close > end && !text.slice(end, close).includes("\n")) end = close;
      continue;
    }
    if (text[end] === mark && !/\s/.test(text[end - 1]) && !/[\p{L}\p{N}]/u.test(text[end + 1] ?? "") && text[end + 1] !== mark) {
      return { node: { type: MARKS[mark], children: inline(text.slice(at + 1, end)) }, end: end + 1 };
    }
  }
  return null;
}

function splitAngles(text) {
  return text.split(/(<[^<>\n]+>)/).map((part) => (part.startsWith("<") && part.length > 2 ? { angle: part.slice(1, -1) } : { text: part }));
}

// What stands between < and >.
function angle(inner) {
  const bar = inner.indexOf("|");
  const head = bar < 0 ? inner : inner.slice(0, bar);
  const label = bar < 0 ? "" : unescapeText(inner.slice(bar + 1));
  if (/^@[UW]/.test(head)) return { type: "user", id: head.slice(1), label };
  if (head.startsWith("#")) return { type: "channel", id: head.slice(1), label };
  if (head.startsWith("!subteam^")) return { type: "group", id: head.slice(9), label };
  if (head.startsWith("!date^")) {
    const [, seconds, format = "", link = ""] = head.split("^");
    return { type: "date", seconds: Number(seconds), format: unescapeText(format), link: safeUrl(link), fallback: label };
  }
  if (/^!(here|channel|everyone)$/.test(head)) return { type: "broadcast", range: head.slice(1) };
  if (head.startsWith("!")) return { type: "text", text: label || `<${inner}>` };
  const url = safeUrl(head);
  if (!url) return { type: "text", text: unescapeText(`<${inner}>`) };
  return { type: "link", url, children: label ? inline(escapeText(label)) : [{ type: "text", text: url.replace(/^mailto:/, "") }] };
}

/** The address if a link may lead there, else "": no javascript:, data: or relative addresses. */
export function safeUrl(raw) {
  const url = unescapeText(String(raw ?? "")).trim();
  return SAFE_LINK.test(url) ? url : "";
}
