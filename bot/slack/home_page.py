"""Publishing a person's App Home: when they open it, after they pressed something there, and for a while as things change."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.identity import SlackIdentity
from bot.operations.desk import Desk
from bot.slack.views.home import home
from bot.slack.views.limits import Block
from bot.slack.web import CALL_ERRORS, failure_of

log = logging.getLogger(__name__)
_FOLLOWED = 180.0
"""Seconds after the last look for which a Home is kept true. Slack doesn't tell when somebody leaves it."""
_AT_MOST = 20
"""So many people are followed at once, the latest."""


@dataclass
class _Open:
    identity: SlackIdentity
    until: float
    shown: Block | None = None


class HomePage:
    def __init__(
        self,
        client: AsyncWebClient,
        desk: Desk,
        *,
        every: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._desk = desk
        self._every = every
        self._now = monotonic
        self._open: dict[str, _Open] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def publish_soon(self, identity: SlackIdentity) -> None:
        """In a task of its own: Slack's event is acknowledged meanwhile. Lost by a crash, it comes with the next look."""
        task = asyncio.create_task(self._publish_guarded(identity, False), name=f"home {identity.user}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def publish(self, identity: SlackIdentity, *, if_changed: bool = False) -> None:
        """Slack's refusals are only logged: whoever looks again gets a new one."""
        report = await self._desk.home(identity)
        followed = self._open.get(identity.user)
        # The time at its end always changes, and is no reason to publish it again.
        content = home(replace(report, now=None))
        if if_changed and followed is not None and followed.shown == content:
            return
        try:
            await self._client.views_publish(user_id=identity.user, view=home(report))
        except CALL_ERRORS as error:
            log.info("App Home of %s can't be shown: %s", identity.user, failure_of(error).error)
            return
        if report.actor is None:
            self._open.pop(identity.user, None)
        elif if_changed and followed is not None:
            followed.shown = content
        else:
            self._follow(identity, content)

    async def run(self) -> None:
        """Keeps the Homes true that were opened lately, until it is cancelled."""
        while True:
            await asyncio.sleep(self._every)
            for user, followed in list(self._open.items()):
                if self._now() > followed.until:
                    self._open.pop(user, None)
                else:
                    await self._publish_guarded(followed.identity, True)

    def _follow(self, identity: SlackIdentity, content: Block) -> None:
        self._open.pop(identity.user, None)
        self._open[identity.user] = _Open(identity, self._now() + _FOLLOWED, content)
        while len(self._open) > _AT_MOST:
            self._open.pop(next(iter(self._open)))

    async def _publish_guarded(self, identity: SlackIdentity, if_changed: bool) -> None:
        try:
            await self.publish(identity, if_changed=if_changed)
        except Exception:  # the listener's and the loop's boundary
            log.exception("App Home of %s can't be made", identity.user)
