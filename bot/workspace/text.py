"""What Slack does to text: a person's words become escaped mrkdwn with links and mentions, and mrkdwn becomes plain words again.

Pure functions. Names are resolved through the mapping that is passed in; no state is read here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

# Enough of the public suffixes for what people type near a deploy bot. `v1.io` is one, `v1.2` and `release.tar` are not.
_TLDS = frozenset(
    """
    com org net edu gov io dev app co ai me info biz cloud tech site online xyz sh gg tv cc so fm to ly
    im is it in us uk de fr ch at eu nl be se no fi dk pl cz es pt br ca au nz jp cn kr ru za mx ar cl
    ie lu li pw ws py rs md ml st zip mov page run build tools systems
    """.split()  # noqa: SIM905 (a word list reads better than a hundred quoted words)
)
_URL = re.compile(r"\bhttps?://[^\s<>|]+", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@(?:[a-z0-9-]+\.)+([a-z]{2,})(?![\w-])", re.IGNORECASE)
_DOMAIN = re.compile(
    r"(?<![\w@./:-])(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+([a-z]{2,})(?:/[^\s<>|]*)?(?![\w@-])", re.IGNORECASE
)
_MENTION = re.compile(r"(?<![\w@.+-])@([\w.-]*\w)", re.UNICODE)
_CHANNEL = re.compile(r"(?<![\w#&/])#([\w-]+)", re.UNICODE)
_TRAILING = ".,;:!?)]}'\""
_ANGLE = re.compile(r"<([^<>]+)>")


@dataclass(frozen=True)
class Names:
    """What a workspace's names mean: user name to id, channel name to id, group handle to id (all lower case)."""

    users: Mapping[str, str]
    channels: Mapping[str, str]
    groups: Mapping[str, str]


def escape(text: str) -> str:
    """The three characters that Slack escapes."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """The inverse of `escape`."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def from_person(text: str, names: Names) -> str:
    """What the composer sends for what was typed: escaped, links and e-mail addresses in angle brackets, mentions by id."""
    return _compose(text, names, label_users=False)


def for_command(text: str, names: Names, escaped: bool) -> str:
    """A slash command's text. With the manifest's should_escape, users, channels and links are sent as `<…>`; without, as typed."""
    return _compose(text, names, label_users=True) if escaped else escape(text)


def to_plain(text: str, users: Mapping[str, str], channels: Mapping[str, str]) -> str:
    """mrkdwn as plain words: `<@U1>` becomes `@dana`, `<#C1|x>` `#x`, `<http://x|y>` `y`; ids map to names."""

    def angle(found: re.Match[str]) -> str:
        body, _, label = found.group(1).partition("|")
        if body.startswith("@"):
            return "@" + users.get(body[1:], label or body[1:])
        if body.startswith("#"):
            return "#" + (label or channels.get(body[1:], body[1:]))
        if body.startswith("!"):
            return label or "@" + body[1:].split("^")[0]
        return label or body.removeprefix("mailto:")

    return unescape(_ANGLE.sub(angle, text))


def _compose(text: str, names: Names, label_users: bool) -> str:
    # One pass from left to right, links before mentions, so that nothing is found inside what was found already.
    out: list[str] = []
    at = 0
    while at < len(text):
        hit = _next(text, at, names, label_users)
        if hit is None:
            break
        start, end, made = hit
        out.append(escape(text[at:start]))
        out.append(made)
        at = end
    out.append(escape(text[at:]))
    return "".join(out)


def _next(text: str, at: int, names: Names, label_users: bool) -> tuple[int, int, str] | None:
    finders: tuple[Callable[[], tuple[int, int, str] | None], ...] = (
        lambda: _url(text, at),
        lambda: _email(text, at),
        lambda: _domain(text, at),
        lambda: _mention(text, at, names, label_users),
        lambda: _channel(text, at, names),
    )
    hits = [hit for finder in finders if (hit := finder()) is not None]
    return min(hits, key=lambda hit: hit[0], default=None)


def _url(text: str, at: int) -> tuple[int, int, str] | None:
    found = _URL.search(text, at)
    if found is None:
        return None
    url = found.group().rstrip(_TRAILING)
    return found.start(), found.start() + len(url), f"<{escape(url)}>"


def _email(text: str, at: int) -> tuple[int, int, str] | None:
    for found in _EMAIL.finditer(text, at):
        if found.group(1).lower() in _TLDS:
            return found.start(), found.end(), f"<mailto:{found.group()}|{found.group()}>"
    return None


def _domain(text: str, at: int) -> tuple[int, int, str] | None:
    for found in _DOMAIN.finditer(text, at):
        if found.group(1).lower() in _TLDS:
            name = found.group().rstrip(_TRAILING)
            return found.start(), found.start() + len(name), f"<http://{escape(name)}|{escape(name)}>"
    return None


def _mention(text: str, at: int, names: Names, label_users: bool) -> tuple[int, int, str] | None:
    for found in _MENTION.finditer(text, at):
        name = found.group(1).lower()
        if name in ("here", "channel", "everyone"):
            return found.start(), found.end(), f"<!{name}>"
        if name in names.users:
            label = f"|{name}" if label_users else ""
            return found.start(), found.end(), f"<@{names.users[name]}{label}>"
        if name in names.groups:
            label = f"|@{name}" if label_users else ""
            return found.start(), found.end(), f"<!subteam^{names.groups[name]}{label}>"
    return None


def _channel(text: str, at: int, names: Names) -> tuple[int, int, str] | None:
    for found in _CHANNEL.finditer(text, at):
        name = found.group(1).lower()
        if name in names.channels:
            return found.start(), found.end(), f"<#{names.channels[name]}|{name}>"
    return None
