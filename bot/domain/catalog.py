"""The catalog as values: environments in their order, services, targets, strategies, people. Reading YAML is `bot.catalog`'s."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from bot.domain.identity import ROLES

Options = Mapping[str, Any]
"""An adapter kind's own settings: JSON values, checked by the catalog's models of that kind."""


def _frozen(values: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    return MappingProxyType(dict(values or {}))


class OnFailure(enum.StrEnum):
    ROLLBACK = "rollback"
    ASK = "ask"
    STOP = "stop"


class HealthKind(enum.StrEnum):
    HTTP = "http"
    TCP = "tcp"
    COMMAND = "command"
    NONE = "none"


@dataclass(frozen=True)
class Health:
    """How an Instance shows that it works. `path` for http; `command` for command; durations are seconds as timedelta."""

    kind: HealthKind = HealthKind.HTTP
    path: str = "/healthz"
    command: str | None = None
    timeout: timedelta = timedelta(seconds=2)
    start_within: timedelta = timedelta(seconds=60)


@dataclass(frozen=True)
class BatchSize:
    """A number of Instances, or a share of them in percent (rounded up, at least 1)."""

    count: int | None = None
    percent: int | None = None

    def of(self, instances: int) -> int:
        if self.count is not None:
            return max(1, min(self.count, max(instances, 1)))
        assert self.percent is not None
        return max(1, -(-instances * self.percent // 100))

    def __str__(self) -> str:
        return f"{self.percent}%" if self.percent is not None else str(self.count)


@dataclass(frozen=True)
class Strategy:
    """How a rollout moves: batch size, pause between batches, drain limit, stop grace, bake time, and what on failure."""

    batch: BatchSize = field(default_factory=lambda: BatchSize(count=1))
    pause: timedelta = timedelta(0)
    drain_within: timedelta = timedelta(seconds=30)
    stop_within: timedelta = timedelta(seconds=10)
    bake: timedelta = timedelta(seconds=10)
    on_failure: OnFailure = OnFailure.ROLLBACK
    health: Health = field(default_factory=Health)


@dataclass(frozen=True)
class Source:
    """Where a Service's code is. kind `git`: `url` (any git URL or a path) and its default branch."""

    kind: str
    url: str
    branch: str = "main"
    options: Options = field(default_factory=_frozen)


@dataclass(frozen=True)
class BuildRecipe:
    """How an Artifact is made. kind `local`: options `command` (shell), `output` (folder to keep), `timeout` seconds."""

    kind: str
    options: Options = field(default_factory=_frozen)


@dataclass(frozen=True)
class Configuration:
    """What a Target's Instances are told by environment variables. `version` is a content hash of 12 hex digits."""

    values: Mapping[str, str] = field(default_factory=_frozen)

    @property
    def version(self) -> str:
        return hashlib.sha256(json.dumps(dict(self.values), sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Target:
    """Where one Service runs in one Environment. kind `local`: options `command`, `port` (front), see docs/catalog.md."""

    service: str
    environment: str
    kind: str
    instances: int = 1
    options: Options = field(default_factory=_frozen)
    strategy: Strategy = field(default_factory=Strategy)
    configuration: Configuration = field(default_factory=Configuration)

    @property
    def key(self) -> str:
        return f"{self.service}@{self.environment}"

    def instance_name(self, index: int) -> str:
        """The name of the index-th Instance, from 1: `shop-1`."""
        return f"{self.service}-{index}"


@dataclass(frozen=True)
class ApprovalRule:
    """How many different people, holding which roles, must say yes, to which kinds of Operation, and how long the question
    stands. Going back to what ran before needs nobody's yes unless `kinds` says so."""

    count: int = 1
    roles: frozenset[str] = frozenset({"lead"})
    expires: timedelta = timedelta(hours=8)
    kinds: frozenset[str] = frozenset({"deploy", "promote", "configure"})


@dataclass(frozen=True)
class Environment:
    """`channel` shows cards; `approvals_channel` shows prompts (default: the same); `permissions`: action -> roles,
    handed to Cedar as attributes; `tell`: roles to be told when a release arrived (the testers)."""

    name: str
    channel: str
    approvals_channel: str
    approval: ApprovalRule | None = None
    permissions: Mapping[str, frozenset[str]] = field(default_factory=_frozen)
    tell: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Service:
    name: str
    source: Source
    build: BuildRecipe
    targets: Mapping[str, Target]
    description: str = ""
    url: Mapping[str, str] = field(default_factory=_frozen)


@dataclass(frozen=True)
class Person:
    """Someone in the catalog: `slack` is their user id (`U…`) in `team`, or None where only groups give roles."""

    name: str
    slack: str
    roles: frozenset[str]
    team: str | None = None


@dataclass(frozen=True)
class Group:
    """A Slack user group (`S…`) whose members have these roles."""

    slack: str
    roles: frozenset[str]


@dataclass(frozen=True)
class Catalog:
    """All of shipbell.yaml. `digest` is the file's content hash; environments keep the promotion ladder's order;
    `roles` are all roles that it knows: the shipped ones, then its own."""

    environments: Mapping[str, Environment]
    services: Mapping[str, Service]
    people: Mapping[str, Person]
    groups: tuple[Group, ...] = ()
    team: str | None = None
    admins_channel: str | None = None
    fallback_channel: str | None = None
    digest: str = ""
    roles: tuple[str, ...] = ROLES

    def target(self, service: str, environment: str) -> Target | None:
        found = self.services.get(service)
        return found.targets.get(environment) if found else None

    def people_with(self, roles: frozenset[str]) -> tuple[Person, ...]:
        """The people listed in the catalog who hold any of `roles`, in the catalog's order."""
        return tuple(p for p in self.people.values() if p.roles & roles)
