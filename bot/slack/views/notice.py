"""A sentence to a channel: to the admins about the catalog, to somebody about something that happened elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from bot.domain.messages import Tone
from bot.slack.views.blocks import Message, message, section
from bot.slack.views.reply import TONES
from bot.slack.views.text import esc, fenced, mentions


def notice(payload: Mapping[str, object], key: str | None = None) -> Message:
    """payload: `text` (a sentence, not escaped), `tone` (a Tone), `tell` (Slack ids), `log` (lines)."""
    tone = str(payload.get("tone", ""))
    mark = TONES[Tone(tone)] if tone in {t.value for t in Tone} else ""
    said = "\n".join(line for line in map(esc, str(payload.get("text", "")).splitlines()) if line) or "…"
    asked = mentions(strings(payload.get("tell")))
    text = " ".join(part for part in (mark, asked, said) if part)
    return message(text, [section(text), section(fenced(strings(payload.get("log"))))], key)


def strings(value: object) -> list[str]:
    """A JSON list's texts; [] for anything else."""
    return [str(item) for item in value] if isinstance(value, list | tuple) else []
