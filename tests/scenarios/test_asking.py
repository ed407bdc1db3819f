"""The ways of asking: the modal, a mention, a direct message, what phones make of text; the same thing twice; events that come again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.operation import State
from bot.workspace.seed import default
from tests.support.company import Company, a_company
from tests.support.talk import answer_to, asked, press, shown
from tests.support.workspace import until

Json = dict[str, Any]


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    seed = default().model_dump(by_alias=True) | {"timing": {"retries": [1.0] * 30}}
    async with a_company(tmp_path, bake="300ms", seed=seed) as opened:
        opened.repository.tag("v1")
        yield opened


async def are(company: Company, count: int) -> bool:
    return len(await company.operations()) == count


async def test_the_modal_by_the_shortcut_says_what_is_wrong_and_deploys_what_is_right(
    company: Company,
) -> None:
    dana = company.person("dana")
    await dana.shortcut("deploy_shortcut")
    assert (await dana.modal())["title"]["text"] == "Deploy"
    wrong = {
        "service": "shop",
        "ref": "two words",
        "environment": "test",
        "instances": "shop-9",
        "batch": "no",
    }
    answer = await dana.submit(wrong)
    assert answer["errors"] == {
        "ref": "A version has no spaces and doesn't begin with a dash.",
        "instances": "There is no instance shop-9. Did you mean shop-1?",
        "batch": "Say a number (1 or more) or a share (1% to 100%).",
    }
    assert await company.operations() == []
    right = wrong | {"ref": "v1", "instances": "", "batch": "50%", "reason": "A fête"}
    assert (await dana.submit(right))["ok"]
    done = await company.settled(1)
    assert done.state is State.SUCCEEDED
    assert done.wish.command == 'deploy shop@v1 test --batch 50% --reason "A fête"'
    assert done.origin.how == "modal"
    await company.all_run("v1")
    # A shortcut is pressed in no channel in particular: the answer comes as a direct message.
    answer = await dana.wait_for("#1", await dana.dm_channel())
    assert answer["plain"].startswith("#1: deploy of shop to test is being prepared.")


async def test_the_modal_by_the_command_alone_deploys(company: Company) -> None:
    dana = company.person("dana")
    await dana.say("/deploy")
    answer = await dana.submit({"environment": "test"})
    assert answer["errors"] == {"service": "Please complete this required field."}
    answer = await answer_to(dana, lambda: dana.submit({"service": "shop", "environment": "test"}))
    assert shown(answer).startswith("#1: deploy of shop to test is being prepared. · see its card")
    assert (await company.settled(1)).state is State.SUCCEEDED
    await company.all_run("v1")


async def test_the_same_command_twice_is_one_operation(company: Company) -> None:
    dana, lee = company.person("dana"), company.person("lee")
    sha = company.commit_version(build_seconds=3)
    await asyncio.gather(dana.say("/deploy shop test"), dana.say("/deploy shop test"))
    await until(lambda: are(company, 1), 15)
    await dana.say("/deploy shop test")
    answer = await dana.wait_for("already, since you asked")
    assert shown(answer).startswith("#1: deploy of shop to test is being prepared already, since you asked ")
    assert len(await company.operations()) == 1
    await lee.say("/deploy shop test")  # another person's wish is another one
    await until(lambda: are(company, 2), 15)
    for number in (1, 2):
        done = await company.settled(number)
        assert done.state is State.SUCCEEDED, f"{done.outcome}\n{company.log()}"
    assert len(await company.cards(1)) == len(await company.cards(2)) == 1
    assert company.builds(sha) == 1


async def test_an_event_that_comes_again_is_one_operation(company: Company) -> None:
    dana = company.person("dana")
    await dana.say("@shipbell deploy shop test")
    await until(lambda: are(company, 1), 15)
    sent = (await company.workspace.envelopes("events_api"))[-1]
    for _ in range(3):
        await company.workspace.control("redeliver", envelope_id=sent["envelope_id"])
    await company.settled(1)
    await company.workspace.control("redeliver", envelope_id=sent["envelope_id"])
    await until(lambda: _acknowledged(company, 5), 15)
    assert await are(company, 1)


async def _acknowledged(company: Company, count: int) -> bool:
    sent = await company.workspace.envelopes("events_api")
    heard = [e for e in sent if e["what"] == "app_mention" and e["ms"] is not None and not e["error"]]
    return len(heard) >= count


async def test_an_event_sent_while_nobody_listens_is_done_once_when_the_bot_is_back(company: Company) -> None:
    dana = company.person("dana")
    await company.kill_bot()
    await dana.say("@shipbell deploy shop test")
    await company.start_bot()
    assert (await company.settled(1)).state is State.SUCCEEDED
    assert await are(company, 1)


async def test_a_direct_message_and_mentions_in_a_thread(company: Company) -> None:
    dana = company.person("dana")
    await dana.dm("deploy shop test")
    assert (await company.settled(1)).state is State.SUCCEEDED
    answer = await dana.wait_for("#1", await dana.dm_channel())
    assert shown(answer).startswith("#1: deploy of shop to test is being prepared. · see its card")
    card = await dana.wait_for("Done", "#test-env")
    answer = await asked(dana, "@shipbell status", "#test-env", card["ts"])
    assert "*shop* on test: `v1` · just now by dana · 2/2 healthy" in shown(answer)
    answer = await asked(dana, "@shipbell logs", "#test-env", card["ts"])
    assert "shop-2 v1 listens on" in shown(answer)
    # What changes something names its target outright; the thread only suggests it.
    answer = await asked(dana, "@shipbell restart --only shop-2", "#test-env", card["ts"])
    assert (
        shown(answer)
        == """\
⚠️ Which service?
Write `restart SERVICE ENV [--only INSTANCE,…]`
[restart shop test --only shop-2]"""
    )
    answer = await press(dana, "restart shop test --only shop-2", answer, "#test-env")
    assert shown(answer).startswith("#2: restart of shop in test is being prepared.")
    done = await company.settled(2)
    assert done.state is State.SUCCEEDED
    assert {r.step.instance for r in await company.steps(2)} == {"shop-2"}


async def test_what_phones_make_of_text_is_understood(company: Company) -> None:
    dana = company.person("dana")
    company.repository.tag("v1.0.io")
    await dana.say("/deploy shop test —plan")
    assert (await company.settled(1)).state is State.PLANNED
    assert await company.running() == {}
    card = await dana.wait_for("A plan only", "#test-env")
    assert shown(card).startswith("📝 shop → test\n*A plan only* · nothing was changed\n")
    # Slack makes a link to an e-mail address of `shop@v1.0.io`.
    await dana.say("@shipbell deploy shop@v1.0.io\ntest —reason “It’s time”")
    done = await company.settled(2)
    assert done.state is State.SUCCEEDED
    assert (done.wish.ref, done.wish.reason) == ("v1.0.io", "It's time")
    said = await dana.wait_for("shop@v1.0.io")
    assert "<mailto:shop@v1.0.io|shop@v1.0.io>" in said["text"]
