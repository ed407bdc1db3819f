// Where the page stands, kept in its address: `?as=dana#C123/1700000000.000100` or `?as=dana#home`.

/** {as, place: "home" | "channel", channel, thread}; channel is "" where the address names none. */
export function readRoute(where = location) {
  const as = new URLSearchParams(where.search).get("as") ?? "";
  const [place = "", thread = ""] = decodeURIComponent(where.hash.slice(1)).split("/");
  if (place === "home") return { as, place: "home", channel: "", thread: "" };
  return { as, place: "channel", channel: place, thread: /^\d+\.\d+$/.test(thread) ? thread : "" };
}

export function hashOf(route) {
  if (route.place === "home") return "#home";
  return `#${route.channel}${route.thread ? `/${route.thread}` : ""}`;
}

export function hrefOf(as, route) {
  return `/?as=${encodeURIComponent(as)}${route ? hashOf(route) : ""}`;
}

/** The route that a link inside this workspace means (its own addresses, or Slack's /archives/C…/p… form), or null. */
export function routeOfLink(href) {
  let url;
  try {
    url = new URL(href, location.href);
  } catch {
    return null;
  }
  if (url.origin !== location.origin) return null;
  const archive = /^\/archives\/([A-Z0-9]+)(?:\/p(\d{10})(\d{6}))?$/.exec(url.pathname);
  if (archive) {
    const thread = url.searchParams.get("thread_ts") ?? (archive[2] ? `${archive[2]}.${archive[3]}` : "");
    return { place: "channel", channel: archive[1], thread };
  }
  if (url.pathname === "/" && url.hash.length > 1) return readRoute(url);
  return null;
}
