"""What several tests share: a bare Socket Mode connection, and a seed with other timing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

from bot.workspace.seed import default
from tests.support.workspace import RunningWorkspace, until

Json = dict[str, Any]


@contextlib.asynccontextmanager
async def raw_socket(ws: RunningWorkspace, ack: bool = True) -> AsyncIterator[list[Json]]:
    """The SDK's own connection that keeps every envelope, and acknowledges each or none."""
    got: list[Json] = []
    client = SocketModeClient(ws.env()["SLACK_APP_TOKEN"], web_client=AsyncWebClient(base_url=ws.api_url))

    async def on_message(message: Any) -> None:
        frame = message.json()
        if "envelope_id" in frame:
            got.append(frame)
            if ack:
                await client.send_message(json.dumps({"envelope_id": frame["envelope_id"]}))

    client.on_message_listeners.append(on_message)
    before = (await ws.http.get("/control/health")).json()["connections"]
    await client.connect()
    try:
        await ws.connected(before + 1)
        yield got
    finally:
        await client.close()


async def arrived(got: list[Any], count: int = 1, seconds: float = 10) -> None:
    """Waits until as many have come."""

    async def there() -> bool:
        return len(got) >= count

    await until(there, seconds, lambda: f"{len(got)} of {count} arrived: {got}")


def quick(ack: float = 3.0, retries: list[float] | None = None, **app: Any) -> Json:
    """The default seed with other timing, and other fields of the app."""
    seed = default().model_dump(by_alias=True)
    seed["timing"].update(ack=ack, retries=retries if retries is not None else [])
    seed["app"].update(app)
    return seed
