// Times as people read them. All take Slack's ts strings or Unix seconds; none looks at anything but its arguments
// and the clock.

const TIME = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const TIME_SECS = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit", second: "2-digit" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", month: "long", day: "numeric" });
const DAY_YEAR = new Intl.DateTimeFormat(undefined, { month: "long", day: "numeric", year: "numeric" });
const SHORT = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", year: "numeric" });
const LONG = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });

export function dateOf(ts) {
  return new Date(Number(ts) * 1000);
}

export function clock(ts) {
  return TIME.format(dateOf(ts));
}

export function fullTime(ts) {
  return FULL.format(dateOf(ts));
}

export function dayKey(ts) {
  const date = dateOf(ts);
  return `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`;
}

function daysAgo(date, now) {
  const midnight = (value) => new Date(value.getFullYear(), value.getMonth(), value.getDate()).getTime();
  return Math.round((midnight(now) - midnight(date)) / 86_400_000);
}

function nearDay(date, now) {
  return { 0: "Today", 1: "Yesterday", [-1]: "Tomorrow" }[daysAgo(date, now)] ?? "";
}

export function dayName(ts, now = new Date()) {
  const date = dateOf(ts);
  return nearDay(date, now) || (date.getFullYear() === now.getFullYear() ? DAY : DAY_YEAR).format(date);
}

/** "just now", "4 minutes ago", "2 hours ago", "3 days ago". */
export function ago(ts, now = new Date()) {
  const seconds = Math.round((now - dateOf(ts)) / 1000);
  if (seconds < 60) return "just now";
  for (const [unit, size, limit] of [["minute", 60, 3600], ["hour", 3600, 86_400], ["day", 86_400, Infinity]]) {
    if (seconds >= limit) continue;
    const count = Math.floor(seconds / size);
    return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
  }
  return "";
}

/** <!date^…> : Slack's format string with its tokens in braces; null when the time or a token is not understood. */
export function formatDate(seconds, format, now = new Date()) {
  if (!Number.isFinite(seconds) || !format) return null;
  const date = new Date(seconds * 1000);
  const near = nearDay(date, now);
  const lower = near.toLowerCase();
  const tokens = {
    date_num: `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`,
    date: DAY_YEAR.format(date),
    date_short: SHORT.format(date),
    date_long: LONG.format(date),
    date_pretty: lower || DAY_YEAR.format(date),
    date_short_pretty: lower || SHORT.format(date),
    date_long_pretty: lower || LONG.format(date),
    time: TIME.format(date),
    time_secs: TIME_SECS.format(date),
    ago: ago(seconds, now),
  };
  let understood = true;
  const text = format.replace(/\{(\w+)\}/g, (whole, token) => {
    if (token in tokens) return tokens[token];
    understood = false;
    return whole;
  });
  if (!understood) return null;
  return near && format.startsWith("{date") && format.includes("pretty") ? text[0].toUpperCase() + text.slice(1) : text;
}
