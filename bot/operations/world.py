"""What every part of operations works with, given once by bot.app: the tables, the outside by its ports, the time, the signals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from bot.domain.artifact import BuildReport
from bot.domain.catalog import Catalog, Service, Target
from bot.domain.errors import UnknownWord
from bot.domain.rollout import nearest_first
from bot.ports import (
    Access,
    Adapters,
    Builder,
    CatalogSource,
    Clock,
    CodeSource,
    People,
    Runtime,
    Store,
    TrafficControl,
)


@dataclass(frozen=True)
class Patience:
    """How long to wait and how often to look, in seconds. Tests make them shorter; people never see them."""

    poll: float = 0.1
    poll_most: float = 0.5
    temporary: float = 60.0
    settle: float = 10.0
    sweep: float = 1.0
    replica_ttl: timedelta = timedelta(seconds=10)


@dataclass
class Signals:
    """What the sweeper and the desk tell the running workflows of this process, so that waiting costs no queries.

    `aborts`: numbers of Operations that somebody asked to abort; the tables are the truth, the sweeper fills this from them."""

    aborts: set[int] = field(default_factory=set)


def lone_fence() -> int:
    """The fence of a process that shares its database with nobody."""
    return 1


def go_on() -> None:
    """The checkpoint of a process without an engine: nothing ends a wait early."""


async def no_channel_problem(_: str) -> str | None:
    """Without chat, no channel is a problem."""
    return None


@dataclass(frozen=True)
class World:
    """`fence`: asked right before every effect; raises LeaseLost when this replica may not act any more. (The number that goes
    with the effects is not this one but their run's.) `checkpoint`: asked
    by workflows while they wait; ends the run, to be carried on later, when the engine closes."""

    store: Store
    access: Access
    catalogs: CatalogSource
    people: People
    adapters: Adapters
    clock: Clock
    fence: Callable[[], int] = lone_fence
    checkpoint: Callable[[], None] = go_on
    channel_problem: Callable[[str], Awaitable[str | None]] = no_channel_problem
    patience: Patience = Patience()
    signals: Signals = field(default_factory=Signals)
    builds: dict[int, BuildReport] = field(default_factory=dict)

    @property
    def catalog(self) -> Catalog:
        return self.catalogs.current

    def service(self, name: str) -> Service:
        """Raises UnknownWord with the nearest service."""
        found = self.catalog.services.get(name)
        if found is None:
            near = nearest_first(name, self.catalog.services)
            raise UnknownWord(
                f"There is no service “{name}”.",
                f"Did you mean {near[0]}?" if near else "The catalog has no services yet.",
                near[:3],
                word=name,
                kind="service",
            )
        return found

    def target(self, service: str, environment: str) -> Target:
        """Raises UnknownWord with the nearest environment, or with those in which the Service has a Target."""
        found = self.service(service)
        if environment not in self.catalog.environments:
            near = nearest_first(environment, self.catalog.environments)
            raise UnknownWord(
                f"There is no environment “{environment}”.",
                f"Did you mean {near[0]}?" if near else "The catalog has no environments yet.",
                near[:3],
                word=environment,
                kind="environment",
            )
        target = found.targets.get(environment)
        if target is None:
            raise UnknownWord(
                f"{service} doesn't run in {environment}.",
                f"It runs in {', '.join(found.targets)}.",
                list(found.targets)[:3],
                word=environment,
                kind="environment",
            )
        return target

    def source_of(self, service: Service) -> CodeSource:
        return self.adapters.sources[service.source.kind]

    def builder_of(self, service: Service) -> Builder:
        return self.adapters.builders[service.build.kind]

    def runtime_of(self, kind: str) -> Runtime:
        return self.adapters.runtimes[kind]

    def traffic_of(self, kind: str) -> TrafficControl:
        return self.adapters.traffic[kind]
