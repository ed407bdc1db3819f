"""Reading: `bot.ports.View` on one session, which sees one snapshot."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Executable, func, or_, select
from sqlalchemy.engine import CursorResult, RowMapping
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from bot.domain.artifact import Artifact, BuildReport
from bot.domain.catalog import Configuration
from bot.domain.errors import StorageError
from bot.domain.messages import OutboxMessage
from bot.domain.operation import Approval, AuditEntry, Kind, Operation, Release, State, StepRecord
from bot.storage import rows, tables
from bot.storage.codec import decode
from bot.storage.database import Session
from bot.storage.errors import cause, explained

_HEX = re.compile(r"[0-9a-f]{7,64}")
_OPERATION = select(tables.operations.c.number, tables.operations.c.version, tables.operations.c.document)


class SqlView:
    """Valid inside the context that gave it. Every method raises StorageError."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._dialect = session.dialect
        self.failure: StorageError | None = None
        """The first thing that went wrong: a transaction that met one can't be committed any more."""

    async def operation(self, number: int) -> Operation | None:
        row = await self._one(_OPERATION.where(tables.operations.c.number == number))
        return rows.to_operation(row) if row else None

    async def operations(
        self,
        *,
        states: frozenset[State] | None = None,
        kinds: frozenset[Kind] | None = None,
        service: str | None = None,
        environment: str | None = None,
        limit: int = 50,
        newest_first: bool = True,
    ) -> Sequence[Operation]:
        columns = tables.operations.c
        query = _OPERATION.order_by(columns.number.desc() if newest_first else columns.number).limit(limit)
        if states is not None:
            query = query.where(columns.state.in_(sorted(states)))
        if kinds is not None:
            query = query.where(columns.kind.in_(sorted(kinds)))
        if service is not None:
            query = query.where(columns.service == service)
        if environment is not None:
            query = query.where(columns.environment == environment)
        return [rows.to_operation(row) for row in await self._all(query)]

    async def operation_by_request(self, request_id: str) -> Operation | None:
        row = await self._one(_OPERATION.where(tables.operations.c.request_id == request_id))
        return rows.to_operation(row) if row else None

    async def operation_by_message(self, channel_id: str, ts: str) -> int | None:
        columns = tables.outbox.c
        query = select(columns.operation).where(columns.channel_id == channel_id, columns.ts == ts).limit(1)
        row = await self._one(query)
        return int(row["operation"]) if row and row["operation"] is not None else None

    async def steps(self, operation: int) -> Sequence[StepRecord]:
        """In the order of their `seq`."""
        columns = tables.steps.c
        query = select(tables.steps).where(columns.operation == operation).order_by(columns.seq)
        return [rows.to_step(row) for row in await self._all(query)]

    async def approvals(self, operation: int) -> Sequence[Approval]:
        """Oldest first, for every Plan that the Operation had."""
        columns = tables.approvals.c
        query = select(tables.approvals).where(columns.operation == operation).order_by(columns.id)
        return [rows.to_approval(row) for row in await self._all(query)]

    async def releases(
        self, service: str | None = None, environment: str | None = None, limit: int = 20
    ) -> Sequence[Release]:
        columns = tables.releases.c
        query = select(tables.releases).order_by(columns.id.desc()).limit(limit)
        if service is not None:
            query = query.where(columns.service == service)
        if environment is not None:
            query = query.where(columns.environment == environment)
        return [rows.to_release(row) for row in await self._all(query)]

    async def current_releases(self) -> Mapping[tuple[str, str], Release]:
        columns = tables.releases.c
        newest = select(func.max(columns.id)).group_by(columns.service, columns.environment)
        found = await self._all(select(tables.releases).where(columns.id.in_(newest)).order_by(columns.id))
        return {(row["service"], row["environment"]): rows.to_release(row) for row in found}

    async def artifact(self, digest: str) -> Artifact | None:
        """The Artifact with this full digest; the latest of its names, where several commits built the same content."""
        columns = tables.artifacts.c
        query = select(columns.document).where(columns.digest == digest).order_by(columns.id.desc()).limit(1)
        row = await self._one(query)
        return decode(Artifact, row["document"]) if row else None

    async def artifacts(self, service: str, version: str) -> Sequence[Artifact]:
        columns = tables.artifacts.c
        names = [columns.version == version]
        prefix = version.lower().removeprefix("sha256:")
        if _HEX.fullmatch(prefix):
            names.append(columns.digest.startswith(f"sha256:{prefix}"))
            if prefix == version.lower():
                names.append(columns.sha.startswith(prefix))
        query = select(columns.document).where(columns.service == service, or_(*names))
        found = await self._all(query.order_by(columns.id.desc()))
        return [decode(Artifact, row["document"]) for row in found]

    async def build(self, key: str) -> BuildReport | None:
        columns = tables.builds.c
        row = await self._one(select(columns.document).where(columns.key == key))
        return decode(BuildReport, row["document"]) if row else None

    async def configuration(self, version: str) -> Configuration | None:
        columns = tables.configurations.c
        row = await self._one(select(columns.document).where(columns.version == version))
        return decode(Configuration, row["document"]) if row else None

    async def audit(self, *, operation: int | None = None, limit: int = 100) -> Sequence[AuditEntry]:
        """The last `limit` entries, newest first."""
        columns = tables.audit.c
        query = select(tables.audit).order_by(columns.id.desc()).limit(limit)
        if operation is not None:
            query = query.where(columns.operation == operation)
        return [rows.to_audit(row) for row in await self._all(query)]

    async def message(self, key: str) -> OutboxMessage | None:
        row = await self._one(select(tables.outbox).where(tables.outbox.c.key == key))
        return rows.to_message(row) if row else None

    async def messages(self, operation: int) -> Sequence[OutboxMessage]:
        """Oldest first."""
        columns = tables.outbox.c
        query = select(tables.outbox).where(columns.operation == operation)
        found = await self._all(query.order_by(columns.created_at, columns.key))
        return [rows.to_message(row) for row in found]

    async def _all(self, statement: Executable) -> Sequence[RowMapping]:
        return (await self._run(statement)).mappings().all()

    async def _one(self, statement: Executable) -> RowMapping | None:
        return (await self._run(statement)).mappings().first()

    async def _run(
        self, statement: Executable, values: Any = None, *, may_violate: bool = False
    ) -> CursorResult[Any]:
        """may_violate: raise IntegrityError as it is; the caller has set a savepoint and returns to it."""
        if self.failure is not None:
            raise self.failure
        try:
            return await self._session.execute(statement, values)
        except SQLAlchemyError as error:
            if may_violate and isinstance(error, IntegrityError):
                raise
            raise self._failed(explained(error)) from cause(error)
        except asyncio.CancelledError:
            self._failed(StorageError("The transaction was interrupted.", "It may work when tried again."))
            raise

    def _failed(self, failure: StorageError) -> StorageError:
        self.failure = failure
        return failure
