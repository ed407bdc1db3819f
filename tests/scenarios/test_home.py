"""App Home, and what testers are told: what waits for me, what runs now, what is where, what is new."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.operation import State
from bot.workspace import controls
from tests.support.company import Company, a_company
from tests.support.talk import shown
from tests.support.workspace import Person, until


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    async with a_company(tmp_path, bake="300ms") as opened:
        opened.repository.tag("v1")
        yield opened


async def home_of(person: Person, text: str) -> str:
    """App Home once it shows this."""
    seen = ""

    async def there() -> bool:
        nonlocal seen
        seen = shown({"plain": await person.home()})
        return text in seen

    await until(there, 20, lambda: f"the Home of @{person.name} doesn't show {text!r}:\n{seen}")
    return seen


async def test_home_shows_what_waits_and_its_buttons_work(company: Company) -> None:
    dana, lee, tess = (company.person(name) for name in ("dana", "lee", "tess"))
    assert (
        await home_of(lee, "What is where")
        == """\
Shipbell
You are *lee* · lead
[Deploy…]
---
Waits for you
Nothing waits for you.
---
Runs now
Nothing runs now.
---
What is where
*shop*
▫️ test · nothing yet
▫️ prod · nothing yet
as of NOW"""
    )
    await dana.say("/deploy shop prod --reason spring")
    await company.in_state(1, State.AWAITING_APPROVAL)
    waiting = """\
✋ *shop → prod* `v1` (SHA) · the first one here
*Waits for approval* · @lee @max can say yes · until NOW
"""
    assert (
        f"""\
Waits for you
{waiting}[Approve] [Reject] [Abort]
*#1* · @dana, NOW · “spring”
---
Runs now
Nothing runs now.
"""
        in await home_of(lee, "*#1*")
    )
    assert (
        f"""\
Waits for you
Nothing waits for you.
---
Runs now
{waiting}[Abort]
"""
        in await home_of(dana, "*#1*")
    )
    await lee.click_home("Approve")
    assert (await company.settled(1)).state is State.SUCCEEDED
    await company.all_run("v1", "prod")
    assert (await home_of(tess, "Nothing runs now.")).endswith("""\
*shop*
▫️ test · nothing yet
🟢 prod · `v1` (SHA) · 2 of 2 healthy · dana, NOW · URL
as of NOW""")
    await dana.say("/deploy shop@v1 prod --reason again")
    await company.in_state(2, State.AWAITING_APPROVAL)
    await home_of(lee, "*#2*")
    await lee.click_home("Reject")
    await lee.submit({"reason": "Once is enough"})
    await company.in_state(2, State.REJECTED)
    await home_of(lee, "Nothing waits for you.")


async def test_a_press_in_home_that_counts_no_more_says_why(company: Company) -> None:
    """In a modal: App Home has no place for a message."""
    dana, lee, max_ = (company.person(name) for name in ("dana", "lee", "max"))
    await dana.say("/deploy shop prod")
    await company.in_state(1, State.AWAITING_APPROVAL)
    await home_of(max_, "*#1*")
    approve = controls.find(controls.of_view((await max_.get("home"))["view"]), "Approve")
    assert approve is not None
    await lee.click("Approve", operation=1)
    await company.settled(1)
    await max_.press(approve, stale=True)
    modal = await max_.modal()
    assert [block["text"]["text"] for block in modal["blocks"]] == [
        "⚠️ #1 can't be approved any more: it has succeeded."
    ]
    await home_of(max_, "Nothing waits for you.")


async def test_home_deploys_and_aborts(company: Company) -> None:
    dana = company.person("dana")
    company.repository.slow_build(20)
    await home_of(dana, "What is where")
    await dana.click_home("Deploy…")
    await dana.submit({"service": "shop", "environment": "test"})
    await company.in_state(1, State.PREPARING)
    assert "🛠️ *shop → test*" in await home_of(dana, "*#1*")
    await dana.click_home("Abort")
    done = await company.settled(1)
    assert done.outcome == "Aborted by dana. Nothing was touched."
    await home_of(dana, "Nothing runs now.")


async def test_testers_are_told_what_is_new(company: Company) -> None:
    dana, tess = company.person("dana"), company.person("tess")
    await dana.say("/deploy shop test")
    await company.settled(1)
    company.repository.commit("Sell umbrellas")
    company.repository.commit("Sell boots & scarves")
    company.repository.tag("v2")
    await dana.say("/deploy shop test")
    await company.settled(2)
    told = await tess.wait_for(lambda m: "*#2*" in m["plain"] and "has arrived" in m["plain"], "#test-env")
    assert (
        shown(told)
        == """\
🧪 @tess *shop* `v2` (SHA) has arrived in *test*
`v1` (SHA) → `v2` (SHA)
• `SHA` Sell boots & scarves — Sam Sample
• `SHA` Sell umbrellas — Sam Sample
[Open shop]
*#2* · brought by @dana"""
    )
    await dana.say("/rollback shop test")
    await company.settled(3)
    told = await tess.wait_for(lambda m: "*#3*" in m["plain"] and "is back" in m["plain"], "#test-env")
    assert (
        shown(told)
        == """\
🧪 @tess *shop* `v1` (SHA) is back in *test*
`v2` (SHA) → `v1` (SHA)
⚠️ goes back over 2 commits that run there now
[Open shop]
*#3* · brought by @dana"""
    )
    # Where nothing new came, testers are left alone.
    await dana.say("/shipbell restart shop test")
    await company.settled(4)
    await dana.wait_for(lambda m: "*#4*" in m["plain"] and "Done" in m["plain"], "#test-env")
    arrivals = [m for m in await tess.messages("#test-env") if "🧪" in m["plain"]]
    assert len(arrivals) == 3
