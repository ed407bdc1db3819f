"""One Operation at a time on a Target, and stopping one half way: by the card's button, which asks how."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.operation import State
from tests.support.company import Company, a_company
from tests.support.load import load
from tests.support.talk import buttons, shown
from tests.support.workspace import Person, until

Json = dict[str, Any]
PAUSE = 15
"""Seconds between two batches: time enough to read and to press, also on a busy machine."""


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    def edit(text: str) -> str:
        return text.replace("bake:", f"pause: {PAUSE}s\n      bake:")

    async with a_company(tmp_path, bake="200ms", edit=edit) as opened:
        opened.repository.tag("v1")
        yield opened


async def card_of(dana: Person, number: int, text: str, seconds: float = 20) -> Json:
    return await dana.wait_for(
        lambda m: f"*#{number}*" in m["plain"] and text in m["plain"] and not m["ephemeral"],
        "#test-env",
        seconds=seconds,
    )


async def half_way(company: Company, number: int) -> None:
    """Until the first instance is through and the pause before the second one has begun."""

    async def through() -> bool:
        steps = await company.steps(number)
        return bool(steps) and all(r.state.value == "done" for r in steps if r.step.instance == "shop-1")

    await until(through, 40, company.log)


async def first_version(company: Company) -> None:
    """v1 runs, brought in one batch so that there is no pause."""
    await company.person("dana").say("/deploy shop test --batch 2")
    assert (await company.settled(1)).state is State.SUCCEEDED
    company.repository.commit("Sell umbrellas")
    company.repository.tag("v2")


async def test_a_second_operation_waits_for_its_turn_and_follows(company: Company) -> None:
    dana, lee, tess = (company.person(name) for name in ("dana", "lee", "tess"))
    await first_version(company)
    await dana.say("/deploy shop@v2 test")
    await half_way(company, 2)
    await lee.say("/deploy shop@v1 test --batch 2")
    await company.in_state(3, State.QUEUED)
    await tess.say("/shipbell restart shop test --only shop-1")
    await company.in_state(4, State.QUEUED)
    # Read before it goes on: the pause of #2 holds the target.
    assert shown(await card_of(dana, 3, "Queued")).startswith(
        "⏳ shop → test\n*Queued* · next · behind #2\n`v1` (SHA) · the same as now\n"
    )
    assert shown(await card_of(dana, 4, "Queued")).startswith(
        "⏳ Restart shop in test\n*Queued* · place 2 · behind #3\n`v1` (SHA)\nonly `shop-1`\n"
    )
    assert (await company.operation(2)).state is State.ROLLING_OUT  # type: ignore[union-attr]
    for number in (2, 3, 4):
        assert (await company.settled(number)).state is State.SUCCEEDED, company.log()
    second, third, fourth = (await company.operations())[1:]
    for earlier, later in ((second, third), (third, fourth)):
        assert earlier.ended_at is not None
        assert later.started_at is not None
        assert earlier.ended_at <= later.started_at
    assert second.ended_at - second.started_at > timedelta(seconds=PAUSE)  # type: ignore[operator]
    await company.all_run("v1")
    assert "⚠️ The plan was worked out again: what runs now changed." in shown(await card_of(dana, 3, "Done"))


@pytest.mark.parametrize("choice", ["Stop here", "Roll back"])
async def test_abort_half_way_asks(company: Company, choice: str) -> None:
    dana, lee = company.person("dana"), company.person("lee")
    await first_version(company)
    async with load(await company.front(), rate=25, clients=4) as sent:
        await dana.say("/deploy shop@v2 test")
        await half_way(company, 2)
        card = await card_of(dana, 2, "Rolling out")
        assert buttons(card) == ["Abort"]
        await dana.press(dana.control("Abort", card))
        asking = await company.in_state(2, State.ASKING)
        assert asking.abort_by == "dana"
        card = await card_of(dana, 2, "Waits for an answer")
        assert (
            shown(card)
            == """\
❓ shop → test
*Waits for an answer*
dana asked to abort. Stop here, or roll back what was moved?
`v1` (SHA) → `v2` (SHA)
• `SHA` Sell umbrellas — Sam Sample
2 instances in 2 batches of 1 · drain ≤ 10 s · pause 15 s · watch 0.2 s · on failure roll back
```
shop-1  ✓✓✓✓✓✓  done
shop-2  ······
```
check · drain · stop · update · start · enable
[Stop here] [Roll back] [Carry on]
*#2* · @dana, NOW"""
        )
        question = await dana.wait_for("asked to abort", "#test-env", thread=card["ts"])
        assert (
            shown(question)
            == """\
❓ @dana: dana asked to abort. Stop here, or roll back what was moved?
[Stop here] [Roll back] [Carry on]"""
        )
        await lee.press(lee.control(choice, card))
        done = await company.settled(2)
    assert sent.lost == []
    if choice == "Stop here":
        assert done.state is State.ABORTED
        assert await company.running() == {"shop-1": "v2 running enabled", "shop-2": "v1 running enabled"}
        card = await card_of(dana, 2, "Stopped")
        assert shown(card).startswith("🛑 shop → test\n*Stopped* by lee. Moved: shop-1. As before: shop-2.\n")
    else:
        assert done.state is State.ROLLED_BACK
        await company.all_run("v1")
        card = await card_of(dana, 2, "Rolled back")
        assert shown(card).startswith(
            "↩️ shop → test\n*Rolled back* to `v1` (SHA) after N s\nRolled back by lee.\n"
        )
    assert buttons(card) == []
    await dana.wait_for("Answered", "#test-env", thread=card["ts"])
