"""What phones, keyboards and Slack do to text, undone; and what people typed, made safe to show.

Pure functions on strings. What the words mean is the grammar's; how a message looks is bot.slack's.

Two forms of text meet here. *Wire*: as Slack sends and shows it, with `&amp;`, `<http://x|x>`, `<@U1>`. *Plain*: as a person
would read it aloud, on one line. `normalise` goes from wire to plain; `to_wire` and `escape` go back.
"""

from __future__ import annotations

import re
import unicodedata

_ANGLE = re.compile(r"<([^<>]*)>")
_WIDE = re.compile("[\uff00-\uffef]+")
_SPACES = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2800\u3164]+")
# Soft hyphen, zero-width space, word joiner, byte order mark, direction marks, variation selectors of text; lone surrogates.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufe0e\ud800-\udfff]"
)
# Joiners mean something between letters of other scripts and inside emoji, and nothing next to ASCII.
_JOINER = re.compile(r"(?<![^\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\x7f])")
_LETTERS = str.maketrans(
    {
        **dict.fromkeys("“”„‟«»″", '"'),
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys(
            "‐‑⁃﹣", "-"
        ),  # hyphens; the dashes that phones make of `--` are the tokens' business
    }
)
_PING = re.compile(r"@(?=(?:here|channel|everyone)\b)", re.IGNORECASE)


def normalise(text: str) -> str:
    """Wire to plain: links and mentions become their words, escapes their characters, odd quotes and hyphens the plain ones.

    Full-width forms become ASCII; everything else is only composed (NFC), so that `x²` stays `x²` and never turns into `x2`.
    Line breaks and runs of space become one space; backticks around the whole go.
    """
    text = _ANGLE.sub(lambda found: _words_of(found.group(1)), text)
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    text = _WIDE.sub(lambda found: unicodedata.normalize("NFKC", found.group()), text)
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text.translate(_LETTERS)))
    text = unicodedata.normalize("NFC", _JOINER.sub("", _SPACES.sub(" ", text)))
    return _without_backticks(_SPACES.sub(" ", text).strip())


def same(name: str) -> str:
    """The form in which names are compared: typed as one character or as letter and accent, a name is the same."""
    return unicodedata.normalize("NFC", name)


def without_mention(text: str, user: str) -> str:
    """Wire text without the mentions of this Slack user id: what was said to the bot by `@shipbell …`."""
    return re.sub(rf"<@{re.escape(user)}(?:\|[^<>]*)?>:?", " ", text)


def to_wire(text: str) -> str:
    """Plain to wire, so that `normalise` gives the same plain text again."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def escape(text: str) -> str:
    """Somebody's words for a message in mrkdwn: shown as typed, and unable to ping anyone.

    Mentions of people and groups need the brackets that are escaped here. `@here` works in plain text too where a client or
    server looks for it, so a zero-width space goes between the sign and the name.
    """
    return _PING.sub("@\u200b", to_wire(text))


def code(text: str) -> str:
    """Somebody's words in a fixed font. Backticks can't stand in one, so they become look-alikes."""
    return f"`{escape(text).replace('`', 'ˋ') or ' '}`"


def clip(text: str, limit: int) -> str:
    """At most `limit` characters, the last one an ellipsis when something was cut off."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _words_of(inside: str) -> str:
    target, _, label = inside.partition("|")
    if target.startswith(("@", "#")):
        return target[0] + (label or target[1:]).lstrip(target[0])
    if target.startswith("!"):
        return "@" + (label or target[1:].partition("^")[0]).lstrip("@")
    return label or target.removeprefix("mailto:")


def _without_backticks(text: str) -> str:
    for fence in ("```", "`"):
        inside = text[len(fence) : -len(fence)]
        if (
            text.startswith(fence)
            and text.endswith(fence)
            and len(text) > 2 * len(fence)
            and "`" not in inside
        ):
            return inside.strip()
    return text
