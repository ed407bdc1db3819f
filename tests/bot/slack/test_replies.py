"""Replies, notices, modals and App Home: Slack takes them, and they look as they did."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from bot.domain.messages import Facts, Listing, Paragraph, Preformatted, Reply, Suggestion, Tone
from bot.domain.operation import Snapshot, State
from bot.domain.reports import HomeReport
from bot.slack.views.home import home
from bot.slack.views.modals import Place, deploy_modal, deploy_of, reject_modal
from bot.slack.views.notice import notice
from bot.slack.views.reply import reply
from bot.slack.views.text import esc
from commands.parsed import Deploy
from tests.support.blocks import check, check_view, shown
from tests.support.desk import DANA, MemoryDesk, catalog
from tests.support.snapshots import NOON, operation, table

TYPED = st.text(max_size=300) | st.text(alphabet="<>&!@#*_~`|\n \u202e\x1bcd[]", max_size=300)

ANSWER = Reply(
    "All is well.",
    Tone.GOOD,
    (
        Paragraph("A *paragraph*."),
        Facts((("Version", "`v1.4`"), ("Nothing", ""))),
        Listing("Rows", tuple(f"row {n}" for n in range(90))),
        Preformatted("Log", ("one <1>", "two ```")),
    ),
    (Suggestion("Deploy it", "deploy shop test"), Suggestion("Too long", "x" * 2500)),
    opens="deploy",
)


def test_a_reply_looks_as_it_did(snapshot: SnapshotAssertion) -> None:
    message = reply(ANSWER, "https://slack.example/card")
    check(message.blocks)
    assert shown(message.blocks) == snapshot


@given(st.lists(TYPED, max_size=80), TYPED)
def test_any_reply_fits(rows: list[str], text: str) -> None:
    parts = (
        Listing(esc(text), tuple(map(esc, rows))),
        Preformatted("Log", tuple(rows)),
        Facts(((esc(text), esc(text)),)),
    )
    check(reply(Reply(esc(text), sections=(*parts, *parts), suggestions=(Suggestion(text, text),))).blocks)


def test_a_notice_escapes_and_mentions() -> None:
    message = notice(
        {"text": "line *4*\nline 5", "tone": "bad", "tell": ["U0LEE00001"], "log": ["x"]}, "notice:1"
    )
    check(message.blocks)
    assert message.text.startswith("⚠️ <@U0LEE00001> line ∗4∗\nline 5")
    check(notice({}).blocks)


@pytest.mark.parametrize("services", [0, 1, 100, 101, 250])
def test_the_deploy_modal_has_every_service(services: int) -> None:
    found = (
        replace(catalog({f"s{n:03}": ("test",) for n in range(services)}), services={})
        if not services
        else None
    )
    view = deploy_modal(
        found or catalog({f"s{n:03}": ("test",) for n in range(services)}), Place("C1", "1.1", None)
    )
    check_view(view)
    assert Place.from_metadata(view["private_metadata"]) == Place("C1", "1.1", None)
    if services:
        text = json.dumps(view)
        assert f"s{services - 1:03}" in text


def test_the_modals_look_as_they_did(snapshot: SnapshotAssertion) -> None:
    reject = reject_modal(operation(State.AWAITING_APPROVAL), Place("C1"))
    check_view(reject)
    assert [shown(deploy_modal(catalog(), Place())["blocks"]), shown(reject["blocks"])] == snapshot


def _values(**given_values: Any) -> dict[str, Any]:
    shapes: dict[str, Any] = {}
    for name, value in given_values.items():
        key = "selected_option" if name in ("service", "environment") else "value"
        shapes[name] = {"value": {key: {"value": value} if key == "selected_option" else value}}
    return shapes


def test_a_modal_says_what_somebody_could_have_typed() -> None:
    values = _values(
        service="shop",
        environment="prod",
        ref=" v1.4 ",
        instances="shop-2 shop-1",
        batch="50 %",
        reason="a\nb",
    )
    assert deploy_of(values, catalog()) == Deploy(
        "shop", "prod", "v1.4", ("shop-2", "shop-1"), "50%", False, "a b"
    )


def test_a_modal_says_what_is_wrong_at_each_field() -> None:
    wrong = deploy_of(
        _values(ref="-x", instances="shop-9", batch="0", service="shop", environment="prod"), catalog()
    )
    assert isinstance(wrong, dict)
    assert set(wrong) == {"ref", "instances", "batch"}
    assert "shop-" in wrong["instances"]
    assert set(deploy_of({}, catalog())) == {"service", "environment"}  # type: ignore[call-overload]


def test_metadata_of_others_is_an_empty_place() -> None:
    for text in ("", "{", "[]", '{"operation": "x"}', "null"):
        assert Place.from_metadata(text) == Place()


def _numbered(snapshot: Snapshot, number: int) -> Snapshot:
    return replace(snapshot, operation=replace(snapshot.operation, number=number))


async def test_home_has_what_waits_what_runs_and_what_is_where(snapshot: SnapshotAssertion) -> None:
    cases = table()
    desk = MemoryDesk()
    report = HomeReport(
        DANA,
        waiting=tuple(_numbered(cases["awaiting"], n) for n in range(20, 32)),
        running=(cases["rolling"], _numbered(cases["asking"], 13)),
        targets=tuple(await desk.status(DANA)) * 3,
        now=NOON,
    )
    view = home(report)
    check_view(view)
    assert (
        shown(home(replace(report, waiting=report.waiting[:1], targets=report.targets[:3]))["blocks"])
        == snapshot
    )


def test_home_of_nobody_says_why() -> None:
    view = home(HomeReport(None, refusal="Guests may not use <Shipbell>."))
    check_view(view)
    assert "&lt;Shipbell&gt;" in shown(view["blocks"])
