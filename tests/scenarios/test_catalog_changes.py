"""The catalog changes while an Operation runs: a bad one changes nothing and is told to the admins, a good one counts for the next."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.operation import State
from tests.support.company import Company, a_company
from tests.support.talk import answer_to, asked, shown
from tests.support.workspace import until

PAUSE = 12


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    """An Operation pauses between its two batches: time enough to change the catalog under it."""

    def edit(text: str) -> str:
        return text.replace("bake:", f"pause: {PAUSE}s\n      bake:")

    async with a_company(tmp_path, bake="200ms", edit=edit) as opened:
        opened.repository.tag("v1")
        yield opened


async def half_way(company: Company, number: int) -> None:
    async def through() -> bool:
        steps = await company.steps(number)
        return bool(steps) and all(r.state.value == "done" for r in steps if r.step.instance == "shop-1")

    await until(through, 40, company.log)


async def audited(company: Company, summary: str) -> bool:
    return any(e.summary == summary for e in await company.audit())


async def test_a_bad_one_is_told_to_the_admins_and_the_old_one_stays_in_force(company: Company) -> None:
    dana, lee = company.person("dana"), company.person("lee")
    await dana.say("/deploy shop test")
    await half_way(company, 1)
    good = company.catalog.read_text()
    company.catalog.write_text(good.replace("local: {instances: 2}", "locl: {instances: 2}", 1))
    told = await lee.wait_for("new catalog", "#deploys", seconds=20)
    assert (
        shown(told)
        == f"""\
⚠️ The new catalog can't be used; the old one stays in force.
```
The catalog has 1 problem:
{company.catalog}:28:9: `locl` is no key of a target. Did you mean `local`?
```"""
    )
    assert (await company.operation(1)).state is State.ROLLING_OUT  # type: ignore[union-attr]
    answer = await asked(dana, "/shipbell why shop test")
    assert "may deploy shop to test" in shown(answer)
    assert (await company.settled(1)).state is State.SUCCEEDED

    # Mended, it is in force at once where somebody says so.
    company.catalog.write_text(
        good.replace("  lee: {", "  gus: {slack: U0GUS00001, roles: [viewer]}\n  lee: {")
    )
    assert company.bot is not None
    company.bot.send_signal(signal.SIGHUP)
    await until(lambda: audited(company, "a new catalog is in force"), 20, company.log)
    await company.all_run("v1")


async def test_a_good_one_counts_for_the_next_and_leaves_alone_what_runs(company: Company) -> None:
    dana = company.person("dana")
    await dana.say("/deploy shop test")
    await half_way(company, 1)
    good = company.catalog.read_text()
    replacement = company.folder / "new.yaml"
    replacement.write_text(
        good.replace("instances: 2", "instances: 3")
        .replace(f"pause: {PAUSE}s", "pause: 0s")
        .replace(
            '  test: {channel: "#test-env", tell: [tester]}', '  test: {channel: "#deploys", tell: [tester]}'
        )
    )
    replacement.replace(company.catalog)  # as editors do it
    await until(lambda: audited(company, "a new catalog is in force"), 20, company.log)
    assert (await company.operation(1)).state is State.ROLLING_OUT  # type: ignore[union-attr]
    first = await company.settled(1)
    assert first.state is State.SUCCEEDED
    assert first.plan is not None
    assert first.plan.instances == ("shop-1", "shop-2")
    assert len(await company.cards(1)) == 1
    assert await company.cards(1, "#deploys") == []
    company.repository.commit("Sell umbrellas")
    company.repository.tag("v2")
    await dana.say("/deploy shop test")
    assert (await company.settled(2)).state is State.SUCCEEDED
    assert await company.running() == {f"shop-{n}": "v2 running enabled" for n in (1, 2, 3)}
    await until(lambda: _has_card(company), 15)
    assert await company.cards(2) == []


async def _has_card(company: Company) -> bool:
    return len(await company.cards(2, "#deploys")) == 1


async def test_who_loses_their_role_half_way_is_asked_about(company: Company) -> None:
    dana, lee = company.person("dana"), company.person("lee")
    await dana.say("/deploy shop test")
    await half_way(company, 1)
    good = company.catalog.read_text()
    company.catalog.write_text(good.replace("roles: [developer]", "roles: [viewer]"))
    await company.in_state(1, State.ASKING)
    card = await lee.wait_for("Waits for an answer", "#test-env")
    assert shown(card).startswith(
        "❓ shop → test\n*Waits for an answer*\n"
        "dana (viewer) may not deploy shop to test. Batch 2 of 2 waits.\n"
    )
    question = await lee.wait_for("Batch 2 of 2", "#test-env", thread=card["ts"])
    assert shown(question).startswith("❓ @dana @lee @max @tess: dana (viewer) may not deploy shop to test.")
    # Whoever lets it go on answers for it from here on, so it takes somebody who may deploy.
    control = dana.control("Carry on", card)
    answer = await answer_to(dana, lambda: dana.press(control), "#test-env")
    assert shown(answer).startswith("⚠️ dana (viewer) may not ")
    await lee.press(control)
    done = await company.settled(1)
    assert done.state is State.SUCCEEDED
    assert done.vouched_by is not None
    assert done.vouched_by.name == "lee"
    await company.all_run("v1")


async def test_a_service_that_left_the_catalog_is_finished(company: Company) -> None:
    dana = company.person("dana")
    await dana.say("/deploy shop test")
    await half_way(company, 1)
    good = company.catalog.read_text()
    company.catalog.write_text(good.replace("  shop:\n", "  store:\n"))
    await until(lambda: audited(company, "a new catalog is in force"), 20, company.log)
    assert (await company.settled(1)).state is State.SUCCEEDED
    card = await dana.wait_for("*Done*", "#test-env")
    assert shown(card).startswith("✅ shop → test\n*Done* in N s\n`v1` (SHA) · the first one here\n")
    answer = await asked(dana, "/deploy shop test")
    assert shown(answer) == "⚠️ There is no service “shop”.\nThe services are: store."
    company.catalog.write_text(good)
    await company.all_run("v1")
