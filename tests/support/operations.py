"""Operations under test: the real store, the real Cedar policies, the real engine; the platform in memory and a clock to turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from bot.access import CedarAccess
from bot.domain.catalog import (
    ApprovalRule,
    BatchSize,
    BuildRecipe,
    Catalog,
    Configuration,
    Environment,
    Health,
    OnFailure,
    Person,
    Service,
    Source,
    Strategy,
    Target,
)
from bot.domain.errors import StorageError
from bot.domain.identity import Actor, Profile, SlackIdentity
from bot.domain.operation import Kind, Operation, Origin, State, Wish
from bot.operations.engine import Engine, EngineSettings, checkpoint
from bot.operations.ledger import Ledger
from bot.operations.service import DeskService
from bot.operations.sweeper import Sweeper, Workflows
from bot.operations.world import Patience, World
from bot.storage import SqlStore
from tests.support.platform import MemoryPlatform
from tests.support.store import fresh_store

DANA = Actor("dana", "Dana", frozenset({"developer"}), "U0DANA")
LEE = Actor("lee", "Lee", frozenset({"lead"}), "U0LEE")
MAX = Actor("max", "Max", frozenset({"lead"}), "U0MAX")
TESS = Actor("tess", "Tess", frozenset({"tester"}), "U0TESS")
GUS = Actor("gus", "Gus", frozenset({"viewer"}), "U0GUS")
QUICK = Patience(poll=0.01, poll_most=0.02, temporary=0.5, settle=0.5, sweep=0.05)


def a_catalog(
    *,
    instances: int = 2,
    batch: int = 1,
    on_failure: OnFailure = OnFailure.ROLLBACK,
    bake: float = 0.0,
    pause: float = 0.0,
    approvals: int = 1,
    configuration: dict[str, str] | None = None,
) -> Catalog:
    strategy = Strategy(
        batch=BatchSize(count=batch),
        pause=timedelta(seconds=pause),
        drain_within=timedelta(seconds=0.4),
        stop_within=timedelta(seconds=0.4),
        bake=timedelta(seconds=bake),
        on_failure=on_failure,
        health=Health(start_within=timedelta(seconds=0.4)),
    )
    kept = Configuration(configuration or {"GREETING": "hello"})
    targets = {
        name: Target("shop", name, "local", instances, {}, strategy, kept) for name in ("test", "prod")
    }
    people = {
        actor.name: Person(actor.name, actor.slack_user or "", actor.roles)
        for actor in (DANA, LEE, MAX, TESS, GUS)
    }
    return Catalog(
        environments={
            "test": Environment("test", "#test-env", "#test-env", tell=frozenset({"tester"})),
            "prod": Environment("prod", "#deploys", "#releases", ApprovalRule(count=approvals)),
        },
        services={
            "shop": Service("shop", Source("git", "shop.git"), BuildRecipe("local"), targets, "The shop")
        },
        people=people,
        digest="first",
    )


@dataclass
class TurnableClock:
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class ChangeableCatalog:
    current: Catalog


class KnownPeople:
    """Slack's answers about people, as a table."""

    def __init__(self) -> None:
        self.profiles: dict[str, Profile] = {}

    async def profile(self, identity: SlackIdentity) -> Profile:
        return self.profiles.get(identity.user, Profile(identity, identity.user))


@dataclass
class Office:
    """What a test holds: `desk` to ask, `platform` to look at, and ways to wait."""

    store: SqlStore
    world: World
    desk: DeskService
    sweeper: Sweeper
    engine: Engine
    platform: MemoryPlatform
    catalogs: ChangeableCatalog
    clock: TurnableClock
    people: KnownPeople
    _ids: count[int] = field(default_factory=count)

    def origin(self, how: str = "slash") -> Origin:
        return Origin(how, f"request-{next(self._ids)}-{id(self)}", "C1")

    async def ask(
        self, kind: Kind, environment: str = "test", actor: Actor = DANA, **wish: object
    ) -> Operation:
        words = Wish(**wish)  # type: ignore[arg-type]
        return await self.desk.request(kind, "shop", environment, words, actor, self.origin())

    async def deploy(self, environment: str = "test", actor: Actor = DANA, **wish: object) -> Operation:
        """Asks for a deploy and waits until it is settled."""
        return await self.settled(await self.ask(Kind.DEPLOY, environment, actor, **wish))

    async def get(self, number: int) -> Operation:
        async with self.store.view() as view:
            found = await view.operation(number)
        assert found is not None
        return found

    async def wait(self, number: int, until: Callable[[Operation], bool], within: float = 8.0) -> Operation:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        while True:
            operation = await self.get(number)
            if until(operation):
                return operation
            if loop.time() > deadline:
                raise AssertionError(
                    f"#{number} stayed {operation.state} ({operation.outcome}); {self.platform.calls}"
                )
            await asyncio.sleep(0.01)

    async def state(self, operation: Operation, state: State) -> Operation:
        return await self.wait(operation.number, lambda op: op.state is state)

    async def settled(self, operation: Operation) -> Operation:
        return await self.wait(operation.number, lambda op: op.is_final)


@asynccontextmanager
async def an_office(
    tmp_path: Path,
    catalog: Catalog | None = None,
    *,
    platform: MemoryPlatform | None = None,
    patience: Patience = QUICK,
) -> AsyncIterator[Office]:
    """Opens everything on the folder's databases, as a (re)started bot does, and closes it at the end."""
    store = await fresh_store(tmp_path)
    platform = platform or MemoryPlatform()
    catalogs = ChangeableCatalog(catalog or a_catalog())
    clock = TurnableClock()
    people = KnownPeople()
    fence = await store.replicas.begin("shipbell")
    world = World(
        store=store,
        access=CedarAccess(),
        catalogs=catalogs,
        people=people,
        adapters=platform.adapters,
        clock=clock,
        fence=lambda: fence,
        checkpoint=checkpoint,
        patience=replace(patience, replica_ttl=timedelta(hours=1)),
    )
    ledger = Ledger(world)
    workflows = Workflows(world, ledger)
    engine = Engine(
        EngineSettings(f"sqlite:///{tmp_path / 'engine.sqlite'}", "shipbell", drain=0.5),
        workflows.by_name,
        interruptions=(StorageError,),
    )
    await engine.launch()
    sweeper = Sweeper(world, ledger, engine, "shipbell")
    desk = DeskService(world, ledger, sweeper.poke)
    running = asyncio.create_task(sweeper.run())
    try:
        yield Office(store, world, desk, sweeper, engine, platform, catalogs, clock, people)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await engine.close()
        await store.close()
