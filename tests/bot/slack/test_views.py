"""Every view of every Snapshot is one that Slack takes, and looks as it did."""

from __future__ import annotations

from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from bot.domain.operation import FINAL, Snapshot, State
from bot.slack.views.arrival import arrival
from bot.slack.views.ask import ask
from bot.slack.views.blocks import Message
from bot.slack.views.card import card
from bot.slack.views.prompt import prompt
from tests.support.blocks import check, check_mrkdwn, shown
from tests.support.snapshots import records, table

TABLE = table()


@pytest.fixture(params=TABLE, ids=lambda name: name.replace(" ", "-"))
def case(request: pytest.FixtureRequest) -> Snapshot:
    return TABLE[request.param]


def _seen(message: Message) -> str:
    check(message.blocks)
    check_mrkdwn(message.text)
    assert message.text
    assert len(message.text) <= 3000
    return f"{message.text}\n\n{shown(message.blocks)}"


def test_card(case: Snapshot, snapshot: SnapshotAssertion) -> None:
    assert _seen(card(case, "card:12")) == snapshot


def test_prompt(case: Snapshot, snapshot: SnapshotAssertion) -> None:
    assert (
        _seen(prompt(case, "prompt:12:x", case.operation.plan.hash if case.operation.plan else None))
        == snapshot
    )


def test_ask(case: Snapshot) -> None:
    question = case.operation.question
    message = ask(case, question.id if question else 3, "ask:12:3")
    _seen(message)
    assert ("op:answer" in shown(message.blocks)) == (question is not None)


def test_arrival(case: Snapshot) -> None:
    _seen(arrival(case, ["U0TESS0001"], "arrival:12"))


def test_the_first_block_carries_the_key() -> None:
    assert card(TABLE["rolling"], "card:12").blocks[0]["block_id"] == "outbox:card:12"


def test_arrival_names_the_testers_the_version_and_where_to_look(snapshot: SnapshotAssertion) -> None:
    assert _seen(arrival(TABLE["succeeded"], ["U0TESS0001"], "arrival:12")) == snapshot


def test_ask_mentions_people_and_has_a_button_for_each_choice(snapshot: SnapshotAssertion) -> None:
    assert _seen(ask(TABLE["asking"], 3, "ask:12:3")) == snapshot


def test_an_answered_question_has_no_buttons() -> None:
    rolled_on = replace(TABLE["asking"].operation, state=State.ROLLING_OUT, question=None)
    text = _seen(ask(replace(TABLE["asking"], operation=rolled_on), 3))
    assert "Answered" in text
    assert "op:answer" not in text


def test_an_older_question_has_no_buttons() -> None:
    assert "op:answer" not in _seen(ask(TABLE["asking"], 2))


def test_a_card_of_something_ended_has_no_buttons(case: Snapshot) -> None:
    if case.operation.state in FINAL:
        assert not [block for block in card(case).blocks if block["type"] == "actions"]


def test_approve_stands_only_where_it_applies(case: Snapshot) -> None:
    waits = case.operation.state is State.AWAITING_APPROVAL
    for message in (card(case), prompt(case)):
        assert ("op:approve" in shown(message.blocks)) == waits


def test_a_prompt_of_another_plan_says_so_and_has_no_buttons() -> None:
    text = _seen(prompt(TABLE["plan changed"], None, "0" * 64))
    assert "The plan has changed" in text
    assert "main moved" in text
    assert "op:approve" not in text


def test_approve_carries_what_was_seen() -> None:
    plan = TABLE["awaiting"].operation.plan
    assert plan is not None
    assert f"op:approve=12:{plan.hash[:12]}" in shown(card(TABLE["awaiting"]).blocks)


def test_a_rollouts_card_keeps_its_shape_from_step_to_step() -> None:
    """The same blocks and the same number of lines in each, so that nothing jumps."""
    case = TABLE["rolling"]
    plan = case.operation.plan
    assert plan is not None
    shapes = set()
    for done in range(len(plan.steps)):
        blocks = card(replace(case, steps=records(plan, done))).blocks
        shapes.add(tuple((b["type"], str(b.get("text", {}).get("text", "")).count("\n")) for b in blocks))
    assert len(shapes) == 1


def test_nothing_typed_pings_or_formats(case: Snapshot) -> None:
    text = shown(
        [block for block in card(case).blocks if block["type"] != "header"]
    )  # a header is plain text
    for bad in ("<!channel>", "<!here>", "<!everyone>", "<script>", "@here", "*Friday*", "*bold*"):
        assert bad not in text
