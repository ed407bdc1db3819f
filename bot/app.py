"""The composition root: the only place that knows every part. It makes them, starts them in order, and ends them in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from starlette.routing import Mount

from adapters.git.adapter import GitSource
from adapters.local.adapter import LocalBuilder, LocalRuntime, LocalTraffic
from adapters.local.client import shut_down_agent
from bot.access import CedarAccess
from bot.catalog import CatalogError, WatchedCatalog
from bot.domain.catalog import Catalog
from bot.domain.errors import LeaseLost, StorageError
from bot.domain.messages import MessageKind, OutboxMessage, Tone
from bot.domain.operation import AuditEntry
from bot.operations.engine import Engine, EngineSettings, checkpoint
from bot.operations.heartbeat import Heartbeat
from bot.operations.lease import LeaseKeeper
from bot.operations.ledger import Ledger
from bot.operations.service import DeskService
from bot.operations.sweeper import Sweeper, Workflows
from bot.operations.world import World
from bot.ports import Adapters, Checkable, Connection
from bot.settings import Settings
from bot.slack.chat import Chat, Slack
from bot.slack.manifest import command_names
from bot.slack.settings import SlackSettings
from bot.storage import SqlStore, migrate, open_store
from bot.web.health import health_app
from commands.dispatch import Dispatcher

log = logging.getLogger(__name__)

LEASE = 6.0
"""Seconds for which one heartbeat lets this replica act; others call it dead after 10 s of silence."""
KEEP = timedelta(days=90)
"""Finished requests and delivered messages of ended Operations are kept so long; Operations and audit for good."""
_UPKEEP_EVERY = 6 * 3600.0

EXIT_LEASE_LOST = 75
"""Exit status when the lease is lost: a supervisor should start the process again."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True)
class Parts:
    """What is made before anything runs."""

    settings: Settings
    store: SqlStore
    access: CedarAccess
    catalogs: WatchedCatalog
    adapters: Adapters
    slack: Slack
    clock: SystemClock


def make_adapters(settings: Settings) -> Adapters:
    """The implementations by kind. Nothing is started: the local agent starts when it is first asked."""
    local = settings.data / "local"
    return Adapters(
        sources={"git": GitSource(local / "git")},
        builders={"local": LocalBuilder(local)},
        runtimes={"local": LocalRuntime(local)},
        traffic={"local": LocalTraffic(local)},
    )


def slack_settings(settings: Settings) -> SlackSettings:
    """Raises UsageError for slash commands that stand for no verb."""
    return SlackSettings(
        settings.bot_token,
        settings.app_token,
        settings.signing_secret,
        settings.api_url,
        commands=command_names(settings.commands),
    )


@asynccontextmanager
async def parts(settings: Settings) -> AsyncIterator[Parts]:
    """Migrates and opens the database, reads policies and catalog. Raises StorageError, PolicyError, CatalogError."""
    access = CedarAccess(settings.policies)
    clock = SystemClock()
    settings.data.mkdir(parents=True, exist_ok=True)
    await migrate(settings.database_url)
    store = await open_store(settings.database_url)
    try:
        catalogs = WatchedCatalog(
            settings.catalog,
            on_change=lambda old, new: _catalog_changed(store, clock, old, new),
            on_problem=lambda error: _catalog_refused(store, clock, catalogs.current, error),
            also=access.problems,
        )
        slack = Slack(slack_settings(settings), catalogs)
        yield Parts(settings, store, access, catalogs, make_adapters(settings), slack, clock)
    finally:
        await store.close()


async def serve(settings: Settings) -> int:
    """Runs the bot until it is told to end (SIGTERM, SIGINT: status 0) or may not act any more (status 75)."""
    began = time.monotonic()
    async with parts(settings) as made:
        heart = Heartbeat(lambda: made.store.replicas.beat(settings.replica), is_alone=settings.is_sqlite)
        lease = LeaseKeeper(heart, LEASE)
        world = World(
            store=made.store,
            access=made.access,
            catalogs=made.catalogs,
            people=made.slack.people,
            adapters=made.adapters,
            clock=made.clock,
            fence=lease.check,
            checkpoint=checkpoint,
            channel_problem=made.slack.channels.problem,
        )
        ledger = Ledger(world)
        engine = Engine(
            EngineSettings(settings.engine_url, settings.replica),
            Workflows(world, ledger).by_name,
            guard=lease.check,
            interruptions=(StorageError,),
        )
        sweeper = Sweeper(world, ledger, engine, settings.replica)
        desk = DeskService(world, ledger, sweeper.poke)
        chat = made.slack.chat(desk, Dispatcher(desk), made.store, made.clock, settings.replica)
        # Before a new life of this replica begins: it would end the one that another process has on the same SQLite file.
        engine.claim()
        await made.store.replicas.begin(settings.replica)
        await lease.begin()
        # Kept from here on: opening the engine may wait for another replica's migration for longer than a lease lasts.
        keeping = asyncio.create_task(lease.keep(), name="lease")
        await engine.launch()
        try:
            return await _run(made, keeping, heart, engine, sweeper, chat, began)
        finally:
            await engine.close()
            keeping.cancel()
            with contextlib.suppress(StorageError):
                await made.store.replicas.retire(settings.replica)


