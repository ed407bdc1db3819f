"""Who may not, and what there isn't: whole answers that only the asker sees, suggestions that work when pressed, and the audit."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.operation import State
from tests.support.company import Company, a_company
from tests.support.talk import asked, press
from tests.support.workspace import until


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    """Max is a member of the workspace whom the catalog doesn't list; Gus is a guest whom it does."""

    def edit(text: str) -> str:
        max_, gus = "max: {slack: U0MAX00001, roles: [lead]}", "gus: {slack: U0GUS00001, roles: [tester]}"
        assert max_ in text
        return text.replace(max_, gus)

    async with a_company(tmp_path, edit=edit) as opened:
        yield opened


async def test_a_word_that_names_nothing_is_answered_with_what_would_have_worked(company: Company) -> None:
    dana = company.person("dana")
    wrong = {
        "/deploy shp test": """\
⚠️ There is no service “shp”.
The services are: shop.
[deploy shop test]""",
        "/deploy shop tset": """\
⚠️ There is no environment “tset”.
shop runs in: test, prod.
[deploy shop test]""",
        "/deploy shop@mian test": """\
⚠️ The repository has no branch, tag or commit “mian”.
Did you mean main?
[deploy shop@main test]""",
        "/deploy shop test --only shop-1,shop-3": """\
⚠️ shop has no instance shop-3 in test.
It has shop-1, shop-2.
[deploy shop test --only shop-1,shop-2]""",
        "/rollback shop test": """\
⚠️ Nothing of shop was released in test yet, so there is no way back.
Deploy it first.
[deploy shop test]""",
        "/shipbell abort #7": """\
⚠️ There is no operation #7.
`status` and `history` show the numbers there are.
[status]""",
        "/shipbell depoly shop test": """\
⚠️ I don't know “depoly”.
I know deploy, rollback, restart, stop, start, scale, status, history, logs, approve, reject, abort, why, whoami, help.
[deploy shop test]""",
    }
    answers = {}
    for command, expected in wrong.items():
        answers[command] = await asked(dana, command)
        assert answers[command]["plain"] == expected, command
    assert await company.operations() == []

    for command in ("/deploy shp test", "/shipbell abort #7"):
        said = await press(dana, _button(answers[command]), answers[command])
        assert "What is where" in said["plain"] or "#1: deploy of shop to test" in said["plain"]
    await company.settled(1)
    await company.all_run((await company.operations())[0].artifact.version)  # type: ignore[union-attr]
    said = await press(dana, "deploy shop@main test", answers["/deploy shop@mian test"])
    assert "#2: deploy of shop to test" in said["plain"]
    done = await company.settled(2)
    assert done.wish.command == "deploy shop@main test"
    assert len(await company.operations()) == 2


def _button(answer: dict[str, Any]) -> str:
    return str(answer["plain"].rsplit("[", 1)[1].rstrip("]"))


async def test_a_role_that_may_not_is_told_who_may(company: Company) -> None:
    dana, tess = company.person("dana"), company.person("tess")
    answer = await asked(tess, "/deploy shop prod")
    assert (
        answer["plain"]
        == """\
⚠️ tess (tester) may not deploy shop to prod.
It takes the role developer, lead or admin: ask dana or lee."""
    )
    answer = await asked(dana, "/shipbell stop shop prod")
    assert (
        answer["plain"]
        == """\
⚠️ dana (developer) may not stop shop in prod.
It takes the role lead or admin: ask lee."""
    )
    assert await company.operations() == []
    assert [(e.actor, e.what, e.summary, e.detail["wanted"]) for e in await company.audit()] == [
        ("tess", "decision", "refused: tess (tester) may not deploy shop to prod.", "deploy shop prod"),
        ("dana", "decision", "refused: dana (developer) may not stop shop in prod.", "stop shop prod"),
    ]


