"""Slack's limits on blocks, and how texts are cut to fit them without breaking an entity, a mention or a code fence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

Block = dict[str, Any]

BLOCKS_PER_MESSAGE = 50
BLOCKS_PER_SURFACE = 100
SECTION = 3000
FIELDS = 10
FIELD = 2000
HEADER = 150
CONTEXT = 2000
ACTIONS = 25
BUTTON = 75
VALUE = 2000
OPTION = 75
OPTIONS = 100
MODAL_TITLE = 24
METADATA = 3000
BLOCK_ID = 255
FALLBACK = 3000
TOTAL = 13000
"""Characters in all blocks of one message; Slack answers `msg_blocks_too_long` beyond it."""

_UNSAFE_END = re.compile(r"(&[a-z]{0,4}|<[^>]*)$")
_FENCE = "```"


def clip(text: str, limit: int) -> str:
    """`text`, or its beginning with `…`, at most `limit` characters; never ends within `&amp;` or `<@U1>`."""
    if len(text) <= limit:
        return text
    head = _UNSAFE_END.sub("", text[: limit - 1].rstrip())
    if head.count(_FENCE) % 2:
        head = _UNSAFE_END.sub("", text[: max(0, limit - 2 - len(_FENCE))].rstrip().rstrip("`"))
        # Cutting backticks may have cut the opening fence itself: close only what is open.
        return f"{head}…\n{_FENCE}"[:limit] if head.count(_FENCE) % 2 else f"{head}…"
    return f"{head}…"


def clip_plain(text: str, limit: int) -> str:
    """As `clip`, for plain text, which has no entities."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def some_lines(lines: Sequence[str], limit: int, at_most: int, *, total: int | None = None) -> list[str]:
    """The first lines that fit into `limit` characters and `at_most` lines, and `… 12 more` for the rest (of `total`)."""
    count = len(lines) if total is None else max(total, len(lines))
    kept: list[str] = []
    room = limit - len(f"\n… {count} more")
    for line in lines[:at_most]:
        shown = clip(line, min(limit, 400))
        if len(shown) + 1 > room:
            break
        kept.append(shown)
        room -= len(shown) + 1
    if count > len(kept):
        kept.append(f"… {count - len(kept)} more")
    return kept


def size(block: Block) -> int:
    """The characters of all texts within a block."""
    found = 0
    stack: list[object] = [block]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            for key, value in item.items():
                if key in ("text", "value", "label", "hint", "placeholder") and isinstance(value, str):
                    found += len(value)
                else:
                    stack.append(value)
        elif isinstance(item, list):
            stack.extend(item)
    return found


def fit(blocks: Sequence[Block], at_most: int = BLOCKS_PER_MESSAGE) -> list[Block]:
    """The blocks within the limits on number and total size: the longest texts are cut first, then the last blocks go."""
    kept = [dict(block) for block in blocks]
    if len(kept) > at_most:
        dropped = len(kept) - at_most + 1
        kept = [*kept[: at_most - 1], _more(dropped)]
    over = sum(size(block) for block in kept) - TOTAL
    while over > 0:
        sections = [b for b in kept if b["type"] == "section" and "text" in b]
        longest = max(sections, key=lambda b: len(b["text"]["text"]), default=None)
        if longest is None or len(longest["text"]["text"]) < 200:
            kept = [*kept[:-2], _more(2)]
        else:
            text = longest["text"]["text"]
            longest["text"] = {**longest["text"], "text": clip(text, max(150, len(text) - max(over, 50)))}
        over = sum(size(block) for block in kept) - TOTAL
    return kept


def _more(count: int) -> Block:
    return {"type": "context", "elements": [{"type": "plain_text", "text": f"… {count} more parts"}]}
