"""The ports: what the inside asks of the outside, in domain words. Each has one contract suite in tests/contracts.

Effects carry an `Effect`: a key that the other side keeps and a fencing number. Every verb is idempotent for its key: said twice,
it happens once. Verbs are short: they begin an effect and return; waiting (drained, healthy, built) is the interpreter's, which
polls the reading verbs so that an abort is heard at any moment. All raise `TemporaryError` or `PermanentError`, nothing else.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from bot.domain.artifact import Artifact, BuildReport, CommitRange, Revision
from bot.domain.catalog import Catalog, Configuration, Service, Source, Target
from bot.domain.gates import Decision, WhoMay
from bot.domain.identity import Actor, Profile, SlackIdentity
from bot.domain.instances import Instance, Traffic
from bot.domain.messages import OutboxMessage
from bot.domain.operation import Approval, AuditEntry, Kind, Operation, Release, State, StepRecord


@dataclass(frozen=True)
class Effect:
    """`key`: unique per attempt of a Step (`op-12/7/1`), kept by the other side. `fence`: grows with every takeover; the other
    side refuses a key's effect that comes with a smaller fence than it has seen for the Target (PermanentError)."""

    key: str
    fence: int
    operation: int


class EffectState(enum.StrEnum):
    """What became of an Effect, as the other side knows it."""

    DONE = "done"
    NOT_DONE = "not_done"
    UNDER_WAY = "under_way"
    UNKNOWN = "unknown"


class CodeSource(Protocol):
    """Where code is. Local: a git repository by URL or path."""

    async def resolve(self, source: Source, ref: str | None) -> Revision:
        """The Revision that `ref` (branch, tag, commit, or None for the default branch) names now. Raises RefNotFound with
        the nearest refs."""

    async def between(self, source: Source, old: str, new: str, limit: int = 20) -> CommitRange:
        """Commits in `new` that are not in `old` (full shas), newest first, at most `limit`."""

    async def refs(self, source: Source, limit: int = 200) -> Sequence[str]:
        """Branches and tags, most recently changed first, for completion."""


class Builder(Protocol):
    """Makes Artifacts. A Build is found again by its key, also after the bot was killed; the same key never builds twice."""

    async def start(self, key: str, service: Service, revision: Revision) -> BuildReport:
        """Begins the Build, or finds the one that the key began."""

    async def report(self, key: str) -> BuildReport:
        """Where the Build is; state UNKNOWN when the key never began one."""

    async def log(self, key: str, lines: int = 50) -> Sequence[str]: ...

    async def cancel(self, key: str) -> None:
        """Ends it if it runs; nothing happens if it has ended or never began."""


class Runtime(Protocol):
    """Runs Instances. `stop` and `start` begin; `inspect` tells when they are through."""

    async def inspect(self, target: Target) -> Mapping[str, Instance]:
        """The Instances that exist for the Target, by name, in the order of their numbers, with health asked now."""

    async def stop(self, effect: Effect, target: Target, instance: str, within: timedelta) -> None:
        """Asks it to end gracefully, and ends it after `within`. Until then its state is STOPPING. Absent or stopped is fine."""

    async def update(
        self, effect: Effect, target: Target, instance: str, artifact: Artifact, configuration: Configuration
    ) -> None:
        """Puts the Artifact and configuration in the Instance's place (creating the Instance when absent); it must be stopped."""

    async def start(self, effect: Effect, target: Target, instance: str) -> None:
        """Starts what `update` put there. Running is fine. The address is known from `inspect` afterwards."""

    async def remove(self, effect: Effect, target: Target, instance: str) -> None:
        """Ends the Instance's existence; it must be stopped. Absent is fine."""

    async def logs(self, target: Target, instance: str, lines: int = 50) -> Sequence[str]:
        """The last lines that the Instance wrote, oldest first, across its restarts."""

    async def reconcile(self, effect: Effect, target: Target, instance: str) -> EffectState:
        """What became of this effect's key."""


