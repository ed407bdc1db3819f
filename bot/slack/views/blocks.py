"""The few kinds of blocks that our messages are made of, each cut to Slack's limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.slack.views import limits
from bot.slack.views.limits import Block

OUTBOX = "outbox:"
"""The first block's id is `outbox:<key>`: by it a sender that was killed between post and record finds its message again."""


@dataclass(frozen=True)
class Message:
    """`text` is what notifications and screen readers show; `blocks` is what people see."""

    text: str
    blocks: list[Block]


def message(text: str, blocks: Sequence[Block | None], key: str | None = None) -> Message:
    """A message from the blocks that are there, within the limits, with its outbox key in the first block's id."""
    kept = limits.fit([block for block in blocks if block is not None])
    if key is not None and kept:
        kept[0] = {**kept[0], "block_id": outbox_block_id(key)}
    return Message(limits.clip(text, limits.FALLBACK), kept)


def outbox_block_id(key: str) -> str:
    return (OUTBOX + key)[: limits.BLOCK_ID]


def header(text: str) -> Block:
    return {
        "type": "header",
        "text": {"type": "plain_text", "text": limits.clip_plain(text, limits.HEADER), "emoji": True},
    }


def mrkdwn(text: str, limit: int = limits.SECTION) -> Block:
    """A mrkdwn text. Verbatim: Slack then makes no links, mentions or channels of its own from what people typed."""
    return {"type": "mrkdwn", "text": limits.clip(text, limit), "verbatim": True}


def plain(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": limits.clip_plain(text, limit), "emoji": True}


def section(text: str, accessory: Block | None = None) -> Block | None:
    """None for an empty text, which Slack would refuse."""
    if not text.strip():
        return None
    block: Block = {"type": "section", "text": mrkdwn(text)}
    if accessory is not None:
        block["accessory"] = accessory
    return block


def fields(pairs: Sequence[tuple[str, str]]) -> list[Block]:
    """Label and value pairs (mrkdwn, escaped), ten to a section."""
    texts = [mrkdwn(f"*{label}*\n{value or '—'}", limits.FIELD) for label, value in pairs]
    return [
        {"type": "section", "fields": texts[start : start + limits.FIELDS]}
        for start in range(0, len(texts), limits.FIELDS)
    ]


def context(*texts: str) -> Block | None:
    kept = [mrkdwn(text, limits.CONTEXT) for text in texts if text.strip()][:10]
    return {"type": "context", "elements": kept} if kept else None


def divider() -> Block:
    return {"type": "divider"}


def button(label: str, action_id: str, value: str, style: str | None = None) -> Block:
    """`style`: primary, danger or None."""
    block: Block = {
        "type": "button",
        "text": plain(label, limits.BUTTON),
        "action_id": action_id,
        "value": value[: limits.VALUE],
    }
    if style:
        block["style"] = style
    return block


def link_button(label: str, url: str, action_id: str) -> Block:
    return {"type": "button", "text": plain(label, limits.BUTTON), "action_id": action_id, "url": url}


def actions(elements: Sequence[Block], block_id: str) -> Block | None:
    """`block_id` stays the same from update to update: a press on a message that is just being redrawn still finds its button."""
    kept = list(elements[: limits.ACTIONS])
    return {"type": "actions", "block_id": block_id[: limits.BLOCK_ID], "elements": kept} if kept else None
