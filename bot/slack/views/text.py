"""Words and marks within messages: escaping, mentions, times. What people typed goes through `esc` or `code`, always."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from bot.domain.artifact import Artifact
from bot.domain.identity import Actor

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07")
_MARK = re.compile(r"(?<![0-9A-Za-z])[*_~](?=\S)|(?<=\S)[*_~](?![0-9A-Za-z])|`")
_LOOKALIKE = {"*": "∗", "_": "ˍ", "~": "∼", "`": "ˋ"}
_PING = re.compile(r"(?<![\w@])@(?=\w)")
_USER = re.compile(r"[UW][A-Z0-9]{2,30}")


def tame(text: str) -> str:
    """Without terminal colours, control characters and marks that turn the direction of writing."""
    return _CONTROL.sub("", _ANSI.sub("", text))


def esc(text: str) -> str:
    """What somebody typed, as one line of mrkdwn that shows exactly that: no mention, no link, no formatting.

    Slack unescapes only three entities. It has no escape for `*bold*`, so marks that would format become lookalikes."""
    line = " ".join(tame(text).split())
    line = _MARK.sub(lambda found: _LOOKALIKE[found[0]], line)
    line = _PING.sub("@\u200b", line)  # Slack finds @here in plain words, too
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """In a fixed font, for versions and commands."""
    line = " ".join(tame(text).split()).replace("`", "ˋ")
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"`{line}`" if line else ""


def fenced(lines: Iterable[str], *, width: int = 160, limit: int = 2900) -> str:
    """Log lines in a fixed font, newest last: when not all fit, the last ones are kept. "" for no lines."""
    kept: list[str] = []
    room = limit - 8
    for raw in reversed(list(lines)):
        line = tame(raw).replace("```", "ˋˋˋ").rstrip()
        line = line if len(line) <= width else line[: width - 1] + "…"
        line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        if len(line) + 1 > room:
            break
        kept.append(line)
        room -= len(line) + 1
    body = "\n".join(reversed(kept))
    return f"```\n{body}\n```" if body.strip() else ""


def mention(slack_user: str) -> str:
    """`<@U1>`; text that isn't a user id is shown, not sent as a mention."""
    return f"<@{slack_user}>" if _USER.fullmatch(slack_user) else esc(slack_user)


def group_mention(group: str) -> str:
    return f"<!subteam^{group}>" if re.fullmatch(r"S[A-Z0-9]{2,30}", group) else esc(group)


def mentions(people: Sequence[str], at_most: int = 8) -> str:
    """The people's mentions in a row; beyond `at_most`, how many more."""
    shown = [group_mention(who) if who.startswith("S") else mention(who) for who in people[:at_most]]
    if len(people) > at_most:
        shown.append(f"and {len(people) - at_most} more")
    return " ".join(shown)


def who(actor: Actor) -> str:
    return mention(actor.slack_user) if actor.slack_user else esc(actor.display_name)


def link_text(url: str, label: str | None = None) -> str:
    """A link in mrkdwn; only the label when the address is not one of the web or would break out of the brackets."""
    if (
        not url.startswith(("https://", "http://"))
        or set(url) & set('<>|"`')
        or any(c.isspace() for c in url)
    ):
        return esc(label or url)
    return (
        f"<{tame(url).replace('&', '&amp;')}|{esc(label)}>"
        if label
        else f"<{tame(url).replace('&', '&amp;')}>"
    )


def version(artifact: Artifact | None) -> str:
    """`v1.4` and its commit where the version is not already that."""
    if artifact is None:
        return "nothing"
    short = artifact.revision.short
    return code(artifact.version) + ("" if artifact.version.startswith(short) or not short else f" ({short})")


def clock(at: datetime, *, with_day: bool = False) -> str:
    """A time that each reader sees in their own zone."""
    form = "{date_short_pretty} {time}" if with_day else "{time}"
    return f"<!date^{int(at.timestamp())}^{form}|{at:%Y-%m-%d %H:%M} UTC>"


def span(duration: timedelta) -> str:
    """`45 s`, `3 min 20 s`, `2 h 5 min`."""
    seconds = max(0, int(duration.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def seconds_span(seconds: object) -> str | None:
    """A duration given in seconds as a strategy's JSON does; None for what isn't one."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
        return None
    return f"{seconds:g} s" if seconds < 60 else span(timedelta(seconds=seconds))


def plural(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def pad(text: str, width: int) -> str:
    """Cut or filled to `width` columns of a fixed font; wide East Asian characters take two."""
    out, used = "", 0
    for char in text:
        columns = 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if used + columns > width:
            return out[:-1] + "…" if out else "…"
        out, used = out + char, used + columns
    return out + " " * (width - used)


def columns(text: str) -> int:
    """How many columns of a fixed font the text takes."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
