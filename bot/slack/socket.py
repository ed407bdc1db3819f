"""Socket Mode: the connection over which Slack sends everything when Shipbell has no public address."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp

from bot.slack.settings import SlackSettings
from bot.slack.web import CALL_ERRORS, failure_of, web_client

log = logging.getLogger(__name__)
_LOOK = 0.5
_STALE_TICKET = 3.0
"""Seconds without a connection after which a new address is asked for: slack_sdk would try the old one for ever."""


class SocketConnection:
    """Connects, and connects again whenever the connection is lost. Several processes may each have one: Slack shares requests out.

    slack_sdk's client notices a lost connection and reconnects; this watches over it where it would give up or go on in vain."""

    def __init__(self, app: AsyncApp, settings: SlackSettings, *, ping: float = 5.0) -> None:
        self._handler = AsyncSocketModeHandler(
            app,
            settings.app_token,
            logger=_client_log(),
            web_client=web_client(settings, token=""),
            ping_interval=ping,
        )
        self._client = self._handler.client
        self._attempt: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until it is cancelled."""
        loop = asyncio.get_running_loop()
        lost_since = loop.time()
        self._begin()
        try:
            while True:
                await asyncio.sleep(_LOOK)
                if await self.is_connected():
                    lost_since = loop.time()
                elif loop.time() - lost_since > _STALE_TICKET:
                    lost_since = loop.time()
                    self._client.wss_uri = None
                    self._begin()
        finally:
            if self._attempt is not None:
                self._attempt.cancel()
            with contextlib.suppress(Exception):  # the boundary: a broken socket can't be closed any better
                await self._handler.close_async()  # type: ignore[no-untyped-call]

    async def is_connected(self) -> bool:
        connected: bool = await self._client.is_connected()
        return connected

    def _begin(self) -> None:
        if self._attempt is None or self._attempt.done():
            self._attempt = asyncio.create_task(self._connect(), name="socket mode")

    async def _connect(self) -> None:
        try:
            # Without force it leaves a connection alone that came back in the meantime.
            await self._client.connect_to_new_endpoint()
        except CALL_ERRORS as error:
            log.warning("Socket Mode can't connect: %s", failure_of(error).error)


class _NoTraces(logging.Filter):
    """slack_sdk logs a trace every few seconds while Slack is away; the first line says it all."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        record.exc_text = None
        return True


def _client_log() -> logging.Logger:
    logger = logging.getLogger(f"{__name__}.client")
    if not logger.filters:
        logger.addFilter(_NoTraces())
    return logger
