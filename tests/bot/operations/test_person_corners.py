"""Who counts: people renamed, people who lost a role, people who may not look."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.access import CedarAccess
from bot.domain.catalog import OnFailure, Person
from bot.domain.errors import NotNow, Refused
from bot.domain.identity import Actor, SlackIdentity
from bot.domain.operation import Choice, Kind, Operation, State, Wish
from bot.operations.gates import may_still
from bot.operations.ledger import Ledger
from bot.operations.planning import wanted_instances
from bot.operations.queries import Queries
from tests.support.operations import DANA, LEE, MAX, Office, a_catalog, an_office
from tests.support.store import an_operation


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path, a_catalog(approvals=2)) as opened:
        yield opened


async def waiting(office: Office) -> Operation:
    return await office.state(await office.ask(Kind.DEPLOY, "prod"), State.AWAITING_APPROVAL)


def rename(office: Office, old: str, new: str) -> None:
    people = dict(office.catalogs.current.people)
    people[new] = replace(people.pop(old), name=new)
    office.catalogs.current = replace(office.catalogs.current, people=people)


async def test_a_lead_who_was_renamed_between_two_clicks_is_one_person(office: Office) -> None:
    operation = await waiting(office)
    await office.desk.approve(operation.number, LEE, office.origin())
    rename(office, "lee", "leona")
    with pytest.raises(NotNow, match="You approved #1 already"):
        await office.desk.approve(operation.number, replace(LEE, name="leona"), office.origin())
    assert (await office.get(1)).state is State.AWAITING_APPROVAL


async def test_the_yes_of_a_lead_who_is_one_no_more_does_not_count(office: Office) -> None:
    operation = await waiting(office)
    await office.desk.approve(operation.number, LEE, office.origin())
    people = dict(office.catalogs.current.people)
    nina = Actor("nina", "Nina", frozenset({"lead"}), "U0NINA")
    people["lee"] = replace(people["lee"], roles=frozenset({"viewer"}))
    people["nina"] = Person("nina", "U0NINA", frozenset({"lead"}))
    office.catalogs.current = replace(office.catalogs.current, people=people)
    saved = await office.desk.approve(operation.number, MAX, office.origin())
    assert saved.state is State.AWAITING_APPROVAL
    gate = (await office.desk.snapshot(1)).decisions[0]
    assert gate.reason == "prod asks for 2 approvals; 1 so far."
    saved = await office.desk.approve(operation.number, nina, office.origin())
    assert saved.state is State.QUEUED


async def test_a_requester_who_was_renamed_may_still(office: Office) -> None:
    operation = await waiting(office)
    rename(office, "dana", "diana")
    assert may_still(office.world, operation) is None


async def test_a_name_that_another_person_took_over_gives_nothing_to_the_first(office: Office) -> None:
    operation = await waiting(office)
    people = dict(office.catalogs.current.people)
    people["dana"] = Person("dana", "U0OTHER", frozenset({"admin"}))
    office.catalogs.current = replace(office.catalogs.current, people=people)
    refusal = may_still(office.world, operation)
    assert refusal is not None
    assert refusal.reason == "dana is in the catalog no more."


async def test_an_answer_and_its_audit_entry_are_one_transaction(tmp_path: Path) -> None:
    async with an_office(tmp_path, a_catalog(on_failure=OnFailure.ASK)) as office:
        office.platform.crashing.add("a")
        await office.state(await office.ask(Kind.DEPLOY), State.ASKING)

        async def crashed(*_: object) -> None:
            raise ConnectionError("as if the process had ended here")

        office.desk._poke = lambda: None
        for choice in (Choice.RETRY, Choice.ROLL_BACK):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(office.desk._ledger, "audit", crashed)
                with pytest.raises(ConnectionError):
                    await office.desk.answer(1, 1, choice, DANA, office.origin())
            assert (await office.get(1)).state is State.ASKING
        await office.desk.answer(1, 1, Choice.ROLL_BACK, DANA, office.origin())
        async with office.store.view() as view:
            entries = [e.summary for e in await view.audit(operation=1) if e.actor == "dana"]
        assert "answered roll_back" in entries


async def test_history_and_home_show_nothing_of_what_a_person_may_not_view(tmp_path: Path) -> None:
    (tmp_path / "ours.cedar").write_text(
        '@id("prod-is-private") @reason("Prod is private.")\n'
        'forbid (principal, action == Action::"view", resource in Environment::"prod");'
    )
    async with an_office(tmp_path, a_catalog()) as office:
        await office.deploy()
        await waiting(office)
        world = replace(office.world, access=CedarAccess(tmp_path))
        queries = Queries(world, Ledger(world))
        assert [op.environment for op in await queries.history(DANA, "shop", None, 10)] == ["test"]
        with pytest.raises(Refused, match="Prod is private"):
            await queries.history(DANA, "shop", "prod", 10)
        home = await queries.home(SlackIdentity("T1", "U0LEE"))
        assert (home.waiting, home.running) == ((), ())


async def test_a_scale_is_remembered_however_long_ago_it_was(office: Office) -> None:
    async with office.store.transaction() as tx:
        await tx.add_operation(an_operation(State.SUCCEEDED, kind=Kind.SCALE, wish=Wish(replicas=5)))
        for _ in range(201):
            await tx.add_operation(an_operation(State.SUCCEEDED))
    target = office.catalogs.current.services["shop"].targets["test"]
    wanted, note = await wanted_instances(office.world, target)
    assert (wanted, note) == (5, "The catalog says 2 instances; it was scaled to 5 by #1.")
