"""The other way to the app: signed HTTP requests to its request URL, as Slack sends them when Socket Mode is off."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import httpx

from bot.workspace.clock import Clock
from bot.workspace.errors import Json
from bot.workspace.gateway import DISPATCH_FAILED, OPERATION_TIMEOUT, Ack, Envelope


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The `v0` signature over timestamp and body."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


class HttpTransport:
    """Posts every envelope to one request URL; a 2xx answer is the acknowledgement, its body the response payload."""

    def __init__(self, url: str, secret: str, clock: Clock) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock
        # Straight to the app: a proxy from the environment must not see what stays on this machine.
        self._client = httpx.AsyncClient(trust_env=False)

    @property
    def connected(self) -> bool:
        """Nobody can know before a request is made."""
        return True

    async def deliver(self, envelope: Envelope, seconds: float) -> Ack:
        """One signed POST."""
        body, kind = _encode(envelope)
        stamp = str(int(self._clock.now()))
        headers = {
            "Content-Type": kind,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": sign(self._secret, stamp, body),
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        }
        if envelope.attempt:
            headers["X-Slack-Retry-Num"] = str(envelope.attempt)
            headers["X-Slack-Retry-Reason"] = "http_timeout" if envelope.reason == "timeout" else "http_error"
        try:
            async with asyncio.timeout(seconds):
                answer = await self._client.post(self._url, content=body, headers=headers, timeout=None)
        except TimeoutError:
            return Ack(error=OPERATION_TIMEOUT)
        except httpx.HTTPError:
            return Ack(error=DISPATCH_FAILED)
        if not answer.is_success:
            return Ack(error=f"http_{answer.status_code}")
        return Ack(payload=_body(answer))

    async def verify(self, token: str) -> Json:
        """Slack's `url_verification` challenge; answers `{ok, status}`."""
        challenge = hashlib.sha256(token.encode()).hexdigest()
        envelope = Envelope(
            "events_api", {"token": token, "challenge": challenge, "type": "url_verification"}
        )
        ack = await self.deliver(envelope, 3.0)
        returned = ack.payload.get("challenge") if isinstance(ack.payload, dict) else ack.payload
        return {
            "ok": returned == challenge,
            "error": ack.error or ("" if returned == challenge else "challenge_failed"),
        }

    async def close(self) -> None:
        """Closes the connections to the app."""
        await self._client.aclose()


def _encode(envelope: Envelope) -> tuple[bytes, str]:
    if envelope.kind == "events_api":
        return json.dumps(envelope.payload).encode(), "application/json"
    fields: Any = (
        envelope.payload if envelope.kind == "slash_commands" else {"payload": json.dumps(envelope.payload)}
    )
    return urlencode(fields).encode(), "application/x-www-form-urlencoded"


def _body(answer: httpx.Response) -> Any:
    text = answer.text
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
