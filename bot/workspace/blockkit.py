"""Block Kit: what Slack documents for messages, modals and Home, with its limits. Anything else is refused, with the place.

Blocks and the rules that hold over a whole message or view stand here; elements in blockkit_elements.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.workspace.blockkit_elements import (
    IMAGE,
    IN_ACTIONS,
    IN_CONTEXT,
    IN_CONTEXT_ACTIONS,
    IN_INPUT,
    IN_SECTION,
    RICH_TEXT,
)
from bot.workspace.blockkit_rules import (
    ID,
    IMAGE_URL,
    SLACK_FILE,
    URL,
    Findings,
    Rule,
    by_type,
    constant,
    either,
    flag,
    items,
    one_of_fields,
    plain,
    shape,
    string,
)
from bot.workspace.errors import Json

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
# Not in the reference, but measured by many: a message whose blocks hold more text than this is refused.
MESSAGE_CHARACTERS = 13_200
VIEW_BYTES = 250_000


def _block(
    kind: str,
    required: dict[str, Rule] | None = None,
    optional: dict[str, Rule] | None = None,
    also: Rule | None = None,
) -> Rule:
    return shape({"type": constant(kind), **(required or {})}, {"block_id": ID, **(optional or {})}, also)


def _text_or_fields(value: Any, at: str, found: Findings) -> None:
    if value.get("text") is None and value.get("fields") is None:
        found.add("missing required field: text or fields", at)


_CELL = by_type(
    {
        "raw_text": shape({"type": constant("raw_text"), "text": string(least=1)}),
        "rich_text": RICH_TEXT,
    }
)
_COLUMN = shape({}, {"align": string(among=("left", "center", "right")), "is_wrapped": flag})

BLOCKS: dict[str, Rule] = {
    "actions": _block("actions", {"elements": items(IN_ACTIONS, 1, 25)}),
    "context": _block("context", {"elements": items(IN_CONTEXT, 1, 10)}),
    "context_actions": _block("context_actions", {"elements": items(IN_CONTEXT_ACTIONS, 1, 5)}),
    "divider": _block("divider"),
    "header": _block("header", {"text": plain(150)}),
    "image": _block(
        "image",
        {"alt_text": string(2000, 1)},
        {"image_url": IMAGE_URL, "slack_file": SLACK_FILE, "title": plain(2000)},
        one_of_fields("image_url", "slack_file"),
    ),
    "input": _block(
        "input",
        {"label": plain(2000), "element": IN_INPUT},
        {"dispatch_action": flag, "hint": plain(2000), "optional": flag},
    ),
    "markdown": _block("markdown", {"text": string(12_000, 1)}),
    "rich_text": RICH_TEXT,
    "section": _block(
        "section",
        {},
        {"text": either(3000), "fields": items(either(2000), 1, 10), "accessory": IN_SECTION, "expand": flag},
        _text_or_fields,
    ),
    "table": _block(
        "table", {"rows": items(items(_CELL, 1, 20), 1, 100)}, {"column_settings": items(_COLUMN, 0, 20)}
    ),
    "video": _block(
        "video",
        {
            "title": plain(199),
            "video_url": URL,
            "thumbnail_url": IMAGE_URL,
            "alt_text": string(2000, 1),
        },
        {
            "title_url": URL,
            "description": plain(200),
            "author_name": string(49),
            "provider_name": string(50),
            "provider_icon_url": IMAGE_URL,
        },
    ),
}
SURFACES: dict[str, tuple[str, ...]] = {
    "context_actions": ("message",),
    "markdown": ("message",),
    "table": ("message",),
}
_ANY_BLOCK = by_type(BLOCKS, SURFACES)

_VIEW_COMMON: dict[str, Rule] = {
    "private_metadata": string(3000),
    "callback_id": string(255),
    "external_id": string(255),
}
_MODAL = shape(
    {"type": constant("modal"), "title": plain(24), "blocks": items(_ANY_BLOCK, 0, VIEW_BLOCKS)},
    {
        **_VIEW_COMMON,
        "close": plain(24),
        "submit": plain(24),
        "clear_on_close": flag,
        "notify_on_close": flag,
        "submit_disabled": flag,
    },
)
_HOME = shape({"type": constant("home"), "blocks": items(_ANY_BLOCK, 0, VIEW_BLOCKS)}, _VIEW_COMMON)


def check_blocks(blocks: Any, root: str = "/blocks") -> list[str]:
    """What is wrong with a message's blocks: sentences that end in `[json-pointer:…]`; empty when nothing is."""
    found = Findings("message")
    items(_ANY_BLOCK, 0, MESSAGE_BLOCKS)(blocks, root, found)
    if not found.errors:
        _check_ids(blocks, root, found)
        _check_message(blocks, root, found)
    return found.errors


def characters(blocks: list[Json]) -> int:
    """How much text a message's blocks hold."""
    return sum(len(text) for text in _texts(blocks))


def check_view(view: Any, kind: str | None = None) -> list[str]:
    """What is wrong with a view; `kind` is the type it must have here (modal or home), None for either."""
    if not isinstance(view, dict):
        return ["must be an object [json-pointer:/view]"]
    wanted = view.get("type")
    if wanted not in ("modal", "home"):
        return [f"unsupported type: {wanted} [json-pointer:/view/type]"]
    if kind is not None and wanted != kind:
        return [f"must be a {kind} [json-pointer:/view/type]"]
    found = Findings(wanted)
    (_MODAL if wanted == "modal" else _HOME)(view, "/view", found)
    if not found.errors:
        _check_ids(view["blocks"], "/view/blocks", found)
        if (
            wanted == "modal"
            and not view.get("submit")
            and any(block["type"] == "input" for block in view["blocks"])
        ):
            found.add("submit is required when an input block is within the blocks array", "/view")
    return found.errors


def interactive(block: Json) -> Iterator[tuple[str, Json]]:
    """(where in the block, element) for every element that a person can use."""
    for name in ("element", "accessory"):
        element = block.get(name)
        if isinstance(element, dict) and element.get("type") != "image":
            yield name, element
    if block["type"] in ("actions", "context_actions"):
        for number, element in enumerate(block["elements"]):
            yield f"elements/{number}", element


def _check_ids(blocks: list[Json], root: str, found: Findings) -> None:
    seen: set[str] = set()
    focused = 0
    for number, block in enumerate(blocks):
        block_id = block.get("block_id")
        if block_id is not None and block_id in seen:
            found.add(f"block_id {block_id} already exists", f"{root}/{number}/block_id")
        if block_id is not None:
            seen.add(block_id)
        actions: set[str] = set()
        for place, element in interactive(block):
            action_id = element.get("action_id")
            focused += bool(element.get("focus_on_load"))
            if action_id is not None and action_id in actions:
                found.add(
                    f"action_id {action_id} already exists in this block",
                    f"{root}/{number}/{place}/action_id",
                )
            if action_id is not None:
                actions.add(action_id)
    if focused > 1:
        found.add("only one element may have focus_on_load", root)


def _check_message(blocks: list[Json], root: str, found: Findings) -> None:
    if sum(block["type"] == "table" for block in blocks) > 1:
        found.add("only one table is allowed in a message", root)
    if sum(len(block["text"]) for block in blocks if block["type"] == "markdown") > 12_000:
        found.add("markdown blocks must have less than 12001 characters together", root)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "text" and isinstance(inner, str):
                yield inner
            else:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


__all__ = [
    "BLOCKS",
    "IMAGE",
    "MESSAGE_CHARACTERS",
    "VIEW_BYTES",
    "characters",
    "check_blocks",
    "check_view",
    "interactive",
]
