"""Block Kit's interactive elements and rich text, each with its fields and limits, and which block takes which.

Tables only; the language they are written in stands in blockkit_rules.py, the blocks in blockkit.py.
"""

from __future__ import annotations

from typing import Any

from bot.workspace.blockkit_rules import (
    CONFIRM,
    CONVERSATION_FILTER,
    DISPATCH_CONFIG,
    ID,
    IMAGE_URL,
    OPTION_GROUP,
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
    option,
    plain,
    shape,
    string,
    whole,
)

DATE = string(pattern=r"\d{4}-\d{2}-\d{2}", example="2026-01-31")
TIME = string(pattern=r"([01]\d|2[0-3]):[0-5]\d", example="09:30")
NUMBER = string(pattern=r"-?\d+(\.\d+)?", example="10.5")
USER = string(pattern=r"[UW][A-Z0-9]+", example="U0123456789")
CONVERSATION = string(pattern=r"[CDG][A-Z0-9]+", example="C0123456789")


def _element(
    kind: str,
    required: dict[str, Rule] | None = None,
    optional: dict[str, Rule] | None = None,
    also: Rule | None = None,
) -> Rule:
    return shape({"type": constant(kind), **(required or {})}, {"action_id": ID, **(optional or {})}, also)


_CHOICE: dict[str, Rule] = {"confirm": CONFIRM, "focus_on_load": flag}
_SELECT: dict[str, Rule] = {**_CHOICE, "placeholder": plain(150)}
_MULTI: dict[str, Rule] = {**_SELECT, "max_selected_items": whole(1)}
_PLAIN_OPTION = option(plain(75))
_RICH_OPTION = option(either(75))


def _initial_is_offered(value: Any, at: str, found: Findings) -> None:
    offered = list(value.get("options") or [])
    for group in value.get("option_groups") or []:
        offered += group["options"]
    chosen = value.get("initial_options") or (
        [value["initial_option"]] if value.get("initial_option") else []
    )
    for one in chosen:
        if not any(
            one["value"] == other["value"] and one["text"]["text"] == other["text"]["text"]
            for other in offered
        ):
            found.add("initial option must be one of the options", at)


def _static(value: Any, at: str, found: Findings) -> None:
    one_of_fields("options", "option_groups")(value, at, found)
    _initial_is_offered(value, at, found)


def _lengths(value: Any, at: str, found: Findings) -> None:
    least, most = value.get("min_length"), value.get("max_length")
    if least is not None and most is not None and least > most:
        found.add("min_length must not be above max_length", at)


_OPTIONS: dict[str, Rule] = {
    "options": items(_PLAIN_OPTION, 1, 100),
    "option_groups": items(OPTION_GROUP, 1, 100),
}
_TEXT_INPUT: dict[str, Rule] = {
    "initial_value": string(3000),
    "dispatch_action_config": DISPATCH_CONFIG,
    "focus_on_load": flag,
    "placeholder": plain(150),
}

BUTTON = _element(
    "button",
    {"text": plain(75)},
    {
        "url": URL,
        "value": string(2000),
        "style": string(among=("primary", "danger")),
        "confirm": CONFIRM,
        "accessibility_label": string(75),
    },
)
IMAGE = shape(
    {"type": constant("image"), "alt_text": string(2000, 1)},
    {"image_url": IMAGE_URL, "slack_file": SLACK_FILE},
    also=one_of_fields("image_url", "slack_file"),
)
WORKFLOW_BUTTON = _element(
    "workflow_button",
    {
        "text": plain(75),
        "workflow": shape(
            {
                "trigger": shape(
                    {"url": URL},
                    {
                        "customizable_input_parameters": items(
                            shape({"name": string(least=1), "value": string()})
                        )
                    },
                )
            }
        ),
    },
    {"style": string(among=("primary", "danger")), "accessibility_label": string(75)},
)

