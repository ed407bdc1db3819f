"""Block Kit in tests: validated with slack_sdk's models and Slack's limits, and shown as text for snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

_TEXTS = {"header": 150, "section": 3000, "context": 2000}


def check(blocks: Sequence[Mapping[str, Any]], at_most: int = 50) -> None:
    """Fails with what Slack would refuse."""
    assert 0 < len(blocks) <= at_most, len(blocks)
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    assert len(ids) == len(set(ids)), ids
    total = 0
    for block in blocks:
        parsed = Block.parse(dict(block))
        assert parsed is not None, block
        parsed.validate_json()
        assert len(block.get("block_id", "")) <= 255
        for kind, text in _texts(block):
            assert text, block
            assert len(text) <= _TEXTS.get(block["type"], 3000), (block["type"], len(text))
            if kind == "mrkdwn":
                check_mrkdwn(text)
            total += len(text)
        actions = [element["action_id"] for element in block.get("elements", []) if "action_id" in element]
        assert len(actions) == len(set(actions)) <= 25, actions
        for element in block.get("elements", []):
            if element["type"] == "button":
                assert 0 < len(element["text"]["text"]) <= 75
                assert len(element.get("value", "")) <= 2000
    assert total <= 13000, total


def check_view(view: Mapping[str, Any]) -> None:
    parsed = View(**view)
    parsed.validate_json()
    check(view["blocks"], 100)
    if view["type"] == "modal":
        assert len(view["title"]["text"]) <= 24
        assert len(view.get("private_metadata", "")) <= 3000


def check_mrkdwn(text: str) -> None:
    """Fences are closed, and every angle bracket belongs to a mention, date or link of ours."""
    assert text.count("```") % 2 == 0, text
    rest = text
    while "<" in rest:
        before, _, rest = rest.partition("<")
        assert ">" not in before, text
        inside, closed, rest = rest.partition(">")
        assert closed, text
        assert inside.startswith(("@U", "@W", "!date^", "!subteam^S", "http://", "https://")), inside
    assert ">" not in rest, text


def shown(blocks: Sequence[Mapping[str, Any]]) -> str:
    """The blocks as lines: `# header`, text, `~ context`, `[Button] action=value`."""
    lines: list[str] = []
    for block in blocks:
        mark = f"  ({block['block_id']})" if "block_id" in block else ""
        match block["type"]:
            case "header":
                lines.append(f"# {block['text']['text']}{mark}")
            case "section":
                if "text" in block:
                    lines.append(block["text"]["text"] + mark)
                lines += [field["text"].replace("\n", ": ") for field in block.get("fields", [])]
            case "context":
                lines += [f"~ {element['text']}" for element in block["elements"]]
            case "divider":
                lines.append("---")
            case "actions":
                lines.append(" ".join(_button(element) for element in block["elements"]))
            case "input":
                lines.append(f"{block['label']['text']}: {_element(block['element'])}")
            case other:
                raise AssertionError(other)
    return "\n".join(lines)


def _button(element: Mapping[str, Any]) -> str:
    style = {"primary": "!", "danger": "‼"}.get(element.get("style", ""), "")
    carried = element.get("value", element.get("url", ""))
    return f"[{element['text']['text']}{style}] {element['action_id']}={carried}"


def _element(element: Mapping[str, Any]) -> str:
    options = [option["text"]["text"] for option in element.get("options", [])]
    groups = [
        f"{group['label']['text']} ({len(group['options'])})" for group in element.get("option_groups", [])
    ]
    return f"{element['type']} {options or groups or ''}".strip()


def _texts(value: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if isinstance(value, Mapping):
        if value.get("type") in ("mrkdwn", "plain_text") and isinstance(value.get("text"), str):
            found.append((value["type"], value["text"]))
        else:
            for inner in value.values():
                found += _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            found += _texts(inner)
    return found
