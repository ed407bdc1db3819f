"""Shipbell behind a request URL: signed HTTP in place of Socket Mode. What is forged, old or sent again does nothing."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from slack_sdk.signature import SignatureVerifier

from bot.domain.operation import State
from bot.workspace.seed import default
from tests.support.company import Company, a_company
from tests.support.talk import asked, shown
from tests.support.workspace import until

PATH = "/slack/events"


@dataclass
class Behind:
    """A company whose bot listens at `url`."""

    company: Company
    url: str

    def signed(self, body: str, *, at: float | None = None, secret: str | None = None) -> dict[str, str]:
        key = secret or self.company.workspace.info["signing_secret"]
        moment = str(int(time.time() if at is None else at))
        signature = SignatureVerifier(key).generate_signature(timestamp=moment, body=body)
        assert signature is not None
        return {"X-Slack-Request-Timestamp": moment, "X-Slack-Signature": signature}

    async def send(self, body: str, headers: Mapping[str, str]) -> int:
        kind = "application/json" if body.startswith("{") else "application/x-www-form-urlencoded"
        async with httpx.AsyncClient(trust_env=False, timeout=15) as client:
            answer = await client.post(self.url, content=body, headers={**headers, "Content-Type": kind})
        return answer.status_code


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[Behind]:
    port = free_port()
    url = f"http://127.0.0.1:{port}{PATH}"
    seed = default().model_dump(by_alias=True)
    seed["app"]["request_url"] = url
    async with a_company(tmp_path, bake="200ms", seed=seed, bot=False) as company:
        company.repository.tag("v1")
        more = {"SHIPBELL_MODE": "http", "SHIPBELL_LISTEN": f"127.0.0.1:{port}", "SLACK_APP_TOKEN": ""}
        await company.start_bot(more=more, wait=False)
        await until(lambda: ready(port), 30, company.log)
        yield Behind(company, url)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def ready(port: int) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            return (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success
        except httpx.HTTPError:
            return False


def command(text: str, trigger: str = "1.2.abc") -> str:
    fields = {
        "command": "/deploy",
        "text": text,
        "user_id": "U0DANA0001",
        "team_id": "T0ACME0001",
        "channel_id": "C0DEPLOY01",
        "trigger_id": trigger,
    }
    return urlencode(fields)


async def test_a_release_over_http(behind: Behind) -> None:
    company = behind.company
    dana, lee = company.person("dana"), company.person("lee")
    verified = await company.workspace.control("verify_url")
    assert verified["ok"], verified
    await dana.say("/deploy shop prod")
    await lee.wait_for("Approve?", "#releases")
    await lee.click("Approve", operation=1)
    assert (await company.settled(1)).state is State.SUCCEEDED
    await company.all_run("v1", "prod")
    answer = await asked(dana, "@shipbell status shop prod")
    assert shown(answer).startswith("🟢 *shop* on prod: `v1` · just now by dana · 2/2 healthy\n")
    await dana.say("/deploy")
    await dana.submit({"service": "shop", "environment": "test"})
    assert (await company.settled(2)).state is State.SUCCEEDED


async def test_what_is_forged_or_old_is_refused(behind: Behind) -> None:
    body = command("shop test")
    assert await behind.send(body, behind.signed(body, secret="another secret")) == 401
    assert await behind.send(body, behind.signed(body, at=time.time() - 6 * 60)) == 401
    assert await behind.send(body, behind.signed(body, at=time.time() + 6 * 60)) == 401
    assert await behind.send(command("shop prod"), behind.signed(body)) == 401
    assert await behind.send(body, {}) == 401
    late = behind.signed(body, at=time.time() - 6 * 60) | {"X-Slack-Request-Timestamp": str(int(time.time()))}
    assert await behind.send(body, late) == 401
    # Whatever was going to be done would be done before the next request's answer.
    answer = await asked(behind.company.person("dana"), "/shipbell whoami")
    assert "You are dana." in shown(answer)
    assert await behind.company.operations() == []


async def test_the_same_request_again_is_done_once(behind: Behind) -> None:
    body = command("shop test")
    headers = behind.signed(body)
    statuses = await asyncio.gather(*(behind.send(body, headers) for _ in range(5)))
    assert set(statuses) == {200}
    await behind.company.settled(1)
    assert await behind.send(body, headers) == 200
    event = {
        "type": "event_callback",
        "team_id": "T0ACME0001",
        "event_id": "Ev0001",
        "event": {
            "type": "app_mention",
            "user": "U0LEE00001",
            "channel": "C0DEPLOY01",
            "ts": "1.1",
            "text": "<@U0SHIPB001> deploy shop test",
        },
    }
    body = json.dumps(event)
    headers = behind.signed(body)
    for _ in range(3):
        assert await behind.send(body, headers) == 200
    await behind.company.settled(2)
    assert await behind.send(body, headers) == 200
    assert len(await behind.company.operations()) == 2


@pytest.mark.parametrize(
    ("user", "reason"),
    [("USLACKBOT", "slackbot is a bot."), ("U0LEE00001", "An app said this in the name of lee.")],
)
async def test_what_a_bot_says_or_an_app_in_somebodys_name_is_refused(
    behind: Behind, user: str, reason: str
) -> None:
    event = {
        "type": "event_callback",
        "team_id": "T0ACME0001",
        "event_id": "Ev0002",
        "event": {
            "type": "app_mention",
            "user": user,
            "bot_id": "B0OTHER001",
            "channel": "C0DEPLOY01",
            "ts": "1.1",
            "text": "<@U0SHIPB001> deploy shop test",
        },
    }
    body = json.dumps(event)
    assert await behind.send(body, behind.signed(body)) == 200

    async def audited() -> bool:
        return [e.summary for e in await behind.company.audit()] == [
            f"refused: {reason} Shipbell takes requests from people only."
        ]

    await until(audited, 15)
    assert await behind.company.operations() == []
