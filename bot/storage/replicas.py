"""Heartbeats and fences: `bot.ports.Replicas`, on the database's clock, beside the write lock.

A replica is alive, silent, or declared dead. `begin` gives it a new life with a fence from a counter that only grows; whoever
held its earlier fence gets LeaseLost at the next `beat`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select, text, update

from bot.domain.errors import LeaseLost
from bot.storage.database import WRITERS, Engines, Session
from bot.storage.rows import insert
from bot.storage.tables import counters, leases, replicas
from bot.storage.types import DatabaseClock

_FENCE = "fence"
_BURIALS = WRITERS + 1
"""PostgreSQL's advisory lock of `declare_dead`: two calls that lock the same rows in another order would deadlock."""
_LONG_AGO = timedelta(days=-36500)


class SqlReplicas:
    """Remembers the fences of the lives that this object began. Every method raises StorageError."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._fences: dict[str, int] = {}

    async def begin(self, replica: str) -> int:
        async with self._engines.beside() as session:
            fence = await _next_fence(session)
            statement = insert(session.dialect, replicas).values(
                replica=replica, fence=fence, at=DatabaseClock(), dead_at=None
            )
            changes = {"fence": fence, "at": DatabaseClock(), "dead_at": None}
            await session.execute(statement.on_conflict_do_update(index_elements=["replica"], set_=changes))
        self._fences[replica] = fence
        return fence

    async def next_fence(self) -> int:
        async with self._engines.beside() as session:
            return await _next_fence(session)

    async def beat(self, replica: str) -> int:
        """Raises LeaseLost: declared dead, begun anew elsewhere, retired, or never begun by this object."""
        fence = self._fences.get(replica)
        if fence is None:
            raise LeaseLost(f"The replica {replica} has not begun a life here.", "Call `begin` first.")
        async with self._engines.beside() as session:
            alive = await session.execute(
                update(replicas)
                .where(replicas.c.replica == replica, replicas.c.fence == fence, replicas.c.dead_at.is_(None))
                .values(at=DatabaseClock())
            )
        if alive.rowcount == 0:
            raise LeaseLost(
                f"The replica {replica} was declared dead, or was started a second time: its work is another's now.",
                "It must be started again.",
            )
        return fence

    async def declare_dead(self, older_than: timedelta, *, sparing: str | None = None) -> Sequence[str]:
        async with self._engines.beside() as session:
            if not self._engines.is_sqlite:
                await session.execute(text(f"SELECT pg_advisory_xact_lock({_BURIALS})"))
            marked = await session.execute(
                update(replicas)
                .where(replicas.c.dead_at.is_(None), replicas.c.at < DatabaseClock(-older_than))
                .where(replicas.c.replica != (sparing or ""))
                .values(dead_at=DatabaseClock())
                .returning(replicas.c.replica)
            )
            return sorted(marked.scalars())

    async def dead(self) -> Sequence[str]:
        """Those declared dead that have not begun a new life: whoever marked one may have died before it took its work over."""
        async with self._engines.reading() as session:
            query = select(replicas.c.replica).where(replicas.c.dead_at.is_not(None))
            return sorted((await session.execute(query)).scalars())

    async def retire(self, replica: str) -> None:
        """Leaves on purpose: the next `declare_dead` of another replica returns it, so that work it left open is carried on
        at once, and its lease on the outbox is free. `beat` raises LeaseLost from now."""
        fence = self._fences.pop(replica, None)
        if fence is None:
            return
        async with self._engines.beside() as session:
            mine = await session.execute(
                update(replicas)
                .where(replicas.c.replica == replica, replicas.c.fence == fence)
                .values(at=DatabaseClock(_LONG_AGO))
            )
            if mine.rowcount:
                await session.execute(delete(leases).where(leases.c.holder == replica))


async def _next_fence(session: Session) -> int:
    statement = insert(session.dialect, counters).values(name=_FENCE, value=1)
    counted = await session.execute(
        statement.on_conflict_do_update(
            index_elements=["name"], set_={"value": counters.c.value + 1}
        ).returning(counters.c.value)
    )
    return int(counted.scalar_one())
