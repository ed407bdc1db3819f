"""What can be pressed in a message or a modal, by its visible label. Pure; used by the command line and by scenario tests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bot.workspace.blockkit import interactive
from bot.workspace.errors import Json


@dataclass(frozen=True)
class Control:
    """Something to press: a button, an option, or a modal's own submit and close."""

    label: str
    kind: str  # action, submit or close
    action: Json
    container: Json
    confirm: str = ""


def of_message(message: Json) -> list[Control]:
    """The controls of a message or an ephemeral message, from top to bottom."""
    container = {
        "type": "message",
        "channel": message["channel"],
        "ts": message["ts"],
        "ephemeral": bool(message.get("ephemeral")),
    }
    blocks = list(message.get("blocks") or [])
    for attachment in message.get("attachments") or []:
        blocks += attachment.get("blocks") or []
    return _of_blocks(blocks, container)


def of_view(view: Json) -> list[Control]:
    """The controls of a modal or Home, its submit and close last."""
    container = {"type": "view", "view_id": view["id"]}
    found = _of_blocks(view["blocks"], container)
    for kind, word in (("submit", "Submit"), ("close", "Cancel")):
        if view["type"] == "modal" and (view.get(kind) or kind == "close"):
            label = (view.get(kind) or {}).get("text", word)
            found.append(Control(label, kind, {}, container))
    return found


def find(controls: Iterable[Control], label: str) -> Control | None:
    """The control with this label; letter case and leading emoji do not matter."""
    wanted = _bare(label)
    return next((control for control in controls if _bare(control.label) == wanted), None)


def mentions_operation(text: str, number: int) -> bool:
    """Whether a text names operation `#number`, and not `#1234` for `#12`."""
    return re.search(rf"#{number}(?!\d)", text) is not None


def _of_blocks(blocks: list[Json], container: Json) -> list[Control]:
    found = []
    for block in blocks:
        for _, element in interactive(block):
            base = {"block_id": block["block_id"], "action_id": element["action_id"], "type": element["type"]}
            confirm = ((element.get("confirm") or {}).get("text") or {}).get("text", "")
            if element["type"] == "button":
                # Text and value only matter to a stale click; otherwise the message says what they are.
                pressed = {**base, "text": element["text"], "value": element.get("value")}
                found.append(Control(element["text"]["text"], "action", pressed, container, confirm))
                continue
            for option in _options(element):
                action: dict[str, Any] = {**base, "selected_option": option}
                if element["type"] in ("checkboxes", "multi_static_select"):
                    action = {**base, "selected_options": [option]}
                found.append(Control(option["text"]["text"], "action", action, container, confirm))
    return found


def _options(element: Json) -> list[Json]:
    found = list(element.get("options") or [])
    for group in element.get("option_groups") or []:
        found += group["options"]
    return found


def _bare(label: str) -> str:
    without_codes = re.sub(r":[\w+-]+:", "", label)
    return re.sub(r"^\W+|\s+$", "", without_codes).casefold() or label.strip().casefold()
