"""Approvals where people are quick, slow, two at once, or change their minds: what counts is what was planned and seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.operation import State
from tests.support.company import Company, a_company
from tests.support.talk import answer_to, buttons, shown
from tests.support.workspace import Person, until

Json = dict[str, Any]


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    async with a_company(tmp_path, bake="300ms") as opened:
        opened.repository.tag("v1")
        yield opened


async def prompted(company: Company, number: int, text: str = "/deploy shop prod") -> Json:
    """The prompt of what dana asks for."""
    await company.person("dana").say(text)
    return await prompt_of(company.person("lee"), number, "Approve?")


async def prompt_of(lee: Person, number: int, text: str) -> Json:
    return await lee.wait_for(
        lambda m: f"*#{number}*" in m["plain"] and text in m["plain"] and not m["ephemeral"], "#releases"
    )


async def card_of(company: Company, number: int, text: str, channel: str = "#deploys") -> Json:
    return await company.person("dana").wait_for(
        lambda m: f"*#{number}*" in m["plain"] and text in m["plain"] and not m["ephemeral"], channel
    )


async def pressed(person: Person, label: str, prompt: Json) -> str:
    """What somebody reads who presses a button that was there a moment ago."""
    control = person.control(label, prompt)
    return shown(await answer_to(person, lambda: person.press(control, stale=True), "#releases"))


async def test_a_double_click_and_two_leads_at_once_are_one_approval(company: Company) -> None:
    lee, max_ = company.person("lee"), company.person("max")
    prompt = await prompted(company, 1)
    assert (
        shown(prompt)
        == """\
✋ Approve? shop → prod
@lee @max: @dana asks for approval · until NOW
`v1` (SHA) · the first one here
2 instances in 2 batches of 1 · drain ≤ 10 s · watch 0.3 s · on failure roll back
[Approve] [Reject]
*#1* · @dana, NOW"""
    )
    approve = lee.control("Approve", prompt)
    await asyncio.gather(*(who.press(approve, stale=True) for who in (lee, lee, max_)))
    await company.settled(1)
    await company.all_run("v1", "prod")
    approvals = [e for e in await company.audit(1) if e.what == "approval"]
    assert [e.summary for e in approvals] == ["approved"]
    winner = company.person(approvals[0].actor)
    other = max_ if winner.name == "lee" else lee
    settled = await prompt_of(lee, 1, "Approved")
    assert (
        shown(settled)
        == f"""\
☑️ shop → prod
*Approved* by @{winner.name}
`v1` (SHA) · the first one here
2 instances in 2 batches of 1 · drain ≤ 10 s · watch 0.3 s · on failure roll back
*#1* · @dana, NOW"""
    )
    assert buttons(settled) == []
    assert await pressed(other, "Approve", prompt) == "⚠️ #1 can't be approved any more: it has succeeded."
    assert await pressed(winner, "Approve", prompt) == "⚠️ You approved #1 already, and it has succeeded."
    assert len(await company.cards(1, "#deploys")) == 1


async def test_a_lead_is_sent_to_another_lead_for_their_own(company: Company) -> None:
    lee, max_ = company.person("lee"), company.person("max")
    await lee.say("/deploy shop prod")
    prompt = await prompt_of(lee, 1, "Approve?")
    assert shown(prompt).startswith("✋ Approve? shop → prod\n@max: @lee asks for approval · until NOW\n")
    assert (
        await pressed(lee, "Approve", prompt)
        == """\
⚠️ Nobody approves their own Operation.
Decided by the role policy `no-self-approval`.
It takes the role lead or admin: ask max."""
    )
    await max_.press(max_.control("Approve", prompt))
    assert (await company.settled(1)).state is State.SUCCEEDED
    await company.all_run("v1", "prod")


async def test_an_approval_that_comes_too_late_does_nothing(tmp_path: Path) -> None:
    async with a_company(tmp_path, expires="2s") as company:
        lee = company.person("lee")
        company.repository.tag("v1")
        prompt = await prompted(company, 1)
        await company.in_state(1, State.EXPIRED)
        expired = await prompt_of(lee, 1, "Expired")
        assert (
            shown(expired)
            == """\
☑️ shop → prod
*Expired* · nobody approved it in time
`v1` (SHA) · the first one here
2 instances in 2 batches of 1 · drain ≤ 10 s · watch 1 s · on failure roll back
*#1* · @dana, NOW"""
        )
        assert await pressed(lee, "Approve", prompt) == "⚠️ #1 can't be approved any more: it has expired."
        assert await pressed(lee, "Reject", prompt) == "⏳ #1 expired, so there is nothing to reject."
        card = await card_of(company, 1, "Expired")
        assert shown(card).startswith("⌛ shop → prod\n*Expired* · nobody approved it within ")
        assert buttons(card) == []
        assert await company.running("prod") == {}
        assert (await company.operations())[0].state is State.EXPIRED


