"""response_url: five uses, thirty minutes, and the only way to change an ephemeral message."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from tests.bot.workspace.sockets import raw_socket
from tests.support.workspace import RunningWorkspace

Json = dict[str, Any]
BUTTON = {
    "type": "actions",
    "block_id": "b",
    "elements": [
        {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}, "value": "1"}
    ],
}


async def command_url(ws: RunningWorkspace, got: list[Json]) -> AsyncWebhookClient:
    await ws.person("dana").command("/deploy shop")
    return AsyncWebhookClient(got[-1]["payload"]["response_url"])


async def test_it_answers_the_asker_and_the_channel_where_wanted(ws: RunningWorkspace) -> None:
    async with raw_socket(ws) as got:
        hook = await command_url(ws, got)
        assert (await hook.send(text="for you")).status_code == 200
        assert (await hook.send(text="for all", response_type="in_channel")).status_code == 200
    dana, lee = ws.person("dana"), ws.person("lee")
    assert (await dana.wait_for("for you"))["ephemeral"] is True
    assert (await lee.wait_for("for all"))["ephemeral"] is False
    assert "for you" not in await lee.transcript()


async def test_five_uses_and_a_refused_body_costs_none(ws: RunningWorkspace) -> None:
    async with raw_socket(ws) as got:
        hook = await command_url(ws, got)
    bad = await hook.send(text="x", blocks=[{"type": "marquee"}])
    assert (bad.status_code, "invalid_blocks" in bad.body) == (400, True)
    assert (await hook.send(text="")).status_code == 400
    for number in range(5):
        assert (await hook.send(text=str(number))).status_code == 200
    used = await hook.send(text="6")
    assert (used.status_code, "used_url" in used.body) == (404, True)


async def test_thirty_minutes_even_over_a_restart(ws: RunningWorkspace) -> None:
    async with raw_socket(ws) as got:
        hook = await command_url(ws, got)
    await ws.restart(kill=True)
    assert (await hook.send(text="still")).status_code == 200
    await ws.control("clock", advance=1801)
    late = await hook.send(text="late")
    assert (late.status_code, "expired_url" in late.body) == (404, True)


@pytest.mark.parametrize("ephemeral", [True, False])
async def test_it_replaces_and_deletes_what_was_clicked(ws: RunningWorkspace, ephemeral: bool) -> None:
    client = AsyncWebClient(ws.env()["SLACK_BOT_TOKEN"], base_url=ws.api_url)
    if ephemeral:
        await client.chat_postEphemeral(channel="C0DEPLOY01", user="U0DANA0001", text="ask", blocks=[BUTTON])
    else:
        await client.chat_postMessage(channel="C0DEPLOY01", text="ask", blocks=[BUTTON])
    dana = ws.person("dana")
    async with raw_socket(ws) as got:
        await dana.click("Go")
        payload = got[0]["payload"]
        assert ("message" in payload) is not ephemeral
        assert payload["container"]["is_ephemeral"] is ephemeral
        hook = AsyncWebhookClient(payload["response_url"])
        await hook.send(text="besides")
        await hook.send(text="done", replace_original=True)
        messages = [m for m in await dana.messages() if m["plain"] == "done"]
        assert [(m["ephemeral"], m.get("blocks")) for m in messages] == [(ephemeral, None)]
        await hook.send(delete_original=True)
        assert [m["plain"] for m in await dana.messages()] == ["besides"]
        assert (await hook.send(text="again", replace_original=True)).status_code == 400


async def test_nobody_can_press_in_somebody_elses_ephemeral(ws: RunningWorkspace) -> None:
    client = AsyncWebClient(ws.env()["SLACK_BOT_TOKEN"], base_url=ws.api_url)
    sent = await client.chat_postEphemeral(
        channel="C0DEPLOY01", user="U0DANA0001", text="ask", blocks=[BUTTON]
    )
    container = {"type": "message", "channel": "C0DEPLOY01", "ts": sent["message_ts"], "ephemeral": True}
    action = {"block_id": "b", "action_id": "go", "type": "button"}
    async with raw_socket(ws) as got:
        with pytest.raises(AssertionError, match="message_not_found"):
            await ws.person("lee").act(action, container)
        await ws.person("dana").act(action, container)
        assert len(got) == 1
