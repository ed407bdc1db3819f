"""The sender's side of the outbox: `bot.ports.Outbox`. Filling it is a Transaction's `put_message`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, or_, select, update

from bot.domain.messages import OutboxMessage
from bot.storage import rows
from bot.storage.database import Engines, Session
from bot.storage.rows import insert
from bot.storage.tables import leases, outbox
from bot.storage.transaction import next_turn
from bot.storage.types import DatabaseClock

_SENDER = "outbox"
Writing = Callable[[], AbstractAsyncContextManager[Session]]


class SqlOutbox:
    """writing: a session that holds the write lock. Every method raises StorageError."""

    def __init__(self, engines: Engines, writing: Writing) -> None:
        self._engines = engines
        self._writing = writing

    async def lease(self, replica: str, ttl: timedelta) -> bool:
        # Beside the write lock: one statement decides, and a renewal must not wait for its turn.
        async with self._engines.beside() as session:
            statement = insert(session.dialect, leases).values(
                name=_SENDER, holder=replica, until=DatabaseClock(ttl)
            )
            taken = await session.execute(
                statement.on_conflict_do_update(
                    index_elements=["name"],
                    set_={"holder": replica, "until": DatabaseClock(ttl)},
                    where=or_(leases.c.holder == replica, leases.c.until < DatabaseClock()),
                ).returning(leases.c.holder)
            )
            return taken.first() is not None

    async def due(self, now: datetime, limit: int = 50) -> Sequence[OutboxMessage]:
        """Oldest first: by when they became due, so that a message that changes all the time doesn't hold up the others."""
        query = (
            select(outbox)
            .where(outbox.c.sent < outbox.c.wanted)
            .where(or_(outbox.c.not_before.is_(None), outbox.c.not_before <= now))
            .order_by(outbox.c.is_final.desc(), outbox.c.turn)
            .limit(limit)
        )
        async with self._engines.reading() as session:
            return [rows.to_message(row) for row in (await session.execute(query)).mappings()]

    async def delivered(self, key: str, sent: int, channel_id: str, ts: str) -> None:
        """When more was wanted in the meantime, it is due again, behind those that wait."""
        await self._change(
            key,
            sent=_at_least(sent),
            channel_id=channel_id,
            ts=ts,
            attempts=0,
            not_before=None,
            last_error="",
            turn=next_turn(),
        )

    async def postponed(self, key: str, error: str, not_before: datetime) -> None:
        """It keeps its turn."""
        await self._change(key, attempts=outbox.c.attempts + 1, last_error=error, not_before=not_before)

    async def undeliverable(self, key: str, sent: int, error: str) -> None:
        """The next `put_message` of this key makes it due again."""
        await self._change(
            key, sent=_at_least(sent), attempts=outbox.c.attempts + 1, last_error=error, not_before=None
        )

    async def redirect(self, key: str, channel: str) -> None:
        """It is due at once, also when it had been delivered or given up."""
        await self._change(
            key,
            channel=channel,
            channel_id=None,
            ts=None,
            attempts=0,
            not_before=None,
            last_error="",
            wanted=case((outbox.c.sent >= outbox.c.wanted, outbox.c.sent + 1), else_=outbox.c.wanted),
        )

    async def _change(self, key: str, **values: Any) -> None:
        async with self._writing() as session:
            await session.execute(update(outbox).where(outbox.c.key == key).values(**values))


def _at_least(sent: int) -> Any:
    """A late word about an earlier delivery doesn't undo a later one."""
    return case((outbox.c.sent > sent, outbox.c.sent), else_=sent)
