"""A line, and the end of a log, in the card's thread."""

from __future__ import annotations

from collections.abc import Sequence

from bot.slack.views.blocks import Message, message, section
from bot.slack.views.text import esc, fenced


def detail(text: str, log: Sequence[str] = (), key: str | None = None) -> Message:
    """`text`: a sentence, not escaped; `log`: lines as they came, newest last. Always has something to show."""
    said = esc(text) or ("The end of the log:" if log else "…")
    return message(said, [section(said), section(fenced(log))], key)
