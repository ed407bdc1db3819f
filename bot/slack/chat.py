"""The chat side put together, for bot.app: what operations need of Slack first, then what listens, works and sends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from slack_bolt.async_app import AsyncApp

from bot.operations.desk import Desk
from bot.ports import CatalogSource, Clock, Store
from bot.slack.answers import Answers
from bot.slack.app import Listeners, asgi, build_app
from bot.slack.channels import Channels
from bot.slack.doctor import SlackDoctor
from bot.slack.home_page import HomePage
from bot.slack.people import SlackPeople
from bot.slack.sender import Sender
from bot.slack.settings import SlackSettings
from bot.slack.socket import SocketConnection
from bot.slack.web import web_client
from bot.slack.work import Worker
from commands.dispatch import Dispatcher

log = logging.getLogger(__name__)
_SWEEP = 30.0
_ABANDONED = timedelta(seconds=60)
"""A request that is unfinished for so long is nobody's any more, whichever replica accepted it."""


class Slack:
    """What the inside needs of Slack before there is a desk: `people` for identities, `channels.problem` for Plans, `doctor`."""

    def __init__(self, settings: SlackSettings, catalogs: CatalogSource) -> None:
        self.settings = settings
        self.client = web_client(settings)
        self.people = SlackPeople(self.client, lambda: [group.slack for group in catalogs.current.groups])
        self.channels = Channels(self.client)
        self.doctor = SlackDoctor(settings, self.client, self.channels, lambda: catalogs.current)
        self._catalogs = catalogs

    def chat(self, desk: Desk, dispatcher: Dispatcher, store: Store, clock: Clock, replica: str) -> Chat:
        """The rest, once there is a desk."""
        return Chat(self, self._catalogs, desk, dispatcher, store, clock, replica)


class Chat:
    """`run` keeps the sender, Socket Mode (or, over HTTP, only what `http` is handed) and the sweep of requests going."""

    def __init__(
        self,
        slack: Slack,
        catalogs: CatalogSource,
        desk: Desk,
        dispatcher: Dispatcher,
        store: Store,
        clock: Clock,
        replica: str,
    ) -> None:
        client = slack.client
        self.settings = slack.settings
        self.sender = Sender(client, store, desk, lambda: catalogs.current, slack.channels, clock, replica)
        self.home = HomePage(client, desk)
        self._answers = Answers(client, slack.settings.timeout)
        self.worker = Worker(
            desk,
            dispatcher,
            store,
            self._answers,
            self.home,
            clock,
            self.sender.wake,
        )
        listeners = Listeners(self.worker, self.home, slack.people, lambda: catalogs.current)
        self.app: AsyncApp = build_app(slack.settings, client, listeners)
        self._socket: SocketConnection | None = None
        self._runs = False

    @property
    def http(self) -> Callable[..., Awaitable[None]]:
        """The ASGI app for `POST /slack/events`."""
        return asgi(self.app)

    async def is_connected(self) -> bool:
        """Whether Slack's requests arrive, as far as this side can know: over HTTP from the moment it runs."""
        return self._runs and (self._socket is None or await self._socket.is_connected())

    async def run(self, *, socket: bool = True) -> None:
        """Until it is cancelled; then lets what is under way end. `socket`: False where Slack comes over HTTP."""
        await self.worker.replay_unfinished()
        tasks = [
            asyncio.create_task(self.sender.run(), name="sender"),
            asyncio.create_task(self._sweep(), name="sweep"),
            asyncio.create_task(self.home.run(), name="homes"),
        ]
        if socket:
            self._socket = SocketConnection(self.app, self.settings)
            tasks.append(asyncio.create_task(self._socket.run(), name="socket"))
        self._runs = True
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            self._runs = False
            for task in reversed(tasks):  # first nothing new comes in, at last nothing goes out
                if task.get_name() != "sender":
                    await _ended(task)
            await self.worker.close()
            await _ended(tasks[0])
            await self._answers.close()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            try:
                await self.worker.replay_unfinished(_ABANDONED)
            except Exception:  # the worker loop's boundary
                log.exception("unfinished requests can't be looked for")


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(
        asyncio.CancelledError, Exception
    ):  # it was told to end; its error was logged or raised before
        await task