class TrafficControl(Protocol):
    """Opens and cuts business traffic. The local one is a small reverse proxy in a process of its own."""

    async def inspect(self, target: Target) -> Mapping[str, Traffic]:
        """Each Instance that the proxy knows for the Target; DRAINING becomes DRAINED when nothing is in flight."""

    async def drain(self, effect: Effect, target: Target, instance: str) -> None:
        """No new requests to it from now; those in flight finish. Absent is fine."""

    async def enable(self, effect: Effect, target: Target, instance: str, address: str) -> None:
        """New requests may go to it at `address` (`127.0.0.1:43210`)."""

    async def remove(self, effect: Effect, target: Target, instance: str) -> None:
        """Forgets it; it must be drained. Absent is fine."""

    async def reconcile(self, effect: Effect, target: Target, instance: str) -> EffectState: ...

    async def front(self, target: Target) -> str | None:
        """Where people reach the Target (`http://127.0.0.1:8501`), or None."""


@dataclass(frozen=True)
class Adapters:
    """The implementations by kind, made by bot.app: a Source's, a Build's and a Target's `kind` choose among them."""

    sources: Mapping[str, CodeSource]
    builders: Mapping[str, Builder]
    runtimes: Mapping[str, Runtime]
    traffic: Mapping[str, TrafficControl]


@dataclass(frozen=True)
class Connection:
    """One line of `shipbell doctor`. `hint` says what to do when it is not well."""

    name: str
    is_well: bool
    detail: str
    hint: str = ""


@runtime_checkable
class Checkable(Protocol):
    async def check(self) -> Sequence[Connection]: ...


@dataclass(frozen=True)
class Permission:
    """What somebody wants to do to what: an action (deploy, approve …), and the Target it is about (empty for none)."""

    action: str
    service: str = ""
    environment: str = ""
    requester: str = ""
    """For approve, reject and abort: the catalog name of the person whose Operation it is."""
    requester_slack: str = ""
    """The same person's Slack user id, so that a person renamed in the catalog stays the same person."""


class Access(Protocol):
    """Cedar decides; nothing else does. Fails closed: an error is a NO with its reason."""

    def decide(self, actor: Actor, permission: Permission, catalog: Catalog) -> Decision: ...

    def who_may(self, permission: Permission, catalog: Catalog) -> WhoMay:
        """The roles that would be permitted, and the catalog's people who have them."""

    def identify(self, profile: Profile, catalog: Catalog) -> Actor | Decision:
        """The Actor behind a Slack profile, or the NO of the identity gate (stranger, guest, bot, deactivated, unlisted)."""


class People(Protocol):
    """What Slack knows about people. Implemented in bot.slack, cached, failing closed (TemporaryError)."""

    async def profile(self, identity: SlackIdentity) -> Profile: ...


class View(Protocol):
    """Reading the tables. One View is one consistent read."""

    async def operation(self, number: int) -> Operation | None: ...
    async def operations(
        self,
        *,
        states: frozenset[State] | None = None,
        kinds: frozenset[Kind] | None = None,
        service: str | None = None,
        environment: str | None = None,
        limit: int = 50,
        newest_first: bool = True,
    ) -> Sequence[Operation]: ...
    async def operation_by_request(self, request_id: str) -> Operation | None: ...
    async def operation_by_message(self, channel_id: str, ts: str) -> int | None:
        """The number of the Operation that a posted message (card, prompt, question) is about, by Slack's ids."""

    async def steps(self, operation: int) -> Sequence[StepRecord]: ...
    async def approvals(self, operation: int) -> Sequence[Approval]: ...
    async def releases(
        self, service: str | None = None, environment: str | None = None, limit: int = 20
    ) -> Sequence[Release]:
        """Newest first."""

    async def current_releases(self) -> Mapping[tuple[str, str], Release]:
        """The newest Release of each (service, environment)."""

    async def artifact(self, digest: str) -> Artifact | None: ...
    async def artifacts(self, service: str, version: str) -> Sequence[Artifact]:
        """Artifacts of a Service by version, by digest prefix or by sha prefix (7 digits at least), newest first."""

    async def build(self, key: str) -> BuildReport | None: ...
    async def configuration(self, version: str) -> Configuration | None: ...
    async def audit(self, *, operation: int | None = None, limit: int = 100) -> Sequence[AuditEntry]:
        """Newest first."""

    async def message(self, key: str) -> OutboxMessage | None: ...
    async def messages(self, operation: int) -> Sequence[OutboxMessage]: ...