SELECTS: dict[str, Rule] = {
    "static_select": _element(
        "static_select", {}, {**_SELECT, **_OPTIONS, "initial_option": _PLAIN_OPTION}, _static
    ),
    "external_select": _element(
        "external_select", {}, {**_SELECT, "initial_option": _PLAIN_OPTION, "min_query_length": whole(0)}
    ),
    "users_select": _element("users_select", {}, {**_SELECT, "initial_user": USER}),
    "conversations_select": _element(
        "conversations_select",
        {},
        {
            **_SELECT,
            "initial_conversation": CONVERSATION,
            "default_to_current_conversation": flag,
            "response_url_enabled": flag,
            "filter": CONVERSATION_FILTER,
        },
    ),
    "channels_select": _element(
        "channels_select", {}, {**_SELECT, "initial_channel": CONVERSATION, "response_url_enabled": flag}
    ),
    "multi_static_select": _element(
        "multi_static_select",
        {},
        {**_MULTI, **_OPTIONS, "initial_options": items(_PLAIN_OPTION, 1, 100)},
        _static,
    ),
    "multi_external_select": _element(
        "multi_external_select",
        {},
        {**_MULTI, "initial_options": items(_PLAIN_OPTION, 1, 100), "min_query_length": whole(0)},
    ),
    "multi_users_select": _element("multi_users_select", {}, {**_MULTI, "initial_users": items(USER)}),
    "multi_conversations_select": _element(
        "multi_conversations_select",
        {},
        {
            **_MULTI,
            "initial_conversations": items(CONVERSATION),
            "default_to_current_conversation": flag,
            "filter": CONVERSATION_FILTER,
        },
    ),
    "multi_channels_select": _element(
        "multi_channels_select", {}, {**_MULTI, "initial_channels": items(CONVERSATION)}
    ),
}
CHOICES: dict[str, Rule] = {
    "checkboxes": _element(
        "checkboxes",
        {"options": items(_RICH_OPTION, 1, 10)},
        {**_CHOICE, "initial_options": items(_RICH_OPTION, 1, 10)},
        _initial_is_offered,
    ),
    "radio_buttons": _element(
        "radio_buttons",
        {"options": items(_RICH_OPTION, 1, 10)},
        {**_CHOICE, "initial_option": _RICH_OPTION},
        _initial_is_offered,
    ),
    "datepicker": _element("datepicker", {}, {**_SELECT, "initial_date": DATE}),
    "timepicker": _element("timepicker", {}, {**_SELECT, "initial_time": TIME, "timezone": string(least=1)}),
}
DATETIME = _element(
    "datetimepicker", {}, {**_CHOICE, "initial_date_time": whole(1_000_000_000, 9_999_999_999)}
)
OVERFLOW = _element(
    "overflow", {"options": items(option(plain(75), with_url=True), 1, 5)}, {"confirm": CONFIRM}
)


def _rich_text(value: Any, at: str, found: Findings) -> None:
    # Named before it is made: rich text itself stands at the end of this file.
    rule: Rule = RICH_TEXT
    rule(value, at, found)


RICH_INPUT = _element(
    "rich_text_input",
    {},
    {
        "initial_value": _rich_text,
        "dispatch_action_config": DISPATCH_CONFIG,
        "focus_on_load": flag,
        "placeholder": plain(150),
    },
)
INPUTS: dict[str, Rule] = {
    "plain_text_input": _element(
        "plain_text_input",
        {},
        {**_TEXT_INPUT, "multiline": flag, "min_length": whole(0, 3000), "max_length": whole(1, 3000)},
        _lengths,
    ),
    "email_text_input": _element("email_text_input", {}, _TEXT_INPUT),
    "url_text_input": _element("url_text_input", {}, _TEXT_INPUT),
    "number_input": _element(
        "number_input",
        {"is_decimal_allowed": flag},
        {**_TEXT_INPUT, "initial_value": NUMBER, "min_value": NUMBER, "max_value": NUMBER},
    ),
    "file_input": _element(
        "file_input", {}, {"filetypes": items(string(least=1)), "max_files": whole(1, 10)}
    ),
}
FEEDBACK_BUTTON = shape({"text": plain(75), "value": string(2000)}, {"accessibility_label": string(75)})