async def _run(
    made: Parts,
    keeping: asyncio.Task[LeaseLost],
    heart: Heartbeat,
    engine: Engine,
    sweeper: Sweeper,
    chat: Chat,
    began: float,
) -> int:
    """All that goes on side by side. Whatever ends first ends everything."""
    settings = made.settings
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    loop.add_signal_handler(signal.SIGHUP, made.catalogs.ask_reload)
    is_socket = settings.mode == "socket"
    connected = asyncio.Event()
    web = _web(settings, lambda: _problems(heart, engine, connected), chat)
    tasks: set[asyncio.Task[Any]] = {
        keeping,
        asyncio.create_task(told.wait(), name="told to end"),
        asyncio.create_task(sweeper.run(), name="sweeper"),
        asyncio.create_task(chat.run(socket=is_socket), name="chat"),
        asyncio.create_task(made.catalogs.watch(), name="catalog"),
        asyncio.create_task(web.serve(), name="web"),
        asyncio.create_task(_watch_connection(chat, connected, began), name="connection"),
        asyncio.create_task(_upkeep(made.store), name="upkeep"),
    }
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return _status(done)
    finally:
        web.should_exit = True
        for task in tasks:
            if task is not keeping and task.get_name() != "web":
                task.cancel()
        await asyncio.wait(tasks - {keeping}, timeout=10)


def _status(done: set[asyncio.Task[Any]]) -> int:
    """The exit status of what ended first. Raises what a task raised, except for a lost lease."""
    for task in done:
        error = task.exception() or (task.result() if task.get_name() == "lease" else None)
        if isinstance(error, LeaseLost):
            log.error("%s", error)
            return EXIT_LEASE_LOST
        if error is not None:
            raise error
        log.info("ending: %s", task.get_name())
    return 0


async def _watch_connection(chat: Chat, connected: asyncio.Event, began: float) -> None:
    """Says once that the bot is ready, and keeps `/readyz` true."""
    said = False
    while True:
        if await chat.is_connected():
            connected.set()
            if not said:
                said = True
                log.info("ready after %.2f s", time.monotonic() - began)
        else:
            connected.clear()
        await asyncio.sleep(0.1 if not said else 1.0)


async def _upkeep(store: SqlStore) -> None:
    while True:
        try:
            await store.upkeep.prune(KEEP)
        except StorageError as error:
            log.warning("old rows are not removed: %s", error)
        await asyncio.sleep(_UPKEEP_EVERY)


def _problems(heart: Heartbeat, engine: Engine, connected: asyncio.Event) -> Sequence[str]:
    found = [] if connected.is_set() else ["Slack's requests don't arrive: the connection is being made."]
    return [*found, *(trouble for trouble in (heart.trouble, engine.trouble) if trouble)]


def _web(settings: Settings, problems: object, chat: Chat) -> uvicorn.Server:
    routes = [] if settings.mode == "socket" else [Mount("/", app=chat.http)]
    app = health_app(problems, routes)  # type: ignore[arg-type]
    config = uvicorn.Config(
        app, host=settings.host, port=settings.port, log_config=None, access_log=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    # The signals are ours: everything ends in order, the web server among it.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    return server


# --- the catalog, told


async def _catalog_changed(store: SqlStore, clock: SystemClock, old: Catalog, new: Catalog) -> None:
    entry = AuditEntry(
        clock.now(), "shipbell", "catalog", None, "a new catalog is in force", {"digest": new.digest}
    )
    async with store.transaction() as tx:
        await tx.add_audit(entry)
    log.info("a new catalog is in force (%s, before %s)", new.digest[:12], old.digest[:12])


async def _catalog_refused(
    store: SqlStore, clock: SystemClock, current: Catalog, error: CatalogError
) -> None:
    """The old one stays in force, and the admins are told why."""
    log.error("the new catalog is refused, the old one stays in force:\n%s", error)
    now = clock.now()
    lines = str(error).splitlines()
    async with store.transaction() as tx:
        await tx.add_audit(
            AuditEntry(
                now, "shipbell", "catalog", None, "a new catalog was refused", {"problems": lines[:20]}
            )
        )
        if current.admins_channel:
            await tx.put_message(
                OutboxMessage(
                    key=f"catalog:{now.isoformat()}",
                    kind=MessageKind.NOTICE,
                    channel=current.admins_channel,
                    payload={
                        "text": "The new catalog can't be used; the old one stays in force.",
                        "tone": Tone.BAD.value,
                        "log": lines[:20],
                    },
                    created_at=now,
                )
            )


async def backup(settings: Settings, path: Path) -> None:
    """A copy of the SQLite database, also while the bot runs. Raises StorageError: on PostgreSQL pg_dump does this."""
    store = await open_store(settings.database_url)
    try:
        await store.upkeep.backup(path)
    finally:
        await store.close()


# --- doctor


async def doctor(settings: Settings) -> list[Connection]:
    """Every connection, one line each."""
    found: list[Connection] = []
    try:
        async with parts(settings) as made:
            found.append(
                Connection("database", True, f"{made.store!r}".removeprefix("SqlStore(").rstrip(")"))
            )
            catalog = made.catalogs.current
            detail = f"{len(catalog.services)} services in {len(catalog.environments)} environments"
            found.append(Connection("catalog", True, detail))
            found += await made.slack.doctor.check()
            used = {
                target.kind for service in catalog.services.values() for target in service.targets.values()
            }
            used |= {service.build.kind for service in catalog.services.values()}
            for part in _checkable(made.adapters, used):
                found += await part.check()
    except CatalogError as error:
        found.append(Connection("catalog", False, str(error), "`shipbell check` shows each problem."))
    except StorageError as error:
        found.append(Connection("database", False, error.what, error.todo))
    return found


def _checkable(adapters: Adapters, used: set[str]) -> list[Checkable]:
    ports = (adapters.builders, adapters.runtimes, adapters.traffic)
    return [
        part for port in ports for kind, part in port.items() if kind in used and isinstance(part, Checkable)
    ]


async def end_local_platform(data: Path) -> None:
    """Ends the local agent of a data folder with all that it parents: the demo's last act. Fine when there is none."""
    await shut_down_agent(data / "local")
