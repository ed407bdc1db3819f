"""A release as the people in it see it: asked for in chat, followed on a card, approved by a lead, brought back."""

from __future__ import annotations

from bot.domain.operation import State
from tests.support.company import Company
from tests.support.load import load


async def test_a_day_in_the_life(company: Company) -> None:
    dana, lee, tess = (company.person(name) for name in ("dana", "lee", "tess"))
    company.repository.tag("v1.0.0")

    await dana.say("/deploy shop test")
    await company.settled(1)
    card = await dana.wait_for("Done", "#test-env")
    assert "shop → test" in card["plain"]
    assert "v1.0.0" in card["plain"]
    arrival = await tess.wait_for("has arrived in", "#test-env")
    assert "@tess" in arrival["plain"]
    await company.all_run("v1.0.0")

    await dana.say("/deploy shop prod")
    prompt = await lee.wait_for("Approve?", "#releases")
    assert "@lee" in prompt["plain"]
    assert "@dana asks for approval" in prompt["plain"]
    assert await company.running("prod") == {}
    await dana.click("Approve", operation=2)
    await dana.wait_for("Nobody approves their own Operation", "#releases")
    await lee.click("Approve", operation=2)
    await company.settled(2)
    await company.all_run("v1.0.0", "prod")

    company.repository.commit("Sell umbrellas")
    company.repository.tag("v1.1.0")
    async with load(await company.front("prod"), rate=40, clients=6) as sent:
        await dana.say("/deploy shop prod")
        await lee.wait_for(lambda m: "Approve?" in m["plain"] and "#3" in m["plain"], "#releases")
        await lee.click("Approve", operation=3)
        await company.settled(3)
        await company.all_run("v1.1.0", "prod")
        await dana.say("/rollback shop prod")
        done = await company.settled(4)
        await company.all_run("v1.0.0", "prod")
    assert done.state is State.SUCCEEDED
    assert sent.lost == []
    assert set(sent.bodies) == {"v1.0.0", "v1.1.0"}
    for number in (2, 3, 4):
        assert len(await company.cards(number, "#deploys")) == 1


async def test_a_version_that_crashes_is_undone_under_load(company: Company) -> None:
    dana = company.person("dana")
    await dana.say("/deploy shop test")
    assert (await company.settled(1)).state is State.SUCCEEDED
    before = await company.running()
    company.repository.behave("crash")
    async with load(await company.front(), rate=40, clients=6) as sent:
        await dana.say("/deploy shop test")
        done = await company.settled(2)
    assert done.state is State.ROLLED_BACK
    assert sent.lost == []
    assert await company.running() == before
    card = await dana.wait_for(lambda m: "#2" in m["plain"] and "exit status 3" in m["plain"], "#test-env")
    assert "Abort" not in card["plain"]


async def test_a_build_that_fails_shows_its_last_lines_in_the_thread(company: Company) -> None:
    dana = company.person("dana")
    company.repository.break_build()
    await dana.say("/deploy shop test")
    assert (await company.settled(1)).state is State.FAILED
    card = await dana.wait_for(lambda m: "#1" in m["plain"] and m["reply_count"] > 0, "#test-env")
    await dana.wait_for("the oven is cold", "#test-env", thread=card["ts"])
    assert await company.running() == {}


async def test_a_version_that_is_never_healthy_asks_when_the_strategy_says_so(company: Company) -> None:
    dana, lee = company.person("dana"), company.person("lee")
    text = company.catalog.read_text()
    company.catalog.write_text(
        text.replace("on_failure: rollback", "on_failure: ask").replace(
            "start_within: 15s", "start_within: 2s"
        )
    )
    await company.end_bots()
    await company.start_bot()
    await dana.say("/deploy shop test")
    assert (await company.settled(1)).state is State.SUCCEEDED
    before = await company.running()
    company.repository.behave("sick")
    await dana.say("/deploy shop test")
    await company.in_state(2, State.ASKING)
    await lee.click("Roll back", operation=2)
    assert (await company.settled(2)).state is State.ROLLED_BACK
    assert await company.running() == before


async def test_abort_in_the_thread_means_this_operation(company: Company) -> None:
    dana = company.person("dana")
    company.repository.slow_build(20)
    await dana.say("/deploy shop test")
    card = await dana.wait_for(lambda m: "#1" in m["plain"] and "shop → test" in m["plain"], "#test-env")
    await dana.say("@shipbell abort wrong branch", "#test-env", thread=card["ts"])
    done = await company.settled(1)
    assert done.outcome == "Aborted by dana (wrong branch). Nothing was touched."
