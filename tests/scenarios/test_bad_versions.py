"""Versions that go wrong: what ran before runs again, nobody lost a request, and the card says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.domain.operation import State
from tests.support.company import Company, a_company
from tests.support.load import load
from tests.support.talk import asked, buttons, shown
from tests.support.workspace import Person

Json = dict[str, Any]


async def card_of(dana: Person, number: int, text: str) -> Json:
    return await dana.wait_for(
        lambda m: f"*#{number}*" in m["plain"] and text in m["plain"] and not m["ephemeral"],
        "#test-env",
        seconds=20,
    )


async def first_version(company: Company) -> None:
    company.repository.tag("v1")
    await company.person("dana").say("/deploy shop test")
    assert (await company.settled(1)).state is State.SUCCEEDED


@pytest.mark.parametrize(
    ("behaviour", "bake", "start", "reason", "last_words"),
    [
        (
            "crash",
            "1s",
            "15s",
            "shop-1 ended with exit status 3",
            "the shop cannot open: its till is missing",
        ),
        ("sick", "1s", "2s", "shop-1 answered /healthz with 500", "shop-1 v2 listens on"),
        ("dies 3", "6s", "15s", " ended with exit status 7", "the shop burnt down"),
    ],
    ids=["crashes at start", "is never healthy", "dies in the bake time"],
)
async def test_it_is_rolled_back_by_itself(
    tmp_path: Path, behaviour: str, bake: str, start: str, reason: str, last_words: str
) -> None:
    async with a_company(tmp_path, bake=bake, start=start) as company:
        dana = company.person("dana")
        await first_version(company)
        company.repository.behave(behaviour, "Make it worse")
        company.repository.tag("v2")
        async with load(await company.front(), rate=40, clients=6) as sent:
            await dana.say("/deploy shop test")
            done = await company.settled(2)
            await company.all_run("v1")
        assert done.state is State.ROLLED_BACK
        assert sent.lost == [], sent.summary()
        card = await card_of(dana, 2, "Rolled back")
        lines = shown(card).splitlines()
        assert lines[:2] == ["↩️ shop → test", "*Rolled back* to `v1` (SHA) after N s"]
        assert reason in lines[2]
        assert last_words in shown(card)
        assert buttons(card) == []
        in_thread = await dana.wait_for(last_words, "#test-env", thread=card["ts"])
        assert reason in in_thread["plain"]
        assert len(await company.cards(2)) == 1
        answer = await asked(dana, "/shipbell status shop test")
        assert shown(answer).startswith("🟢 *shop* on test: `v1` · ")


async def test_the_first_version_ever_leaves_nothing_behind_when_it_crashes(tmp_path: Path) -> None:
    async with a_company(tmp_path, bake="300ms") as company:
        dana = company.person("dana")
        company.repository.behave("crash")
        await dana.say("/deploy shop test")
        done = await company.settled(1)
        assert (done.state, await company.running()) == (State.ROLLED_BACK, {})
        card = await card_of(dana, 1, "Undone")
        assert shown(card).splitlines()[:3] == [
            "↩️ shop → test",
            "*Undone* after N s",
            "shop-1 ended with exit status 3 before it was ever healthy.",
        ]
        answer = await asked(dana, "/shipbell status shop test")
        assert shown(answer).startswith("⚪ *shop* on test: nothing released yet · 0/2 healthy")
        company.repository.behave("good")
        company.repository.tag("v2")
        await dana.say("/deploy shop test")
        assert (await company.settled(2)).state is State.SUCCEEDED
        await company.all_run("v2")


async def test_a_build_that_fails_touches_nothing(tmp_path: Path) -> None:
    async with a_company(tmp_path, bake="300ms") as company:
        dana = company.person("dana")
        await first_version(company)
        company.repository.break_build()
        company.repository.tag("v2")
        async with load(await company.front(), rate=20, clients=4) as sent:
            await dana.say("/deploy shop test")
            done = await company.settled(2)
        assert done.state is State.FAILED
        assert sent.lost == []
        await company.all_run("v1")
        card = await card_of(dana, 2, "Failed")
        assert (
            shown(card)
            == f"""\
❌ shop → test
*Failed* after N s
The build command ended with exit status 9. Its log says why. Its last lines are in the thread.
`main` (SHA)
```
[shipbell] fetching {company.repository.path}
[shipbell] checking out {done.revision.sha[:12] if done.revision else ""} (v2)
[shipbell] running: sh build.sh
the oven is cold
[shipbell] failed: The build command ended with exit status 9. Its log says why.
```
*#2* · @dana, NOW"""
        )
        company.repository.mend_build()
        company.repository.tag("v3")
        await dana.say("/deploy shop test")
        assert (await company.settled(3)).state is State.SUCCEEDED
        await company.all_run("v3")


@pytest.mark.parametrize("choice", ["Retry", "Skip this instance"])
async def test_where_the_strategy_asks_it_is_tried_again_or_left_out(tmp_path: Path, choice: str) -> None:
    """Only the second instance fails, because it is closed until somebody has looked."""
    async with a_company(tmp_path, bake="300ms", start="2s", on_failure="ask") as company:
        dana, lee = company.person("dana"), company.person("lee")
        await first_version(company)
        block = tmp_path / "closed"
        block.touch()
        program = company.repository.path / "run"
        program.write_text(
            f'#!/bin/sh\nif [ "$SHIPBELL_INSTANCE" = shop-2 ] && [ -e "{block}" ]; then echo closed; exit 4; fi\n'
            + program.read_text().removeprefix("#!/bin/sh\n")
        )
        company.repository.commit("Look whether it is open")
        company.repository.tag("v2")
        async with load(await company.front(), rate=20, clients=4) as sent:
            await dana.say("/deploy shop test")
            await company.in_state(2, State.ASKING)
            card = await card_of(dana, 2, "Waits for an answer")
            assert shown(card).startswith(
                "❓ shop → test\n*Waits for an answer*\nshop-2 ended with exit status 4 before it was ever healthy.\n"
            )
            assert "shop-1  ✓✓✓✓✓✓  done\nshop-2  ✓✓✓✓✗·  start failed\n" in shown(card)
            assert buttons(card) == ["Retry", "Skip this instance", "Roll back", "Stop here"]
            block.unlink()
            await lee.press(lee.control(choice, card))
            done = await company.settled(2)
        assert done.state is State.SUCCEEDED
        assert sent.lost == []
        card = await card_of(dana, 2, "Done")
        if choice == "Retry":
            await company.all_run("v2")
            assert "shop-2  ✓✓✓✓✓✓  done\n" in shown(card)
        else:
            assert await company.running() == {"shop-1": "v2 running enabled", "shop-2": "- crashed drained"}
            assert "Skipped: shop-2; out of traffic until the next deploy.\n" in shown(card)
            assert "shop-2  ✓✓✓✓––  skipped\n" in shown(card)
