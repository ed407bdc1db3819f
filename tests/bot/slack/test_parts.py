"""The pure parts: escaping, cutting, pacing, errors, translations, the manifest, replies and modals."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from slack_sdk.errors import SlackApiError

from bot.domain.errors import UsageError
from bot.domain.identity import SlackIdentity
from bot.slack.clicks import command_of
from bot.slack.incoming import How, Incoming, of_click, of_command, of_direct_message, of_mention
from bot.slack.manifest import SCOPES, as_json, as_yaml, command_names, manifest
from bot.slack.pacing import Bucket, Pace
from bot.slack.views import limits
from bot.slack.views.text import code, esc, fenced, link_text, pad, span
from bot.slack.web import Trouble, failure_of
from tests.support.blocks import check, check_mrkdwn

TYPED = st.text(max_size=300) | st.text(alphabet="<>&!@#*_~`|\n \u202e\x1bcd[]", max_size=300)


# --- texts


@given(TYPED)
def test_what_was_typed_is_one_line_without_marks(text: str) -> None:
    shown_text = esc(text)
    check_mrkdwn(shown_text)
    assert "\n" not in shown_text
    assert not set(shown_text) & set("<>`\x1b\u202e")


@given(TYPED)
def test_code_cannot_be_left(text: str) -> None:
    assert code(text).count("`") in (0, 2)
    check_mrkdwn(code(text))


@given(st.lists(TYPED, max_size=60))
def test_a_log_cannot_leave_its_fence(lines: list[str]) -> None:
    found = fenced(lines)
    assert found.count("```") in (0, 2)
    assert len(found) <= 2900
    check_mrkdwn(found)


@given(TYPED, st.integers(min_value=8, max_value=200))
def test_a_cut_text_is_whole(text: str, limit: int) -> None:
    found = limits.clip(esc(text) + fenced([text]), limit)
    assert len(found) <= limit
    check_mrkdwn(found)


@given(
    st.lists(TYPED, max_size=30),
    st.integers(min_value=50, max_value=3000),
    st.integers(min_value=1, max_value=20),
)
def test_some_lines_fit_and_count_the_rest(lines: list[str], limit: int, at_most: int) -> None:
    found = limits.some_lines([esc(line) for line in lines], limit, at_most)
    assert len("\n".join(found)) <= limit
    if len(lines) > at_most:
        assert found[-1].startswith("… ")


def test_a_link_cannot_be_left() -> None:
    assert (
        link_text("https://a.example/x?y=1&z=2", "<here>") == "<https://a.example/x?y=1&amp;z=2|&lt;here&gt;>"
    )
    for bad in ("javascript:alert(1)", "https://a.example/>", "https://a|b", "https://a b"):
        assert "<" not in link_text(bad, "x")


def test_wide_letters_take_two_columns() -> None:
    assert pad("日本", 6) == "日本  "
    assert pad("日本語", 4) == "日…"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59, "59 s"), (80, "1 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations(seconds: int, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words


def test_too_many_blocks_and_too_much_text_fit() -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}} for _ in range(80)]
    check(limits.fit(blocks))


# --- pace


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_keeps_its_reserve_for_what_is_urgent() -> None:
    time = Time()
    bucket = Bucket(rate=1.0, burst=4, reserve=2, monotonic=time)
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    assert bucket.take(is_urgent=True)
    time.now += 2
    assert bucket.take()


def test_new_messages_are_a_second_apart_in_a_channel() -> None:
    time = Time()
    pace = Pace(time)
    assert pace.may_post("a")
    assert not pace.may_post("a")
    assert pace.may_post("b")
    time.now += 1
    assert pace.may_post("a")


def test_updates_of_the_whole_workspace_are_counted() -> None:
    time = Time()
    pace = Pace(time)
    sent = 0
    for n in range(600):
        sent += pace.may_update(f"card:{n}", is_urgent=False)
        time.now += 0.1
    assert sent <= 62


def test_one_busy_card_leaves_room_for_others_and_its_end_does_not_wait() -> None:
    time = Time()
    pace = Pace(time)
    assert pace.may_update("card:1", is_urgent=False)
    assert not pace.may_update("card:1", is_urgent=False)
    assert pace.may_update("card:2", is_urgent=False)
    assert pace.may_update("card:1", is_urgent=True)


def test_a_pause_is_for_its_method() -> None:
    time = Time()
    pace = Pace(time)
    pace.hold("chat.update", 5)
    assert pace.is_held("chat.update")
    assert not pace.is_held("chat.postMessage")
    time.now += 5
    assert not pace.is_held("chat.update")


# --- Slack's errors


class Answer(dict[str, Any]):
    def __init__(self, error: str, status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(ok=False, error=error)
        self.status_code = status
        self.headers = headers or {}


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (SlackApiError("x", Answer("ratelimited", 429, {"Retry-After": "7"})), Trouble.RATE),
        (SlackApiError("x", Answer("", 503)), Trouble.AWAY),
        (SlackApiError("x", Answer("internal_error")), Trouble.AWAY),
        (TimeoutError(), Trouble.AWAY),
        (ConnectionRefusedError(), Trouble.AWAY),
        (SlackApiError("x", Answer("invalid_auth")), Trouble.INSTALLATION),
        (SlackApiError("x", Answer("is_archived")), Trouble.CHANNEL),
        (SlackApiError("x", Answer("message_not_found")), Trouble.GONE),
        (SlackApiError("x", Answer("invalid_blocks")), Trouble.SHAPE),
        (SlackApiError("x", Answer("something_new")), Trouble.OTHER),
    ],
)
def test_errors_are_sorted_by_what_can_be_done(error: BaseException, trouble: Trouble) -> None:
    found = failure_of(error)
    assert found.trouble is trouble
    assert found.retry_after == (7.0 if trouble is Trouble.RATE else 0.0)


# --- translations


def _event(text: str, **more: Any) -> dict[str, Any]:
    event = {"type": "app_mention", "user": "U1", "text": text, "channel": "C1", "ts": "1.1", **more}
    return {"event_id": "Ev1", "team_id": "T1", "event": event}


@pytest.mark.parametrize(
    "text", ["<@UBOT> deploy shop", " <@UBOT|shipbell>: deploy shop", "<@UBOT>\ndeploy shop"]
)
def test_a_mention_at_the_beginning_is_meant(text: str) -> None:
    found = of_mention(_event(text), "UBOT")
    assert found is not None
    assert found.text == "deploy shop"


@pytest.mark.parametrize(
    "body",
    [
        _event("don't <@UBOT> deploy shop prod"),
        _event("<@UOTHER> deploy shop"),
        _event("<@UBOT> deploy shop", user="UBOT", bot_id="B1"),
        _event("<@UBOT> deploy shop", edited={"ts": "2"}),
        _event("<@UBOT> deploy shop", subtype="message_changed"),
        _event("<@UBOT> deploy shop", user=None),
    ],
)
def test_other_words_do_nothing(body: dict[str, Any]) -> None:
    assert of_mention(body, "UBOT") is None


def test_what_an_app_says_is_known_as_such() -> None:
    found = of_mention(_event("<@UBOT> deploy shop", bot_id="B1"), "UBOT")
    assert found is not None
    assert found.identity == SlackIdentity("T1", "U1", by_app=True)
    assert of_direct_message(_event("deploy shop", channel_type="im", bot_id="B1"), "UBOT") is None


def test_a_message_in_a_channel_is_no_direct_message() -> None:
    assert of_direct_message(_event("deploy shop", channel_type="channel"), "UBOT") is None
    assert of_direct_message(_event("deploy shop", channel_type="im"), "UBOT") is not None


def test_the_users_own_team_counts() -> None:
    found = of_mention(_event("<@UBOT> help", user_team="TAWAY"), "UBOT")
    assert found is not None
    assert found.identity == SlackIdentity("TAWAY", "U1")


def test_a_request_survives_being_stored() -> None:
    body = {"trigger_id": "1.2", "team_id": "T1", "user_id": "U1", "text": "shop test", "channel_id": "C1"}
    incoming = of_command({**body, "response_url": "https://hooks.example/x"}, "deploy")
    assert Incoming.from_payload(json.loads(json.dumps(incoming.to_payload()))) == incoming
    assert "1.2" in incoming.request_id
    for broken in ({}, {"how": "smoke"}, {"how": "slash"}):
        with pytest.raises(ValueError):
            Incoming.from_payload(broken)


def test_a_click_in_a_thread_and_in_home() -> None:
    body = {
        "trigger_id": "1",
        "user": {"id": "U1", "team_id": "T1"},
        "actions": [{"action_id": "op:abort", "value": "12"}],
        "channel": {"id": "C1"},
        "container": {"type": "message", "message_ts": "2.0", "thread_ts": "1.0"},
    }
    found = of_click(body)
    assert (found.how, found.channel, found.thread_ts, found.value) == (How.BUTTON, "C1", "1.0", "12")
    assert of_click({**body, "view": {"type": "home"}}).is_home


@pytest.mark.parametrize(
    ("action", "value", "command"),
    [
        ("op:approve", "12:abcdefabcdef", "approve #12 --seen abcdefabcdef"),
        ("op:abort", "12", "abort #12"),
        ("op:answer:roll_back", "12:3", "answer #12 3 roll_back"),
        ("run:0", "deploy shop test", "deploy shop test"),
        ("op:answer:dance", "12:3", None),
        ("op:answer:retry", "12", None),
        ("op:approve", "twelve", None),
        ("op:approve", "", None),
        ("something", "12", None),
    ],
)
def test_a_button_is_a_command(action: str, value: str, command: str | None) -> None:
    assert command_of(action, value) == command


# --- the manifest


def test_the_manifest_names_commands_scopes_and_events() -> None:
    found = manifest()
    assert [c["command"] for c in found["features"]["slash_commands"]] == [
        "/deploy",
        "/rollback",
        "/shipbell",
    ]
    assert found["oauth_config"]["scopes"]["bot"] == list(SCOPES)
    assert found["settings"]["socket_mode_enabled"]
    assert json.loads(as_json(found)) == found
    assert YAML(typ="safe").load(as_yaml(found)) == found


def test_the_manifest_for_http_has_addresses() -> None:
    found = manifest(http_url="https://bot.example/")
    assert found["settings"]["interactivity"]["request_url"] == "https://bot.example/slack/events"
    assert not found["settings"]["socket_mode_enabled"]
    assert {c["url"] for c in found["features"]["slash_commands"]} == {"https://bot.example/slack/events"}


def test_commands_can_be_added_renamed_and_left_out() -> None:
    names = command_names(["/ship=deploy", "history", "/deploy=", "/bell=*"])
    assert names == {
        "/rollback": "rollback",
        "/shipbell": None,
        "/ship": "deploy",
        "/history": "history",
        "/bell": None,
    }


@pytest.mark.parametrize("bad", ["/status", "/who", "/Deploy", "/dance", "/x=dance", "/" + "x" * 40])
def test_names_that_cannot_be_are_refused_with_a_hint(bad: str) -> None:
    with pytest.raises(UsageError) as refused:
        command_names([bad])
    assert refused.value.todo
