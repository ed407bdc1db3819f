"""HTTP mode: an app behind a request URL gets signed requests, and retries that say so."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from bot.workspace.http_delivery import sign
from tests.bot.workspace.sockets import arrived, quick
from tests.support.workspace import Refused, RunningWorkspace, running_workspace

Json = dict[str, Any]


def taken_port() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener


@contextlib.asynccontextmanager
async def behind(listener: socket.socket, app: web.Application) -> AsyncIterator[None]:
    runner = web.AppRunner(app)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    try:
        yield
    finally:
        await runner.cleanup()


@pytest.fixture
async def http_ws(tmp_path: Path) -> AsyncIterator[tuple[RunningWorkspace, socket.socket]]:
    with taken_port() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/slack/events"
        async with running_workspace(tmp_path, quick(ack=1.0, retries=[0.1, 0.1], request_url=url)) as ws:
            yield ws, listener


async def test_bolt_over_http(http_ws: tuple[RunningWorkspace, socket.socket]) -> None:
    ws, listener = http_ws
    env = ws.env()
    app = AsyncApp(
        client=AsyncWebClient(env["SLACK_BOT_TOKEN"], base_url=ws.api_url),
        signing_secret=env["SLACK_SIGNING_SECRET"],
    )
    mentions: list[Json] = []

    @app.command("/deploy")
    async def deploy(ack: Any, command: Json) -> None:
        await ack(f"deploying {command['text']}")

    @app.event("app_mention")
    async def mention(event: Json) -> None:
        mentions.append(event)

    @app.view("deploy")
    async def submit(ack: Any) -> None:
        await ack(response_action="errors", errors={"service": "no"})

    async with behind(listener, app.web_app("/slack/events")):
        assert (await ws.control("verify_url"))["error"] == ""
        dana = ws.person("dana")
        await dana.command("/deploy shöp & <co>")
        await dana.wait_for("deploying shöp & <co>")
        await dana.say("@shipbell hello")
        await arrived(mentions)
        assert mentions[0]["text"] == "<@U0SHIPB001> hello"
        forged = await ws.http.post(
            f"http://127.0.0.1:{listener.getsockname()[1]}/slack/events",
            content=b"{}",
            headers={"X-Slack-Request-Timestamp": "1", "X-Slack-Signature": sign("wrong", "1", b"{}")},
        )
        assert forged.status_code == 401


async def test_events_come_again_with_retry_headers_and_commands_do_not(
    http_ws: tuple[RunningWorkspace, socket.socket],
) -> None:
    ws, listener = http_ws
    seen: list[tuple[httpx.Headers | Any, bytes]] = []
    verifier = SignatureVerifier(ws.env()["SLACK_SIGNING_SECRET"])

    async def refuse(request: web.Request) -> web.Response:
        body = await request.read()
        assert verifier.is_valid_request(body, dict(request.headers))
        seen.append((request.headers, body))
        if request.content_type == "application/x-www-form-urlencoded":
            await asyncio.sleep(1.5)
        return web.Response(status=500)

    app = web.Application()
    app.router.add_post("/slack/events", refuse)
    async with behind(listener, app):
        dana = ws.person("dana")
        await dana.say("@shipbell hello")
        await arrived(seen, 3)
        assert [headers.get("X-Slack-Retry-Num") for headers, _ in seen] == [None, "1", "2"]
        assert [headers.get("X-Slack-Retry-Reason") for headers, _ in seen] == [
            None,
            "http_error",
            "http_error",
        ]
        with pytest.raises(Refused, match="operation_timeout"):
            await dana.command("/deploy shop")
        assert len(seen) == 4
        assert not verifier.is_valid_request(seen[0][1] + b" ", dict(seen[0][0]))


async def test_socket_mode_is_off(http_ws: tuple[RunningWorkspace, socket.socket]) -> None:
    ws, _ = http_ws
    answer = await ws.http.post(
        f"{ws.api_url}apps.connections.open",
        headers={"Authorization": f"Bearer {ws.env()['SLACK_APP_TOKEN']}"},
    )
    assert answer.json()["error"] == "socket_mode_not_enabled"
