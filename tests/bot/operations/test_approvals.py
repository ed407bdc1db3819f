"""Approvals: who counts, for which Plan, until when; and what happens when two people press at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.errors import NotNow, Refused
from bot.domain.messages import MessageKind
from bot.domain.operation import Kind, Operation, State
from tests.support.operations import DANA, GUS, LEE, MAX, TESS, Office, a_catalog, an_office


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path) as opened:
        yield opened


async def waiting(office: Office, **wish: object) -> Operation:
    return await office.state(await office.ask(Kind.DEPLOY, "prod", **wish), State.AWAITING_APPROVAL)


async def test_a_lead_approves_and_it_rolls_out(office: Office) -> None:
    operation = await waiting(office)
    assert "shop@prod" not in office.platform.running
    await office.desk.approve(operation.number, LEE, office.origin())
    assert (await office.settled(operation)).state is State.SUCCEEDED


async def test_nobody_approves_their_own(office: Office) -> None:
    operation = await office.state(await office.ask(Kind.DEPLOY, "prod", actor=LEE), State.AWAITING_APPROVAL)
    with pytest.raises(Refused) as refused:
        await office.desk.approve(operation.number, LEE, office.origin())
    assert refused.value.decision.policies == ("no-self-approval",)
    await office.desk.approve(operation.number, MAX, office.origin())
    assert (await office.settled(operation)).state is State.SUCCEEDED


@pytest.mark.parametrize("actor", [DANA, TESS, GUS], ids=lambda a: a.name)
async def test_others_may_not_and_are_told_who_may(office: Office, actor: object) -> None:
    operation = await waiting(office)
    with pytest.raises(Refused) as refused:
        await office.desk.approve(operation.number, actor, office.origin())  # type: ignore[arg-type]
    assert "lee" in refused.value.todo or refused.value.decision.policies
    assert (await office.get(operation.number)).state is State.AWAITING_APPROVAL
    async with office.store.view() as view:
        audit = await view.audit(operation=operation.number)
    assert any(entry.summary.startswith("refused:") for entry in audit)


async def test_two_of_two_must_be_different_people(tmp_path: Path) -> None:
    async with an_office(tmp_path, a_catalog(approvals=2)) as office:
        operation = await waiting(office)
        await office.desk.approve(operation.number, LEE, office.origin())
        with pytest.raises(NotNow, match="You approved #1 already"):
            await office.desk.approve(operation.number, LEE, office.origin())
        assert (await office.get(operation.number)).state is State.AWAITING_APPROVAL
        await office.desk.approve(operation.number, MAX, office.origin())
        assert (await office.settled(operation)).state is State.SUCCEEDED


async def test_two_leads_at_once_count_once_each(tmp_path: Path) -> None:
    async with an_office(tmp_path, a_catalog(approvals=2)) as office:
        operation = await waiting(office)
        await asyncio.gather(
            office.desk.approve(operation.number, LEE, office.origin()),
            office.desk.approve(operation.number, MAX, office.origin()),
        )
        assert (await office.settled(operation)).state is State.SUCCEEDED


async def test_a_double_click_and_a_rejection_at_once_leave_one_outcome(office: Office) -> None:
    operation = await waiting(office)
    results = await asyncio.gather(
        office.desk.approve(operation.number, LEE, office.origin()),
        office.desk.approve(operation.number, LEE, office.origin()),
        office.desk.reject(operation.number, MAX, office.origin(), reason="not today"),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Operation) for result in results) == 1
    assert all(isinstance(result, Operation | NotNow) for result in results)
    assert (await office.settled(operation)).state in (State.SUCCEEDED, State.REJECTED)


async def test_an_approval_of_a_plan_that_changed_does_not_count(office: Office) -> None:
    operation = await waiting(office)
    with pytest.raises(NotNow, match="changed after you saw it"):
        await office.desk.approve(operation.number, LEE, office.origin(), plan_hash="0" * 12)
    assert operation.plan is not None
    await office.desk.approve(operation.number, LEE, office.origin(), plan_hash=operation.plan.hash[:12])
    assert (await office.settled(operation)).state is State.SUCCEEDED


async def test_after_its_time_it_expires_and_nobody_can_approve(office: Office) -> None:
    operation = await waiting(office)
    office.clock.ahead = timedelta(hours=9)
    done = await office.settled(operation)
    assert done.state is State.EXPIRED
    with pytest.raises(NotNow, match="it has expired"):
        await office.desk.approve(operation.number, LEE, office.origin())


async def test_after_an_abort_nobody_can_approve(office: Office) -> None:
    operation = await waiting(office)
    await office.desk.abort(operation.number, DANA, office.origin())
    with pytest.raises(NotNow, match="it was aborted"):
        await office.desk.approve(operation.number, LEE, office.origin())


async def test_a_rejection_ends_it_with_its_reason(office: Office) -> None:
    operation = await waiting(office)
    await office.desk.reject(operation.number, LEE, office.origin(), reason="freeze")
    assert (await office.get(operation.number)).outcome == "Rejected by Lee (freeze)."


async def test_what_ran_changed_meanwhile_so_it_asks_again(office: Office) -> None:
    first = await waiting(office)
    await office.desk.approve(first.number, LEE, office.origin())
    await office.settled(first)
    office.platform.commit("b")
    second = await waiting(office)
    office.platform.commit("c")
    third = await waiting(office, ref="main")
    await office.desk.approve(third.number, LEE, office.origin())
    await office.settled(third)
    await office.desk.approve(second.number, LEE, office.origin())
    again = await office.wait(second.number, lambda op: bool(op.plan_note))
    assert again.state is State.AWAITING_APPROVAL
    assert again.plan_note == (
        "The plan was worked out again: what runs now changed. Approvals given before are void."
    )
    async with office.store.view() as view:
        messages = await view.messages(second.number)
    assert sum(message.kind is MessageKind.PROMPT for message in messages) == 2
    await office.desk.approve(second.number, LEE, office.origin())
    assert (await office.settled(second)).state is State.SUCCEEDED


async def test_the_ref_moved_after_the_plan_what_was_approved_is_rolled_out(office: Office) -> None:
    operation = await waiting(office, ref="main")
    office.platform.commit("b")
    await office.desk.approve(operation.number, LEE, office.origin())
    done = await office.settled(operation)
    assert done.artifact is not None
    assert done.artifact.version == "aaaaaaa"
    assert done.plan_note == "main has moved on to bbbbbbb since; this brings aaaaaaa, as planned."


async def test_rollback_in_prod_waits_for_nobody(office: Office) -> None:
    for letter in "ab":
        office.platform.commit(letter)
        operation = await waiting(office)
        await office.desk.approve(operation.number, LEE, office.origin())
        await office.settled(operation)
    done = await office.settled(await office.ask(Kind.ROLLBACK, "prod"))
    assert done.state is State.SUCCEEDED
    assert office.platform.versions_of("shop@prod")["shop-1"] == "a running enabled"
