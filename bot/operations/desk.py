"""The desk: everything that commands and chat may ask of operations. `bot.operations.service` implements it.

Every verb decides by the Gates first and writes an audit entry for what it did or refused. Raises `Refused` with the Decision,
`NotNow` for what no longer applies, `UsageError`/`UnknownWord`/`RefNotFound` for words that name nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.catalog import Catalog
from bot.domain.identity import Actor, SlackIdentity
from bot.domain.operation import Choice, Kind, Operation, Origin, Snapshot, Wish
from bot.domain.reports import HomeReport, InstanceLog, TargetStatus, WhyReport


class Desk(Protocol):
    @property
    def catalog(self) -> Catalog: ...

    async def identify(self, identity: SlackIdentity, origin: Origin) -> Actor:
        """The Actor behind a Slack identity, looked up again each time. Raises Refused (and audits it) for strangers, guests,
        bots and deactivated people."""

    async def accept(self, request_id: str, kind: str, payload: Mapping[str, object]) -> bool:
        """Stores an incoming request before its ack; False when it was accepted before (a redelivery)."""

    async def finish(self, request_id: str) -> None: ...

    async def unfinished(self) -> Sequence[tuple[str, str, Mapping[str, object], datetime]]:
        """Accepted requests that were not finished: (request id, kind, payload, accepted at). Replayed at start."""

    async def request(
        self, kind: Kind, service: str, environment: str, wish: Wish, actor: Actor, origin: Origin
    ) -> Operation:
        """A new Operation, or the open one that the same person asked for in the same words. Its card is enqueued."""

    async def approve(
        self, number: int, actor: Actor, origin: Origin, *, plan_hash: str | None = None, reason: str = ""
    ) -> Operation:
        """A yes bound to the Plan's hash; `plan_hash` is what the person saw (a prefix of 12 suffices), None for the current."""

    async def reject(self, number: int, actor: Actor, origin: Origin, *, reason: str = "") -> Operation: ...

    async def abort(self, number: int, actor: Actor, origin: Origin, *, reason: str = "") -> Operation:
        """Ends it at once where nothing was touched; else it stops at the next safe point and asks: stop here, or roll back."""

    async def answer(
        self, number: int, question: int, choice: Choice, actor: Actor, origin: Origin
    ) -> Operation:
        """An answer to the Question with this id; NotNow when it was answered."""

    async def snapshot(self, number: int) -> Snapshot:
        """All that may be shown of an Operation. Raises UnknownWord."""

    async def status(
        self, actor: Actor, service: str | None = None, environment: str | None = None
    ) -> Sequence[TargetStatus]: ...

    async def history(
        self, actor: Actor, service: str, environment: str | None = None, limit: int = 10
    ) -> Sequence[Operation]: ...

    async def logs(
        self, actor: Actor, service: str, environment: str, instance: str | None = None, lines: int = 50
    ) -> Sequence[InstanceLog]: ...

    async def why(self, actor: Actor, service: str, environment: str) -> WhyReport: ...

    async def permissions(self, actor: Actor) -> Mapping[str, Sequence[str]]:
        """What this Actor may do now: environment, in the ladder's order, to actions. For `whoami`; decides nothing."""

    async def home(self, identity: SlackIdentity) -> HomeReport: ...

    async def refs(self, service: str) -> Sequence[str]:
        """Branches and tags for completion and the modal; empty when the source can't be asked."""
