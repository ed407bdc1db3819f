"""Publishing a person's App Home, at once: when they open it and after they pressed something there."""

from __future__ import annotations

import asyncio
import logging

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.identity import SlackIdentity
from bot.operations.desk import Desk
from bot.slack.views.home import home
from bot.slack.web import CALL_ERRORS, failure_of

log = logging.getLogger(__name__)


class HomePage:
    def __init__(self, client: AsyncWebClient, desk: Desk) -> None:
        self._client = client
        self._desk = desk
        self._tasks: set[asyncio.Task[None]] = set()

    def publish_soon(self, identity: SlackIdentity) -> None:
        """In a task of its own: Slack's event is acknowledged meanwhile. Lost by a crash, it comes with the next look."""
        task = asyncio.create_task(self._publish_guarded(identity), name=f"home {identity.user}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def publish(self, identity: SlackIdentity) -> None:
        """Slack's refusals are only logged: whoever looks again gets a new one."""
        view = home(await self._desk.home(identity))
        try:
            await self._client.views_publish(user_id=identity.user, view=view)
        except CALL_ERRORS as error:
            log.info("App Home of %s can't be shown: %s", identity.user, failure_of(error).error)

    async def _publish_guarded(self, identity: SlackIdentity) -> None:
        try:
            await self.publish(identity)
        except Exception:  # the listener's boundary
            log.exception("App Home of %s can't be made", identity.user)
