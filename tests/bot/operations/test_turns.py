"""One Operation at a time per Target; requests that come twice; a catalog that changes; a bot that starts again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.errors import Refused, UnknownWord
from bot.domain.gates import Gate
from bot.domain.identity import Profile, SlackIdentity
from bot.domain.messages import MessageKind
from bot.domain.operation import Kind, State
from tests.support.operations import DANA, GUS, LEE, Office, a_catalog, an_office
from tests.support.platform import MemoryPlatform


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path) as opened:
        yield opened


async def test_a_second_one_queues_says_its_place_and_follows(office: Office) -> None:
    await office.deploy()
    office.platform.pause_at = "start shop-1"
    first = await office.ask(Kind.RESTART)
    await asyncio.wait_for(office.platform.reached.wait(), 8)
    office.platform.commit("b")
    second = await office.state(await office.ask(Kind.DEPLOY, actor=LEE), State.QUEUED)
    third = await office.state(await office.ask(Kind.RESTART, actor=LEE), State.QUEUED)
    snapshot = await office.desk.snapshot(third.number)
    assert (snapshot.queue_place, snapshot.queue_behind) == (2, second.number)
    office.platform.paused.set()
    assert (await office.settled(first)).state is State.SUCCEEDED
    assert (await office.settled(second)).state is State.SUCCEEDED
    assert (await office.settled(third)).state is State.SUCCEEDED
    assert set(office.platform.versions_of("shop@test").values()) == {"b running enabled"}


async def test_the_same_words_by_the_same_person_are_the_same_operation(office: Office) -> None:
    office.platform.slow_builds.add("a")
    first = await office.ask(Kind.DEPLOY, ref="main")
    again = await office.ask(Kind.DEPLOY, ref="main")
    other = await office.ask(Kind.DEPLOY, ref="main", actor=LEE)
    assert (again.number, other.number) == (first.number, first.number + 1)


async def test_a_request_that_is_delivered_twice_is_one(office: Office) -> None:
    assert await office.desk.accept("env-1", "slash", {"text": "deploy shop test"})
    assert not await office.desk.accept("env-1", "slash", {"text": "deploy shop test"})
    assert [request[0] for request in await office.desk.unfinished()] == ["env-1"]
    await office.desk.finish("env-1")
    assert await office.desk.unfinished() == []


async def test_words_that_name_nothing_change_nothing(office: Office) -> None:
    with pytest.raises(UnknownWord, match=r"Did you mean test\?") as error:
        await office.ask(Kind.DEPLOY, "tset")
    assert error.value.nearest[0] == "test"
    async with office.store.view() as view:
        assert await view.operations() == []


async def test_a_viewer_may_not_and_it_is_audited(office: Office) -> None:
    with pytest.raises(Refused) as refused:
        await office.ask(Kind.DEPLOY, actor=GUS)
    assert "dana" in refused.value.decision.clears.people
    async with office.store.view() as view:
        assert (await view.operations(), len(await view.audit())) == ([], 1)


@pytest.mark.parametrize("what", ["is_bot", "is_guest", "is_deleted", "is_stranger"])
async def test_strangers_guests_bots_and_the_deactivated_are_refused(office: Office, what: str) -> None:
    identity = SlackIdentity("T1", "U0DANA")
    office.people.profiles["U0DANA"] = replace(Profile(identity, "Dana"), **{what: True})  # type: ignore[arg-type]
    with pytest.raises(Refused) as refused:
        await office.desk.identify(identity, office.origin())
    assert refused.value.decision.gate is Gate.IDENTITY
    async with office.store.view() as view:
        assert (await view.audit())[0].actor == "U0DANA"


async def test_a_catalog_that_changes_under_an_operation_changes_nothing(office: Office) -> None:
    office.platform.pause_at = "update shop-1"
    operation = await office.ask(Kind.DEPLOY)
    await asyncio.wait_for(office.platform.reached.wait(), 8)
    empty = replace(a_catalog(), services={}, digest="second")
    office.catalogs.current = empty
    office.platform.paused.set()
    assert (await office.settled(operation)).state is State.SUCCEEDED


async def test_a_person_who_leaves_the_catalog_stops_at_the_next_batch(office: Office) -> None:
    office.platform.pause_at = "update shop-1"
    operation = await office.ask(Kind.DEPLOY)
    await asyncio.wait_for(office.platform.reached.wait(), 8)
    people = {k: v for k, v in office.catalogs.current.people.items() if k != "dana"}
    office.catalogs.current = replace(office.catalogs.current, people=people)
    office.platform.paused.set()
    asked = await office.state(operation, State.ASKING)
    assert asked.question is not None
    assert asked.question.text == "dana is in the catalog no more. Batch 2 of 2 waits."


async def test_a_bot_that_starts_again_carries_on_and_builds_nothing_twice(tmp_path: Path) -> None:
    platform = MemoryPlatform()
    platform.pause_at = "start shop-1"
    async with an_office(tmp_path, platform=platform) as office:
        operation = await office.ask(Kind.DEPLOY)
        await asyncio.wait_for(platform.reached.wait(), 8)
    platform.pause_at = ""
    async with an_office(tmp_path, platform=platform) as office:
        done = await office.settled(operation)
        assert done.state is State.SUCCEEDED
    assert platform.calls == [
        "build aaaaaaa",
        *(f"{verb} shop-1" for verb in ("drain", "stop", "update", "start", "enable")),
        *(f"{verb} shop-2" for verb in ("drain", "stop", "update", "start", "enable")),
    ]


async def test_with_the_engines_tables_gone_the_rows_suffice(tmp_path: Path) -> None:
    platform = MemoryPlatform()
    platform.pause_at = "update shop-2"
    async with an_office(tmp_path, platform=platform) as office:
        operation = await office.ask(Kind.DEPLOY)
        await asyncio.wait_for(platform.reached.wait(), 8)
    for file in tmp_path.glob("engine.sqlite*"):
        file.unlink()
    platform.pause_at = ""
    async with an_office(tmp_path, platform=platform) as office:
        assert (await office.settled(operation)).state is State.SUCCEEDED
    assert platform.calls.count("drain shop-1") == 1


async def test_a_platform_that_is_away_for_a_moment_is_waited_for(office: Office) -> None:
    office.platform.pause_at = "update shop-1"
    operation = await office.ask(Kind.DEPLOY)
    await asyncio.wait_for(office.platform.reached.wait(), 8)
    office.platform.away = True
    office.platform.paused.set()
    await asyncio.sleep(0.1)
    office.platform.away = False
    assert (await office.settled(operation)).state is State.SUCCEEDED


async def test_testers_are_told_and_the_card_is_one(office: Office) -> None:
    done = await office.deploy()
    async with office.store.view() as view:
        messages = {message.key: message for message in await view.messages(done.number)}
    assert messages[f"arrival:{done.number}"].payload == {"tell": ["U0TESS"]}
    assert sum(message.kind is MessageKind.CARD for message in messages.values()) == 1
    assert messages[f"card:{done.number}"].is_final


async def test_why_says_what_a_deploy_would_meet(office: Office) -> None:
    report = await office.desk.why(DANA, "shop", "prod")
    assert [(d.gate, d.answer) for d in report.decisions] == [
        ("role", "yes"),
        ("approval", "wait"),
        ("turn", "yes"),
    ]
    assert set(report.decisions[1].clears.people) >= {"lee", "max"}
