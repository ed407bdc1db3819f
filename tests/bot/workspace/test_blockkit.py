"""Block Kit: what is taken, and that everything else is refused with its place."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from bot.workspace.blockkit import check_blocks, check_view

Json = dict[str, Any]


def plain(text: str = "x") -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str = "x") -> Json:
    return {"type": "mrkdwn", "text": text}


def option(value: str = "v") -> Json:
    return {"text": plain(), "value": value}


def section(**fields: Any) -> Json:
    return {"type": "section", "text": mrkdwn(), **fields}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def button(**fields: Any) -> Json:
    return {"type": "button", "text": plain("Go"), "action_id": "go", **fields}


def select(**fields: Any) -> Json:
    return {"type": "static_select", "action_id": "s", "options": [option()], **fields}


def text_input(**fields: Any) -> Json:
    return {
        "type": "input",
        "label": plain(),
        "element": {"type": "plain_text_input", "action_id": "t", **fields},
    }


CONFIRM = {"title": plain(), "text": mrkdwn(), "confirm": plain(), "deny": plain(), "style": "danger"}
RICH = {
    "type": "rich_text",
    "elements": [
        {"type": "rich_text_section", "elements": [{"type": "text", "text": "a", "style": {"bold": True}}]},
        {
            "type": "rich_text_list",
            "style": "bullet",
            "elements": [{"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U1A"}]}],
        },
        {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "log"}]},
    ],
}
TAKEN: list[Json] = [
    section(),
    {"type": "section", "fields": [mrkdwn(), plain()]},
    section(accessory=button(style="primary", value="1", confirm=CONFIRM, url="https://a.example/")),
    section(
        accessory={
            "type": "overflow",
            "action_id": "o",
            "options": [{**option(), "url": "https://a.example/"}],
        }
    ),
    section(accessory={"type": "image", "image_url": "https://a.example/a.png", "alt_text": "a"}),
    actions(button(), select(), {"type": "datepicker", "action_id": "d", "initial_date": "2026-01-31"}),
    actions(
        {
            "type": "static_select",
            "action_id": "g",
            "option_groups": [{"label": plain(), "options": [option()]}],
        },
        {
            "type": "checkboxes",
            "action_id": "c",
            "options": [{"text": mrkdwn(), "value": "v", "description": mrkdwn()}],
        },
        {"type": "radio_buttons", "action_id": "r", "options": [option()], "initial_option": option()},
        {"type": "users_select", "action_id": "u", "placeholder": plain()},
        {"type": "timepicker", "action_id": "ti", "initial_time": "09:30"},
    ),
    {
        "type": "context",
        "elements": [mrkdwn(), {"type": "image", "image_url": "https://a.example/a.png", "alt_text": "a"}],
    },
    {"type": "header", "text": plain("x" * 150)},
    {"type": "divider", "block_id": "d"},
    {"type": "image", "image_url": "https://a.example/a.png", "alt_text": "a", "title": plain()},
    {"type": "markdown", "text": "**a**"},
    RICH,
    {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}, RICH]]},
    text_input(multiline=True, min_length=1, max_length=10, initial_value="a"),
    {
        "type": "input",
        "label": plain(),
        "element": select(),
        "optional": True,
        "hint": plain(),
        "dispatch_action": True,
    },
    {
        "type": "video",
        "title": plain(),
        "video_url": "https://a.example/",
        "thumbnail_url": "https://a.example/a.png",
        "alt_text": "a",
    },
]
REFUSED: list[tuple[Any, str]] = [
    ({"type": "marquee"}, "unsupported type: marquee [json-pointer:/blocks/0/type]"),
    ({"type": "card"}, "unsupported type: card [json-pointer:/blocks/0/type]"),
    ({}, "missing required field: type [json-pointer:/blocks/0]"),
    ("text", "must be an object [json-pointer:/blocks/0]"),
    (section(color="red"), "invalid additional property: color [json-pointer:/blocks/0]"),
    ({"type": "section"}, "missing required field: text or fields [json-pointer:/blocks/0]"),
    (section(text=mrkdwn("")), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    (
        section(text=mrkdwn("x" * 3001)),
        "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
    ),
    (section(text="x"), "must be an object [json-pointer:/blocks/0/text]"),
    (
        section(text=plain() | {"verbatim": True}),
        "invalid additional property: verbatim [json-pointer:/blocks/0/text]",
    ),
    (section(fields=[mrkdwn()] * 11), "no more than 10 items allowed [json-pointer:/blocks/0/fields]"),
    (
        section(fields=[mrkdwn("x" * 2001)]),
        "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]",
    ),
    (section(block_id="x" * 256), "must be less than 256 characters [json-pointer:/blocks/0/block_id]"),
    (
        section(accessory={"type": "plain_text_input"}),
        "unsupported type: plain_text_input [json-pointer:/blocks/0/accessory/type]",
    ),
    (
        {"type": "header", "text": plain("x" * 151)},
        "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
    ),
    ({"type": "header", "text": mrkdwn()}, "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]"),
    (actions(), "no fewer than 1 items allowed [json-pointer:/blocks/0/elements]"),
    (
        actions(*[button(action_id=str(number)) for number in range(26)]),
        "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
    ),
    (
        actions(button(text=plain("x" * 76))),
        "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
    ),
    (
        actions(button(value="x" * 2001)),
        "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
    ),
    (
        actions(button(action_id="x" * 256)),
        "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]",
    ),
    (
        actions(button(style="default")),
        "must be one of primary, danger [json-pointer:/blocks/0/elements/0/style]",
    ),
    (
        actions(button(url="javascript:x")),
        "must look like https://example.com/ [json-pointer:/blocks/0/elements/0/url]",
    ),
    (
        actions(button(confirm={**CONFIRM, "title": plain("x" * 101)})),
        "must be less than 101 characters [json-pointer:/blocks/0/elements/0/confirm/title/text]",
    ),
    (
        actions(button(), button()),
        "action_id go already exists in this block [json-pointer:/blocks/0/elements/1/action_id]",
    ),
    (
        actions(select(options=[option(str(number)) for number in range(101)])),
        "no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]",
    ),
    (
        actions({"type": "static_select", "action_id": "s"}),
        "missing required field: options or option_groups [json-pointer:/blocks/0/elements/0]",
    ),
    (
        actions(select(initial_option=option("other"))),
        "initial option must be one of the options [json-pointer:/blocks/0/elements/0]",
    ),
    (
        actions(select(options=[option("x" * 151)])),
        "must be less than 151 characters [json-pointer:/blocks/0/elements/0/options/0/value]",
    ),
    (
        actions(select(options=[option() | {"url": "https://a.example/"}])),
        "invalid additional property: url [json-pointer:/blocks/0/elements/0/options/0]",
    ),
    (
        actions(
            {"type": "overflow", "action_id": "o", "options": [option(str(number)) for number in range(6)]}
        ),
        "no more than 5 items allowed [json-pointer:/blocks/0/elements/0/options]",
    ),
    (
        actions({"type": "datepicker", "action_id": "d", "initial_date": "31.1.2026"}),
        "must look like 2026-01-31 [json-pointer:/blocks/0/elements/0/initial_date]",
    ),
    (
        {"type": "context", "elements": [mrkdwn()] * 11},
        "no more than 10 items allowed [json-pointer:/blocks/0/elements]",
    ),
    (
        {"type": "context", "elements": [button()]},
        "unsupported type: button [json-pointer:/blocks/0/elements/0/type]",
    ),
    (
        {"type": "image", "alt_text": "a"},
        "missing required field: image_url or slack_file [json-pointer:/blocks/0]",
    ),
    (
        {"type": "image", "image_url": "https://a.example/"},
        "missing required field: alt_text [json-pointer:/blocks/0]",
    ),
    (
        text_input(min_length=5, max_length=2),
        "min_length must not be above max_length [json-pointer:/blocks/0/element]",
    ),
    (
        {"type": "input", "label": plain(), "element": button()},
        "unsupported type: button [json-pointer:/blocks/0/element/type]",
    ),
    (
        {"type": "input", "label": plain(), "element": {"type": "file_input", "action_id": "f"}},
        "type file_input is not allowed in a message [json-pointer:/blocks/0/element/type]",
    ),
    (
        {"type": "file", "external_id": "a", "source": "remote"},
        "unsupported type: file [json-pointer:/blocks/0/type]",
    ),
    (
        {"type": "markdown", "text": "x" * 12001},
        "must be less than 12001 characters [json-pointer:/blocks/0/text]",
    ),
    (
        {
            "type": "rich_text",
            "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": ""}]}],
        },
        "must be more than 0 characters [json-pointer:/blocks/0/elements/0/elements/0/text]",
    ),
]


@pytest.mark.parametrize("block", TAKEN, ids=lambda block: block["type"])
def test_taken(block: Json) -> None:
    assert check_blocks([block]) == []
    if block["type"] not in ("rich_text", "table"):
        parsed = Block.parse(copy.deepcopy(block))
        assert parsed is not None
        parsed.validate_json()


@pytest.mark.parametrize(
    ("block", "sentence"), REFUSED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_refused(block: Any, sentence: str) -> None:
    assert check_blocks([block]) == [sentence]


def test_limits_over_a_whole_message() -> None:
    assert check_blocks([section()] * 50) == []
    assert check_blocks([section()] * 51) == ["no more than 50 items allowed [json-pointer:/blocks]"]
    assert check_blocks([section(block_id="a"), section(block_id="a")]) == [
        "block_id a already exists [json-pointer:/blocks/1/block_id]"
    ]
    table = {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}]]}
    assert check_blocks([table, table]) == ["only one table is allowed in a message [json-pointer:/blocks]"]
    assert check_blocks([actions(button()), actions(button())]) == []
    assert check_blocks([text_input(focus_on_load=True), text_input(focus_on_load=True)]) == [
        "only one element may have focus_on_load [json-pointer:/blocks]"
    ]
    assert check_blocks({}) == ["must be an array [json-pointer:/blocks]"]


def modal(**fields: Any) -> Json:
    return {
        "type": "modal",
        "title": plain("Deploy"),
        "submit": plain("Go"),
        "blocks": [text_input()],
        **fields,
    }


def test_a_modal_and_a_home_are_taken() -> None:
    assert check_view(modal(private_metadata="x" * 3000, callback_id="c", close=plain("No")), "modal") == []
    assert check_view({"type": "home", "blocks": [section()] * 100}, "home") == []


@pytest.mark.parametrize(
    ("view", "sentence"),
    [
        (modal(title=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/title/text]"),
        (
            modal(private_metadata="x" * 3001),
            "must be less than 3001 characters [json-pointer:/view/private_metadata]",
        ),
        (
            modal(submit=None),
            "submit is required when an input block is within the blocks array [json-pointer:/view]",
        ),
        (modal(blocks=[section()] * 101), "no more than 100 items allowed [json-pointer:/view/blocks]"),
        (
            modal(blocks=[{"type": "markdown", "text": "a"}]),
            "type markdown is not allowed in a modal [json-pointer:/view/blocks/0/type]",
        ),
        ({"type": "modal", "blocks": []}, "missing required field: title [json-pointer:/view]"),
        ({"type": "home", "blocks": []}, "must be a modal [json-pointer:/view/type]"),
        ({"type": "drawer", "blocks": []}, "unsupported type: drawer [json-pointer:/view/type]"),
        ([], "must be an object [json-pointer:/view]"),
    ],
)
def test_a_view_is_refused(view: Any, sentence: str) -> None:
    assert check_view(view, "modal") == [sentence]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["section", "actions", "input", "mrkdwn"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "elements", "options", "element", "accessory", "block_id", "rows", "style"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_nothing_makes_the_check_itself_fail(anything: Any) -> None:
    for sentence in check_blocks(anything) + check_view(anything):
        assert sentence.endswith("]")
        assert "[json-pointer:/" in sentence
