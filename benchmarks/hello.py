"""The bare Bolt app that acknowledgements are compared with: Socket Mode, every command acknowledged, nothing else.

Run as a process of its own, `python -m benchmarks.hello`, with the bot's settings of Slack in the environment.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient


async def main() -> None:
    """Until it is killed."""
    url = os.environ["SLACK_API_URL"]
    token = os.environ["SLACK_BOT_TOKEN"]
    app = AsyncApp(token=token, client=AsyncWebClient(token=token, base_url=url))

    async def hello(ack: Any) -> None:
        await ack()

    for name in ("/deploy", "/rollback", "/shipbell"):
        app.command(name)(hello)
    handler = AsyncSocketModeHandler(
        app, os.environ["SLACK_APP_TOKEN"], web_client=AsyncWebClient(base_url=url)
    )
    await handler.start_async()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    asyncio.run(main())
