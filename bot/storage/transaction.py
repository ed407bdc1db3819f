"""Writing: `bot.ports.Transaction` on one session, which holds the write lock (see bot.storage.database)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import case, delete, func, select, text, update
from sqlalchemy.exc import IntegrityError

from bot.domain.artifact import Artifact, BuildReport
from bot.domain.catalog import Configuration
from bot.domain.errors import StaleWrite
from bot.domain.messages import OutboxMessage
from bot.domain.operation import Approval, AuditEntry, Operation, Release, StepRecord, StepState
from bot.domain.plan import Phase
from bot.storage import rows, tables
from bot.storage.codec import encode
from bot.storage.errors import cause, explained, violates
from bot.storage.rows import insert
from bot.storage.types import DatabaseClock
from bot.storage.view import SqlView


class SqlTransaction(SqlView):
    """Valid inside the context that gave it. Every method raises StorageError, and StaleWrite where it says so. After a
    StaleWrite the transaction can go on; after a StorageError nothing of it is kept."""

    async def add_operation(self, operation: Operation) -> Operation:
        """Raises StaleWrite when its request id has an Operation already, or when its state holds a Target that is held."""
        columns = tables.operations.c
        statement = insert(self._dialect, tables.operations).values(
            version=operation.version, **rows.of_operation(operation)
        )
        row = await self._one(statement.on_conflict_do_nothing().returning(columns.number))
        if row is not None:
            return replace(operation, number=row["number"])
        if first := await self.operation_by_request(operation.origin.request_id):
            raise StaleWrite(
                f"The request was taken already: it is operation #{first.number}.", "Show that one."
            )
        raise _held(operation)

    async def save_operation(self, operation: Operation) -> Operation:
        columns = tables.operations.c
        statement = (
            update(tables.operations)
            .where(columns.number == operation.number, columns.version == operation.version)
            .values(version=operation.version + 1, **rows.of_operation(operation))
        )
        # A savepoint: PostgreSQL would refuse everything after a violation, and the caller may want to go on.
        await self._run(text("SAVEPOINT saving"))
        try:
            result = await self._run(statement, may_violate=True)
        except IntegrityError as error:
            if not violates(error, tables.ONE_PER_TARGET, "operations.service, operations.environment"):
                raise self._failed(explained(error)) from cause(error)
            await self._run(text("ROLLBACK TO SAVEPOINT saving"))
            raise _held(operation) from cause(error)
        await self._run(text("RELEASE SAVEPOINT saving"))
        if result.rowcount == 0:
            raise StaleWrite(
                f"Operation #{operation.number} was changed by somebody else first.",
                "Read it again and decide again.",
            )
        return replace(operation, version=operation.version + 1)

    async def put_steps(self, operation: int, steps: Sequence[StepRecord]) -> None:
        """With no Steps nothing happens; `drop_steps` removes them all."""
        if not steps:
            return
        columns = tables.steps.c
        if any(record.step.phase is Phase.FORWARD for record in steps):
            await self._run(
                delete(tables.steps).where(
                    columns.operation == operation,
                    columns.phase == Phase.FORWARD,
                    columns.state == StepState.PENDING,
                    columns.seq.not_in([record.step.seq for record in steps]),
                )
            )
        statement = insert(self._dialect, tables.steps)
        changes = {
            name: column for name, column in statement.excluded.items() if name not in ("operation", "seq")
        }
        await self._run(
            statement.on_conflict_do_update(index_elements=["operation", "seq"], set_=changes),
            [rows.of_step(operation, record) for record in steps],
        )

    async def drop_steps(self, operation: int) -> None:
        """Removes all Steps of the Operation, whatever their state."""
        await self._run(delete(tables.steps).where(tables.steps.c.operation == operation))

    async def save_step(self, operation: int, record: StepRecord) -> None:
        """Raises StaleWrite when the Operation has no such Step (any more)."""
        columns = tables.steps.c
        statement = update(tables.steps).where(columns.operation == operation, columns.seq == record.step.seq)
        if (await self._run(statement.values(**rows.of_step(operation, record)))).rowcount == 0:
            raise StaleWrite(
                f"Operation #{operation} has no step {record.step.seq}: it was planned anew.",
                "Read its steps again.",
            )

    async def add_approval(self, approval: Approval) -> bool:
        statement = insert(self._dialect, tables.approvals).values(**rows.of_approval(approval))
        return (
            await self._one(statement.on_conflict_do_nothing().returning(tables.approvals.c.id)) is not None
        )

    async def add_audit(self, entry: AuditEntry) -> None:
        await self._run(tables.audit.insert().values(**rows.of_audit(entry)))

    async def put_artifact(self, artifact: Artifact) -> None:
        """Adds it, or replaces what is known of the same digest, version and commit."""
        statement = insert(self._dialect, tables.artifacts).values(
            digest=artifact.digest,
            service=artifact.service,
            version=artifact.version,
            sha=artifact.revision.sha.lower(),
            document=encode(artifact),
        )
        await self._run(
            statement.on_conflict_do_update(
                index_elements=["service", "version", "digest", "sha"],
                set_={"document": statement.excluded.document},
            )
        )

    async def put_build(self, report: BuildReport) -> None:
        statement = insert(self._dialect, tables.builds).values(
            key=report.key, state=report.state, document=encode(report)
        )
        changes = {"state": statement.excluded.state, "document": statement.excluded.document}
        await self._run(statement.on_conflict_do_update(index_elements=["key"], set_=changes))

    async def put_configuration(self, configuration: Configuration) -> None:
        statement = insert(self._dialect, tables.configurations).values(
            version=configuration.version, document=encode(configuration)
        )
        await self._run(statement.on_conflict_do_nothing())

    async def add_release(self, release: Release) -> None:
        await self._run(tables.releases.insert().values(**rows.of_release(release)))

    async def accept_request(
        self, request_id: str, kind: str, payload: Mapping[str, object], at: datetime
    ) -> bool:
        statement = insert(self._dialect, tables.requests).values(
            request_id=request_id, kind=kind, payload=payload, at=at
        )
        return await self._one(statement.on_conflict_do_nothing().returning(tables.requests.c.id)) is not None

    async def finish_request(self, request_id: str) -> None:
        columns = tables.requests.c
        await self._run(
            update(tables.requests)
            .where(columns.request_id == request_id, columns.finished_at.is_(None))
            .values(finished_at=DatabaseClock())
        )

    async def unfinished_requests(
        self, limit: int = 100
    ) -> Sequence[tuple[str, str, Mapping[str, object], datetime]]:
        """Oldest first: (request id, kind, payload, accepted at)."""
        columns = tables.requests.c
        query = select(tables.requests).where(columns.finished_at.is_(None)).order_by(columns.id).limit(limit)
        return [(row["request_id"], row["kind"], row["payload"], row["at"]) for row in await self._all(query)]

    async def put_message(self, message: OutboxMessage) -> None:
        table = tables.outbox
        values: dict[str, Any] = rows.of_message(message)
        values.update(
            wanted=1,
            sent=0,
            attempts=0,
            last_error="",
            turn=next_turn(),
            created_at=message.created_at or DatabaseClock(),
        )
        statement = insert(self._dialect, table).values(**values)
        new = statement.excluded
        # One that waits keeps its turn and its time; one that was delivered or given up begins anew.
        is_settled = table.c.sent >= table.c.wanted
        await self._run(
            statement.on_conflict_do_update(
                index_elements=["key"],
                set_={
                    "payload": new.payload,
                    "channel": new.channel,
                    "is_final": new.is_final,
                    "wanted": table.c.wanted + 1,
                    "turn": case((is_settled, new.turn), else_=table.c.turn),
                    "attempts": case((is_settled, 0), else_=table.c.attempts),
                    "not_before": case((is_settled, new.not_before), else_=table.c.not_before),
                    "last_error": case((is_settled, ""), else_=table.c.last_error),
                },
            )
        )


def next_turn() -> Any:
    """The turn after all others; the caller holds the write lock."""
    return select(func.coalesce(func.max(tables.outbox.c.turn), 0) + 1).scalar_subquery()


def _held(operation: Operation) -> StaleWrite:
    return StaleWrite(
        f"Another operation on {operation.target_key} is under way.",
        f"Let #{operation.number} wait for its turn.",
    )
