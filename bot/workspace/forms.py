"""Elements that hold a choice: what a click or choice becomes in a payload, and what Slack's own client demands before a submission."""

from __future__ import annotations

import re
from typing import Any

from bot.workspace.errors import ClientError, Json
from bot.workspace.views import VALUE_KEYS

REQUIRED = "Please complete this required field."


def choice(block: Json, element: Json, given: Json, action_ts: str) -> Json:
    """The entry of `actions` for what a person did with this element. Raises ClientError for a choice that it does not offer."""
    kind = element["type"]
    action: Json = {
        "type": kind,
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "action_ts": action_ts,
    }
    if kind in ("button", "workflow_button", "icon_button"):
        for name in ("text", "value", "style", "url"):
            if element.get(name) is not None:
                action[name] = element[name]
        return action
    if kind == "feedback_buttons":
        action.update(value=given.get("value"), text=given.get("text"))
        return action
    key = "selected_option" if kind == "overflow" else VALUE_KEYS[kind][0]
    action[key] = _offered(element, key, given.get(key))
    if element.get("placeholder") and key != "value":
        action["placeholder"] = element["placeholder"]
    initial = VALUE_KEYS.get(kind, ("", ""))[1]
    if key != "value" and element.get(initial) is not None:
        action[initial] = element[initial]
    return action


def complaints(view: Json) -> dict[str, str]:
    """What stands in the way of a submission by the view's own rules: `{block_id: sentence}`."""
    found: dict[str, str] = {}
    for block in view["blocks"]:
        if block["type"] != "input":
            continue
        element = block["element"]
        state = view["state"]["values"].get(block["block_id"], {}).get(element["action_id"], {})
        sentence = _complaint(element, state, bool(block.get("optional")))
        if sentence:
            found[block["block_id"]] = sentence
    return found


def _complaint(element: Json, state: Json, optional: bool) -> str:
    key = VALUE_KEYS.get(element["type"], ("", ""))[0]
    value = state.get(key)
    if value in (None, "", []):
        return "" if optional else REQUIRED
    if element["type"] == "plain_text_input":
        least, most = element.get("min_length") or 0, element.get("max_length") or 3000
        if len(value) < least:
            return f"Please enter at least {least} characters."
        if len(value) > most:
            return f"Please enter at most {most} characters."
    if element["type"] == "number_input":
        return _number(element, str(value))
    if element["type"] == "email_text_input" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        return "Please enter a valid email address."
    if element["type"] == "url_text_input" and not re.match(r"https?://\S+$", value):
        return "Please enter a valid URL."
    most_items = element.get("max_selected_items")
    if most_items is not None and isinstance(value, list) and len(value) > most_items:
        return f"Please choose at most {most_items}."
    return ""


def _number(element: Json, value: str) -> str:
    pattern = r"-?\d+(\.\d+)?" if element["is_decimal_allowed"] else r"-?\d+"
    if not re.fullmatch(pattern, value):
        return "Please enter a number." if element["is_decimal_allowed"] else "Please enter a whole number."
    if element.get("min_value") is not None and float(value) < float(element["min_value"]):
        return f"Please enter at least {element['min_value']}."
    if element.get("max_value") is not None and float(value) > float(element["max_value"]):
        return f"Please enter at most {element['max_value']}."
    return ""


def _offered(element: Json, key: str, given: Any) -> Any:
    if element["type"] in ("external_select", "multi_external_select") or key not in (
        "selected_option",
        "selected_options",
    ):
        return given
    options = list(element.get("options") or [])
    for group in element.get("option_groups") or []:
        options += group["options"]
    by_value = {option["value"]: option for option in options}
    wanted = given if isinstance(given, list) else [given]
    found = []
    for one in wanted:
        value = one.get("value") if isinstance(one, dict) else one
        if value is None:
            continue
        if value not in by_value:
            there = ", ".join(by_value)
            raise ClientError("no_such_option", f"{value!r} is none of the options there: {there}", 409)
        found.append(by_value[value])
    if key == "selected_options":
        return found
    return found[0] if found else None