IN_SECTION = by_type(
    {
        "button": BUTTON,
        "image": IMAGE,
        "overflow": OVERFLOW,
        "workflow_button": WORKFLOW_BUTTON,
        **SELECTS,
        **CHOICES,
    }
)
IN_ACTIONS = by_type(
    {
        "button": BUTTON,
        "overflow": OVERFLOW,
        "workflow_button": WORKFLOW_BUTTON,
        "datetimepicker": DATETIME,
        "rich_text_input": RICH_INPUT,
        **SELECTS,
        **CHOICES,
    }
)
IN_INPUT = by_type(
    {**INPUTS, "rich_text_input": RICH_INPUT, "datetimepicker": DATETIME, **SELECTS, **CHOICES},
    {"file_input": ("modal",)},
)
IN_CONTEXT = by_type(
    {
        "image": IMAGE,
        "plain_text": shape({"type": constant("plain_text"), "text": string(2000, 1)}, {"emoji": flag}),
        "mrkdwn": shape({"type": constant("mrkdwn"), "text": string(2000, 1)}, {"verbatim": flag}),
    }
)
IN_CONTEXT_ACTIONS = by_type(
    {
        "feedback_buttons": _element(
            "feedback_buttons", {"positive_button": FEEDBACK_BUTTON, "negative_button": FEEDBACK_BUTTON}
        ),
        "icon_button": _element(
            "icon_button",
            {"icon": string(least=1), "text": plain(75)},
            {
                "value": string(2000),
                "confirm": CONFIRM,
                "accessibility_label": string(75),
                "visible_to_user_ids": items(USER),
            },
        ),
    }
)

# Rich text ------------------------------------------------------------------------------------------------------------------------

_STYLE = shape(
    {},
    dict.fromkeys(
        ("bold", "italic", "strike", "underline", "code", "highlight", "client_highlight", "unlink"), flag
    ),
)


def _inline(kind: str, required: dict[str, Rule], optional: dict[str, Rule] | None = None) -> Rule:
    return shape({"type": constant(kind), **required}, {"style": _STYLE, **(optional or {})})


_INLINE = by_type(
    {
        "text": _inline("text", {"text": string(least=1)}),
        "link": _inline("link", {"url": string(least=1)}, {"text": string(), "unsafe": flag}),
        "user": _inline("user", {"user_id": USER}),
        "usergroup": _inline("usergroup", {"usergroup_id": string(least=1)}),
        "channel": _inline("channel", {"channel_id": CONVERSATION}),
        "team": _inline("team", {"team_id": string(least=1)}),
        "emoji": _inline(
            "emoji",
            {"name": string(least=1)},
            {"unicode": string(), "skin_tone": whole(1, 6), "url": string()},
        ),
        "broadcast": _inline("broadcast", {"range": string(among=("here", "channel", "everyone"))}),
        "date": _inline(
            "date", {"timestamp": whole(0), "format": string(least=1)}, {"url": URL, "fallback": string()}
        ),
        "color": _inline("color", {"value": string(least=1)}),
    }
)
_BORDER = whole(0, 1)
_SECTION = shape({"type": constant("rich_text_section"), "elements": items(_INLINE, 0)})
_RICH_PART = by_type(
    {
        "rich_text_section": _SECTION,
        "rich_text_preformatted": shape(
            {"type": constant("rich_text_preformatted"), "elements": items(_INLINE, 0)},
            {"border": _BORDER, "language": string()},
        ),
        "rich_text_quote": shape(
            {"type": constant("rich_text_quote"), "elements": items(_INLINE, 0)}, {"border": _BORDER}
        ),
        "rich_text_list": shape(
            {
                "type": constant("rich_text_list"),
                "style": string(among=("bullet", "ordered")),
                "elements": items(by_type({"rich_text_section": _SECTION}), 1),
            },
            {"indent": whole(0, 8), "offset": whole(0), "border": _BORDER},
        ),
    }
)
RICH_TEXT: Rule = shape({"type": constant("rich_text"), "elements": items(_RICH_PART, 1)}, {"block_id": ID})