async def test_who_is_nobody_here_is_refused_in_words_and_in_the_audit(company: Company) -> None:
    dana, gus, max_ = company.person("dana"), company.person("gus"), company.person("max")
    answer = await asked(max_, "/deploy shop test")
    assert (
        answer["plain"]
        == """\
⚠️ max is not in the catalog: it doesn't list the Slack id U0MAX00001 under “people”.
Ask lee to add you to the catalog."""
    )
    answer = await asked(gus, "/deploy shop test")
    assert (
        answer["plain"]
        == "⚠️ gus is a guest in this Slack workspace. Shipbell takes requests from full members only."
    )
    # What they may not ask for, they may not answer either, and App Home shows them nothing.
    await dana.say("/deploy shop prod")
    await company.in_state(1, State.AWAITING_APPROVAL)
    await max_.wait_for("Approve?", "#releases")
    await max_.click("Approve", operation=1)
    await max_.wait_for(lambda m: m["ephemeral"] and "max is not in the catalog" in m["plain"], "#releases")
    await until(lambda: _home_says(company, "max", "max is not in the catalog"), 15)
    assert (await company.in_state(1, State.AWAITING_APPROVAL)).plan is not None
    refused = [(e.actor, e.summary) for e in await company.audit() if e.what == "decision"]
    assert refused == [
        (
            "U0MAX00001",
            "refused: max is not in the catalog: it doesn't list the Slack id U0MAX00001 under “people”.",
        ),
        (
            "U0GUS00001",
            "refused: gus is a guest in this Slack workspace. Shipbell takes requests from full members only.",
        ),
        (
            "U0MAX00001",
            "refused: max is not in the catalog: it doesn't list the Slack id U0MAX00001 under “people”.",
        ),
    ]


async def _home_says(company: Company, name: str, text: str) -> bool:
    return text in await company.person(name).home()


async def test_what_somebody_sent_before_they_were_deactivated_is_refused_when_it_is_read_after(
    company: Company,
) -> None:
    dana, lee = company.person("dana"), company.person("lee")
    await dana.say("/deploy shop prod")
    prompt = await lee.wait_for("Approve?", "#releases")
    assert company.bot is not None
    company.bot.send_signal(signal.SIGSTOP)
    try:
        await lee.say("@shipbell approve", "#releases", thread=prompt["ts"])
        await company.workspace.control("user", name="lee", deleted=True)
    finally:
        company.bot.send_signal(signal.SIGCONT)
    refusal = "refused: lee is deactivated in Slack, so Shipbell takes no requests from this account."
    await until(lambda: _audited(company, "U0LEE00001", refusal), 15)
    assert (await company.operations())[0].state is State.AWAITING_APPROVAL


async def test_who_became_a_guest_a_moment_ago_may_nothing_any_more(company: Company) -> None:
    """What Shipbell remembers of people is dropped when Slack says that they changed."""
    dana, lee = company.person("dana"), company.person("lee")
    await dana.say("/deploy shop prod")
    await lee.wait_for("Approve?", "#releases")
    assert "You are lee." in (await asked(lee, "/shipbell whoami"))["plain"]
    await company.workspace.control("user", name="lee", is_guest=True)
    await until(lambda: _heard(company, "user_change"), 15)
    await lee.click("Approve", operation=1)
    answer = await lee.wait_for(lambda m: m["ephemeral"], "#releases")
    refusal = "lee is a guest in this Slack workspace. Shipbell takes requests from full members only."
    assert answer["plain"] == f"⚠️ {refusal}"
    await until(lambda: _audited(company, "U0LEE00001", f"refused: {refusal}"), 15)
    assert (await company.operations())[0].state is State.AWAITING_APPROVAL


async def _audited(company: Company, actor: str, summary: str) -> bool:
    return any(e.actor == actor and e.summary == summary for e in await company.audit())


async def _heard(company: Company, what: str) -> bool:
    """Whether the bot has acknowledged an event of this kind."""
    sent = await company.workspace.envelopes("events_api")
    return any(e["what"] == what and e["ms"] is not None and not e["error"] for e in sent)