class Transaction(View, Protocol):
    """Reading and writing; commits when its context ends without an error. Never held across a call to another system."""

    async def add_operation(self, operation: Operation) -> Operation:
        """Stores a new Operation and gives it the next number (`number` of the argument is ignored)."""

    async def save_operation(self, operation: Operation) -> Operation:
        """Compare-and-set on `version`; returns it with version + 1. Raises StaleWrite."""

    async def put_steps(self, operation: int, steps: Sequence[StepRecord]) -> None:
        """Replaces PENDING forward steps by these when re-planning; appends undo steps. Upsert by (operation, seq)."""

    async def drop_steps(self, operation: int) -> None: ...
    async def save_step(self, operation: int, record: StepRecord) -> None: ...
    async def add_approval(self, approval: Approval) -> bool:
        """False when this person already answered for this plan hash."""

    async def add_audit(self, entry: AuditEntry) -> None: ...
    async def put_artifact(self, artifact: Artifact) -> None: ...
    async def put_build(self, report: BuildReport) -> None: ...
    async def put_configuration(self, configuration: Configuration) -> None: ...
    async def add_release(self, release: Release) -> None: ...
    async def accept_request(
        self, request_id: str, kind: str, payload: Mapping[str, object], at: datetime
    ) -> bool:
        """Stores an incoming request before its ack; False when this id was accepted before."""

    async def finish_request(self, request_id: str) -> None: ...
    async def unfinished_requests(
        self, limit: int = 100
    ) -> Sequence[tuple[str, str, Mapping[str, object], datetime]]: ...
    async def put_message(self, message: OutboxMessage) -> None:
        """Coalescing enqueue by key: new rows start at wanted=1; for a known key payload, channel and is_final are replaced,
        `wanted` grows by one, and a failed one becomes due again."""


class Outbox(Protocol):
    """The sender's side of the outbox. One leased sender at a time owns it."""

    async def lease(self, replica: str, ttl: timedelta) -> bool:
        """Takes or renews the sender's lease on the database's clock; False while another replica has it."""

    async def due(self, now: datetime, limit: int = 50) -> Sequence[OutboxMessage]:
        """Messages with sent < wanted whose time has come: final states first, then oldest first."""

    async def delivered(self, key: str, sent: int, channel_id: str, ts: str) -> None: ...
    async def postponed(self, key: str, error: str, not_before: datetime) -> None: ...
    async def undeliverable(self, key: str, sent: int, error: str) -> None:
        """Gives up on this `sent` for good."""

    async def redirect(self, key: str, channel: str) -> None:
        """Sends it to another channel as a new message (ts forgotten)."""


class Replicas(Protocol):
    """The heartbeat table, on the database's own clock."""

    async def beat(self, replica: str) -> int:
        """Says that this replica lives; returns its fence, a number that no earlier life of any replica had."""

    async def begin(self, replica: str) -> int:
        """A new life of this replica: takes and returns a new fence. `beat` raises LeaseLost once somebody declared it dead."""

    async def next_fence(self) -> int:
        """A number greater than every fence before it: for the effects of one run, so that those of earlier runs are refused,
        whichever replica they are of."""

    async def declare_dead(self, older_than: timedelta, *, sparing: str | None = None) -> Sequence[str]:
        """Marks replicas that were silent for longer as dead, exactly once each, and returns those marked by this call. sparing:
        who asks; that one lives, even where its heartbeats could not be written for a while."""

    async def dead(self) -> Sequence[str]:
        """Those declared dead that have not begun a new life: who marked one may have died before it took its work over."""

    async def retire(self, replica: str) -> None:
        """Leaves on purpose: its open work is free at once."""


class Store(Protocol):
    """The tables people read: the truth about Operations. Implemented by bot.storage on SQLite and PostgreSQL."""

    def view(self) -> AbstractAsyncContextManager[View]: ...
    def transaction(self) -> AbstractAsyncContextManager[Transaction]: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def replicas(self) -> Replicas: ...


class CatalogSource(Protocol):
    """The catalog in force. A bad new version leaves the old one in force."""

    @property
    def current(self) -> Catalog: ...


class Clock(Protocol):
    def now(self) -> datetime:
        """The time in UTC, aware."""
