"""What is to be said in chat, before it has a look: outbox messages and replies. Turning them into blocks is bot.slack's."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


class MessageKind(enum.StrEnum):
    """CARD: one per Operation, in its Environment's channel, updated in place. PROMPT: an approval prompt, updated in place.
    ASK: a question that mentions people, in the card's thread. DETAIL: one line or log tail in the card's thread.
    ARRIVAL: testers told what is new. NOTICE: a sentence to a channel (admins, the asker's channel). HOME: one person's App Home."""

    CARD = "card"
    PROMPT = "prompt"
    ASK = "ask"
    DETAIL = "detail"
    ARRIVAL = "arrival"
    NOTICE = "notice"
    HOME = "home"


@dataclass(frozen=True)
class OutboxMessage:
    """A message that a channel should show. `key` names it for good (`card:12`); enqueuing the same key again coalesces:
    `wanted` grows, and the sender renders the newest state when its turn comes. `sent` is the `wanted` last delivered.

    `channel` is a channel's name (`#deploys`) or id, or a user id for HOME; `channel_id` and `ts` are Slack's, once posted."""

    key: str
    kind: MessageKind
    channel: str
    operation: int | None = None
    payload: Mapping[str, object] = field(default_factory=dict)
    wanted: int = 1
    sent: int = 0
    is_final: bool = False
    channel_id: str | None = None
    ts: str | None = None
    attempts: int = 0
    not_before: datetime | None = None
    last_error: str = ""
    created_at: datetime | None = None


class Tone(enum.StrEnum):
    PLAIN = "plain"
    GOOD = "good"
    WAIT = "wait"
    BAD = "bad"


@dataclass(frozen=True)
class Paragraph:
    """Text in Slack's mrkdwn; whoever builds it has escaped what people typed (`commands.text.escape`)."""

    text: str


@dataclass(frozen=True)
class Facts:
    """Label and value pairs, shown side by side."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Listing:
    title: str
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Preformatted:
    """Log lines and the like, shown in a fixed font, newest last."""

    title: str
    lines: tuple[str, ...]


Section = Paragraph | Facts | Listing | Preformatted


@dataclass(frozen=True)
class Suggestion:
    """A button that says `label` and, pressed, runs `command` as if the person had typed it (`deploy shop test`)."""

    label: str
    command: str


@dataclass(frozen=True)
class Reply:
    """The answer to a command. `only_asker`: shown to nobody else (ephemeral); `operation`: link its card."""

    headline: str
    tone: Tone = Tone.PLAIN
    sections: tuple[Section, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    only_asker: bool = True
    operation: int | None = None
    opens: str | None = None
    """A modal to open instead of a message, where the way it came in allows one: `deploy`."""
