"""The chat side running against a real workspace, with a desk in memory behind it and a real store for requests and the outbox."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.errors import Refused
from bot.domain.gates import Answer, Decision, Gate
from bot.domain.identity import Actor, SlackIdentity
from bot.domain.messages import MessageKind, OutboxMessage
from bot.domain.operation import Operation, Origin, Snapshot, State
from bot.domain.reports import HomeReport
from bot.ports import Store
from bot.slack.chat import Chat, Slack
from bot.slack.settings import SlackSettings
from bot.storage import SqlStore
from commands.dispatch import Dispatcher
from tests.support.desk import MemoryDesk
from tests.support.store import fresh_store
from tests.support.workspace import RunningWorkspace

NAMES = {"U0DANA0001": "dana", "U0LEE00001": "lee", "U0TESS0001": "tess", "U0MAX00001": "max"}


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Catalogs:
    current: Catalog


@dataclass
class ChatDesk(MemoryDesk):
    """A desk in memory that stores requests, knows people by Slack, and has cards drawn."""

    store: Store | None = None
    slack: Slack | None = None
    channel: str = "#deploys"
    delay: float = 0.0
    """Seconds that a request takes."""
    more: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What a snapshot holds besides the Operation, by number."""

    async def identify(self, identity: SlackIdentity, origin: Origin) -> Actor:
        assert self.slack is not None
        profile = await self.slack.people.profile(identity)
        name = NAMES.get(identity.user)
        if profile.is_guest or profile.is_deleted or profile.is_stranger or profile.is_bot or name is None:
            no = Decision(Gate.IDENTITY, Answer.NO, "Guests may not use Shipbell.")
            raise Refused(no, "Shipbell doesn't know you.", "Ask an admin to add you to the catalog.")
        return Actor(name, profile.display_name, frozenset({"developer"}), identity.user)

    async def accept(self, request_id: str, kind: str, payload: Mapping[str, object]) -> bool:
        assert self.store is not None
        async with self.store.transaction() as tx:
            return await tx.accept_request(request_id, kind, payload, datetime.now(UTC))

    async def finish(self, request_id: str) -> None:
        assert self.store is not None
        async with self.store.transaction() as tx:
            await tx.finish_request(request_id)

    async def unfinished(self) -> Sequence[tuple[str, str, Mapping[str, object], datetime]]:
        assert self.store is not None
        async with self.store.transaction() as tx:
            return await tx.unfinished_requests()

    async def request(self, *asked: Any) -> Operation:
        await asyncio.sleep(self.delay)
        operation = await super().request(*asked)
        await self.show(operation.number)
        return operation

    async def snapshot(self, number: int) -> Snapshot:
        return Snapshot(self._found(number), now=self.now, channel=self.channel, **self.more.get(number, {}))

    async def home(self, identity: SlackIdentity) -> HomeReport:
        return HomeReport(
            await self.identify(identity, Origin("home", "r")),
            waiting=tuple(
                [
                    await self.snapshot(n)
                    for n, o in self.operations.items()
                    if o.state is State.AWAITING_APPROVAL
                ]
            ),
            running=tuple(
                [await self.snapshot(n) for n, o in self.operations.items() if o.state is State.ROLLING_OUT]
            ),
            now=self.now,
        )

    async def show(
        self,
        number: int | None,
        kind: MessageKind = MessageKind.CARD,
        channel: str | None = None,
        key: str | None = None,
        **payload: object,
    ) -> str:
        """Enqueues a message; returns its key."""
        assert self.store is not None
        message = OutboxMessage(
            key or f"{kind}:{number}",
            kind,
            channel or self.channel,
            number,
            payload,
            is_final=number is not None and kind is MessageKind.CARD and self._found(number).is_final,
            created_at=datetime.now(UTC),
        )
        async with self.store.transaction() as tx:
            await tx.put_message(message)
        return message.key

    async def sent(self, key: str) -> OutboxMessage:
        assert self.store is not None
        async with self.store.view() as view:
            found = await view.message(key)
        assert found is not None
        return found


@dataclass
class RunningChat:
    ws: RunningWorkspace
    desk: ChatDesk
    store: SqlStore
    slack: Slack
    chat: Chat
    task: asyncio.Task[None]


def settings_of(ws: RunningWorkspace, **changes: Any) -> SlackSettings:
    env = ws.env()
    given = {
        "bot_token": env["SLACK_BOT_TOKEN"],
        "app_token": env["SLACK_APP_TOKEN"],
        "signing_secret": env["SLACK_SIGNING_SECRET"],
        "api_url": env["SLACK_API_URL"],
    }
    return SlackSettings(**{**given, **changes})


@contextlib.asynccontextmanager
async def running_chat(
    ws: RunningWorkspace,
    tmp_path: Path,
    *,
    catalog: Catalog | None = None,
    socket: bool = True,
    replica: str = "r1",
) -> AsyncIterator[RunningChat]:
    """The chat side on the store in `tmp_path`, connected. Left, it is stopped as at a shutdown."""
    store = await fresh_store(tmp_path)
    desk = ChatDesk(store=store)
    if catalog is not None:
        desk.catalog = catalog
    slack = Slack(settings_of(ws), Catalogs(desk.catalog))
    desk.slack = slack
    chat = slack.chat(desk, Dispatcher(desk, clock=lambda: desk.now), store, RealClock(), replica)
    task = asyncio.create_task(chat.run(socket=socket))
    try:
        if socket:
            connected = asyncio.create_task(ws.connected())
            await asyncio.wait([connected, task], return_when=asyncio.FIRST_COMPLETED)
            connected.cancel()
            if task.done():
                task.result()
        yield RunningChat(ws, desk, store, slack, chat, task)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await store.close()
