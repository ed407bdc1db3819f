"""Socket Mode: lost connections come back, and what was said is heard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.slack import RunningChat, running_chat
from tests.support.workspace import RunningWorkspace, running_workspace, until


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[RunningChat]:
    async with running_workspace(tmp_path) as ws, running_chat(ws, tmp_path) as running:
        yield running


async def _hears(chat: RunningChat, service: str) -> None:
    dana = chat.ws.person("dana")
    await dana.say(f"@shipbell status {service}")
    await dana.wait_for("v1.2")
    assert (service,) in [effect.words for effect in chat.desk.effects]


async def test_slack_asks_to_reconnect(chat: RunningChat) -> None:
    await chat.ws.control("disconnect")
    await chat.ws.connected()
    await _hears(chat, "shop")


async def test_after_an_outage_it_hears_again(chat: RunningChat) -> None:
    await _hears(chat, "shop")
    await chat.ws.control("outage", on=True)
    assert not await _soon(chat)
    await chat.ws.control("outage", on=False)
    await chat.ws.connected()
    await _hears(chat, "cart")


async def test_a_slack_that_was_killed_and_comes_back(chat: RunningChat) -> None:
    await chat.ws.restart(kill=True)
    await chat.ws.connected()
    await _hears(chat, "shop")


async def test_an_event_during_an_outage_of_the_web_api_is_not_lost(tmp_path: Path) -> None:
    """The first event of all needs auth.test; when that fails, the event must come again instead of being acknowledged."""
    async with running_workspace(tmp_path) as ws, running_chat(ws, tmp_path):
        await ws.control("rate_limit", method="auth.test", times=1, retry_after=1)
        dana = ws.person("dana")
        await dana.say("@shipbell status shop")
        await _envelope_failed(ws)
        assert (await ws.envelopes("events_api"))[-1]["ms"] is None, (
            "it was acknowledged and would never come again"
        )
        await ws.control("redeliver", envelope_id=(await ws.envelopes("events_api"))[-1]["envelope_id"])
        await dana.wait_for("v1.2")


async def _soon(chat: RunningChat) -> bool:
    return bool((await chat.ws.http.get("/control/health")).json()["connections"])


async def _envelope_failed(ws: RunningWorkspace) -> None:
    async def seen() -> bool:
        return bool(await ws.envelopes("events_api"))

    await until(seen)