async def test_an_approval_after_an_abort_does_nothing(company: Company) -> None:
    dana, lee = company.person("dana"), company.person("lee")
    prompt = await prompted(company, 1)
    await dana.say("/shipbell abort #1 wrong day")
    await company.in_state(1, State.ABORTED)
    settled = await prompt_of(lee, 1, "Aborted")
    assert shown(settled).splitlines()[:2] == [
        "☑️ shop → prod",
        "*Aborted* by @dana (wrong day). Nothing was touched.",
    ]
    assert buttons(settled) == []
    assert await pressed(lee, "Approve", prompt) == "⚠️ #1 can't be approved any more: it was aborted."
    card = await card_of(company, 1, "Stopped")
    assert shown(card).splitlines()[:2] == [
        "🛑 shop → prod",
        "*Stopped* by @dana (wrong day). Nothing was touched.",
    ]
    assert await company.running("prod") == {}


async def test_what_was_planned_is_rolled_out_though_the_branch_moved_on(company: Company) -> None:
    lee = company.person("lee")
    await prompted(company, 1)
    company.repository.commit("Sell umbrellas")
    company.repository.tag("v2")
    await lee.click("Approve", operation=1)
    await company.settled(1)
    await company.all_run("v1", "prod")
    card = await card_of(company, 1, "Done")
    assert "⚠️ main has moved on to SHA since; this brings SHA, as planned." in shown(card)
    assert "`v1` (SHA) · the first one here" in shown(card)


async def test_a_rejection_says_why(company: Company) -> None:
    lee = company.person("lee")
    prompt = await prompted(company, 1)
    await lee.press(lee.control("Reject", prompt))
    assert (await lee.modal())["title"]["text"] == "Reject #1"
    refused = await lee.submit({"reason": "  "})
    assert refused["errors"] == {"reason": "Say why, so that it can be put right."}
    answer = await answer_to(lee, lambda: lee.submit({"reason": "Not on a Friday"}), "#releases")
    assert (
        shown(answer)
        == """\
🚫 #1 was rejected: deploy of shop to prod. · see its card
Rejected by lee (Not on a Friday)."""
    )
    await company.in_state(1, State.REJECTED)
    settled = await prompt_of(lee, 1, "Rejected")
    assert shown(settled).splitlines()[:2] == ["☑️ shop → prod", "*Rejected* by @lee: Not on a Friday"]
    assert buttons(settled) == []
    card = await card_of(company, 1, "Rejected")
    assert shown(card).splitlines()[:2] == ["🚫 shop → prod", "*Rejected* by @lee: Not on a Friday"]
    assert buttons(card) == []
    assert await company.running("prod") == {}


async def reloaded(company: Company) -> bool:
    return any(e.summary == "a new catalog is in force" for e in await company.audit())


async def test_a_plan_that_changed_is_asked_about_again(tmp_path: Path) -> None:
    async with a_company(tmp_path, bake="5s") as company:
        lee = company.person("lee")
        company.repository.tag("v1")
        await prompted(company, 1)
        await lee.click("Approve", operation=1)
        await company.in_state(1, State.VERIFYING)
        await lee.click("Abort", operation=1)
        await company.in_state(1, State.ASKING)  # so it holds the target until the rest is set up
        company.repository.commit("Sell umbrellas")
        company.repository.tag("v2")
        first = await prompted(company, 2, "/deploy shop@v2 prod")
        await lee.press(lee.control("Approve", first))
        await company.in_state(2, State.QUEUED)
        text = company.catalog.read_text()
        company.catalog.write_text(text.replace("bake: 5s", "bake: 400ms"))
        await until(lambda: reloaded(company), 20)
        await lee.click("Carry on", operation=1)
        assert (await company.settled(1)).state is State.SUCCEEDED
        await company.in_state(2, State.AWAITING_APPROVAL)
        second = await lee.wait_for(
            lambda m: "*#2*" in m["plain"] and "Approve?" in m["plain"] and m["ts"] != first["ts"],
            "#releases",
        )
        assert (
            shown(second)
            == """\
✋ Approve? shop → prod
@lee @max: @dana asks for approval · until NOW
⚠️ The plan was worked out again: the strategy changed. Approvals given before are void.
`v1` (SHA) → `v2` (SHA)
• `SHA` Sell umbrellas — Sam Sample
2 instances in 2 batches of 1 · drain ≤ 10 s · watch 0.4 s · on failure roll back
[Approve] [Reject]
*#2* · @dana, NOW"""
        )
        voided = await prompt_of(lee, 2, "has changed")
        assert voided["ts"] == first["ts"]
        assert (
            shown(voided)
            == """\
☑️ shop → prod
*The plan has changed* since this was asked: The plan was worked out again: the strategy changed. Approvals given before are void.
*#2* · @dana, NOW"""
        )
        assert (
            await pressed(lee, "Approve", first)
            == """\
⚠️ The plan of #2 changed after you saw it, so your answer doesn't count for it.
The newest prompt shows what changed."""
        )
        await lee.press(lee.control("Approve", second))
        await company.settled(2)
        await company.all_run("v2", "prod")
        card = await card_of(company, 2, "Done")
        assert (
            shown(card)
            == """\
✅ shop → prod
*Done* in N s
`v1` (SHA) → `v2` (SHA)
• `SHA` Sell umbrellas — Sam Sample
2 instances in 2 batches of 1 · drain ≤ 10 s · watch 0.4 s · on failure roll back
```
shop-1  ✓✓✓✓✓✓  done
shop-2  ✓✓✓✓✓✓  done
```
check · drain · stop · update · start · enable
*#2* · @dana, NOW · approved by @lee · URL"""
        )
