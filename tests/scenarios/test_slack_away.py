"""Slack away or at its limits during a rollout: the rollout goes on, and the channels catch up with its end."""

from __future__ import annotations

import os
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.domain.operation import State
from tests.support.company import Company, a_company
from tests.support.load import load
from tests.support.talk import asked, shown
from tests.support.workspace import until

CATCHES_UP_WITHIN = 25.0
"""Seconds from Slack's return: the longest pause between two tries, and the time for what is owed."""


@pytest.fixture
def away(request: pytest.FixtureRequest) -> float:
    """Seconds for which Slack is away: ten minutes with `--all`, a minute in CI."""
    if request.config.getoption("--all"):
        return 600.0
    return 60.0 if os.environ.get("CI") == "true" else 8.0


async def test_slack_away_during_a_rollout(company: Company, away: float) -> None:
    dana = company.person("dana")
    sha = await _second_version_is_built(company)
    async with load(await company.front(), rate=40, clients=6) as sent:
        await dana.say("/deploy shop test")
        await _card(company, 2)
        gone = await _outage(company)
        done = await company.settled(2)
        await company.all_run("v2")
        assert done.state is State.SUCCEEDED
        assert "Done" not in (await _card(company, 2))["plain"]
        await _until_over(gone, away)
        assert sent.lost == []
    before = await company.workspace.calls()
    await company.workspace.control("outage", on=False)
    await _caught_up(company, 2)
    assert company.builds(sha) == 1
    # It tries again and again, but not as fast as it can.
    tries = [call for call in before if call["status"] == 503 and call["method"].startswith("chat.")]
    assert 1 <= len(tries) <= 10 + away / 10
    await company.workspace.connected()
    assert "You are dana." in shown(await asked(dana, "/shipbell whoami"))


async def test_a_bot_that_starts_while_slack_is_away_carries_on_and_says_what_is_wrong(
    tmp_path: Path,
) -> None:
    async with a_company(tmp_path, bot=False) as company:
        dana = company.person("dana")
        port = _free_port()
        listen = {"SHIPBELL_LISTEN": f"127.0.0.1:{port}"}
        await company.start_bot(more=listen)
        await _second_version_is_built(company)
        await until(lambda: _is_ready(port), 15)
        async with load(await company.front(), rate=40, clients=6) as sent:
            await dana.say("/deploy shop test")
            await _card(company, 2)
            await _outage(company)
            await company.kill_bot()
            await company.start_bot(more=listen, wait=False)
            assert (await company.settled(2)).state is State.SUCCEEDED
            await company.all_run("v2")
        assert sent.lost == []
        assert await _readiness(port) == (
            503,
            ["Slack's requests don't arrive: the connection is being made."],
        )
        await company.workspace.control("outage", on=False)
        await _caught_up(company, 2)
        await until(lambda: _is_ready(port), 15)


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
async def test_as_long_as_slack_says_nothing_more_is_sent(company: Company, method: str) -> None:
    dana = company.person("dana")
    await _second_version_is_built(company)
    if method == "chat.postMessage":
        await company.workspace.control("rate_limit", method=method, times=2, retry_after=3)
        await dana.say("/deploy shop test")
    else:
        await dana.say("/deploy shop test")
        await _card(company, 2)
        await company.workspace.control("rate_limit", method=method, times=2, retry_after=3)
    assert (await company.settled(2)).state is State.SUCCEEDED
    await _caught_up(company, 2)
    calls = await company.workspace.calls(method)
    refused = [call["at"] for call in calls if call["status"] == 429]
    assert len(refused) == 2
    for at in refused:
        too_soon = [call["at"] - at for call in calls if at < call["at"] < at + 3.0]
        assert too_soon == []


async def _second_version_is_built(company: Company) -> str:
    """`v1` runs, `v2` is there to be deployed and takes a second to build; returns its sha."""
    company.repository.tag("v1")
    await company.person("dana").say("/deploy shop test")
    assert (await company.settled(1)).state is State.SUCCEEDED
    await company.person("tess").wait_for("has arrived in", "#test-env")
    sha = company.commit_version(build_seconds=1.0)
    company.repository.tag("v2")
    return sha


async def _outage(company: Company) -> float:
    await company.workspace.control("outage", on=True)
    return time.monotonic()


async def _until_over(gone: float, away: float) -> None:
    async def over() -> bool:
        return time.monotonic() >= gone + away

    await until(over, away + 1)


async def _card(company: Company, number: int) -> dict[str, Any]:
    found: list[dict[str, Any]] = []

    async def there() -> bool:
        found[:] = await company.cards(number)
        return bool(found)

    await until(there, 20, lambda: f"#{number} has no card\n{company.log()}")
    (card,) = found
    return card


async def _caught_up(company: Company, number: int) -> None:
    """One card, in its final state, and one word to the testers."""
    tess = company.person("tess")
    await tess.wait_for(
        lambda m: f"*#{number}*" in m["plain"] and "Done" in m["plain"],
        "#test-env",
        seconds=CATCHES_UP_WITHIN,
    )
    await tess.wait_for(
        lambda m: f"*#{number}*" in m["plain"] and "has arrived in" in m["plain"],
        "#test-env",
        seconds=CATCHES_UP_WITHIN,
    )
    await _nothing_is_owed(company)
    said = [m["plain"] for m in await tess.messages("#test-env") if f"*#{number}*" in m["plain"]]
    assert len(said) == 2, said
    assert len(await company.cards(number)) == 1


async def _nothing_is_owed(company: Company) -> None:
    """Until the outbox is empty: what would be there twice is there then."""

    async def empty() -> bool:
        return not await company.store.outbox.due(datetime.now(UTC) + timedelta(hours=1))

    await until(empty, CATCHES_UP_WITHIN, lambda: f"the outbox is not empty\n{company.log()}")


async def _is_ready(port: int) -> bool:
    return (await _readiness(port))[0] == 200


async def _readiness(port: int) -> tuple[int, list[str]]:
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            answer = await client.get(f"http://127.0.0.1:{port}/readyz")
        except httpx.HTTPError:
            return 0, []
    return answer.status_code, answer.json()["problems"]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
