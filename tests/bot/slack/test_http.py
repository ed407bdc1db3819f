"""Signed HTTP: what is forged, old or sent again does nothing."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from tests.support.slack import RunningChat, running_chat
from tests.support.workspace import running_workspace, until


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[RunningChat]:
    async with running_workspace(tmp_path) as ws, running_chat(ws, tmp_path, socket=False) as running:
        yield running


def _command(text: str, trigger: str = "1.2.abc") -> bytes:
    fields = {"command": "/shipbell", "text": text, "user_id": "U0DANA0001", "team_id": "T0ACME0001"}
    return urlencode({**fields, "channel_id": "C0DEPLOY01", "trigger_id": trigger}).encode()


def _signed(
    chat: RunningChat, body: bytes, at: int | None = None, secret: str | None = None
) -> dict[str, str]:
    moment = str(at if at is not None else int(time.time()))
    key = (secret or chat.slack.settings.signing_secret).encode()
    mac = hmac.new(key, b"v0:" + moment.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {
        "X-Slack-Request-Timestamp": moment,
        "X-Slack-Signature": f"v0={mac}",
        "Content-Type": "application/x-www-form-urlencoded",
    }


async def _send(chat: RunningChat, body: bytes, headers: dict[str, str], path: str = "/slack/events") -> int:
    transport = httpx.ASGITransport(app=chat.chat.http)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        return (await client.post(path, content=body, headers=headers)).status_code


async def _done(chat: RunningChat, count: int) -> bool:
    return len(chat.desk.effects) >= count


async def test_a_signed_command_is_done(chat: RunningChat) -> None:
    body = _command("status shop")
    assert await _send(chat, body, _signed(chat, body)) == 200
    await until(lambda: _done(chat, 1))
    await chat.ws.person("dana").wait_for("v1.2")


@pytest.mark.parametrize(
    "wrong",
    ["forged", "old", "ahead", "unsigned", "changed"],
)
async def test_what_is_not_signed_by_slack_just_now_is_refused(chat: RunningChat, wrong: str) -> None:
    body, now = _command("status shop"), int(time.time())
    headers = {
        "forged": _signed(chat, body, secret="not the secret"),
        "old": _signed(chat, body, at=now - 301),
        "ahead": _signed(chat, body, at=now + 301),
        "unsigned": {"Content-Type": "application/x-www-form-urlencoded"},
        "changed": _signed(chat, _command("status cart")),
    }[wrong]
    assert await _send(chat, body, headers) == 401
    assert not chat.desk.effects
    assert not await chat.desk.unfinished()


async def test_a_request_that_is_sent_again_is_done_once(chat: RunningChat) -> None:
    body = _command("status shop")
    headers = _signed(chat, body)
    assert await _send(chat, body, headers) == 200
    assert await _send(chat, body, headers) == 200
    other = _command("status cart", "1.3.abc")
    assert await _send(chat, other, _signed(chat, other)) == 200
    await until(lambda: _done(chat, 2))
    assert sorted(effect.words for effect in chat.desk.effects) == [("cart",), ("shop",)]


async def test_other_paths_are_not_there(chat: RunningChat) -> None:
    body = _command("status shop")
    assert await _send(chat, body, _signed(chat, body), "/elsewhere") == 404
