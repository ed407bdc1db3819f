"""What keeps the database small and safe: retention and backups. Operations, releases and the audit are kept for good."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import and_, delete, or_, select

from bot.domain.errors import StorageError
from bot.storage import tables
from bot.storage.database import BUSY, Engines
from bot.storage.errors import explained_sqlite
from bot.storage.outbox import Writing
from bot.storage.types import DatabaseClock


@dataclass(frozen=True)
class Pruned:
    """How many rows a `prune` removed."""

    requests: int
    messages: int
    replicas: int


class Upkeep:
    def __init__(self, engines: Engines, writing: Writing) -> None:
        self._engines = engines
        self._writing = writing

    async def prune(self, older_than: timedelta) -> Pruned:
        """Removes, when older than that by the database's clock: finished requests; messages that have nothing left to send, of
        Operations that ended (or of none); replicas declared dead. Raises StorageError.

        A request that is forgotten would be accepted once more, so keep them for longer than Slack redelivers: days."""
        limit = DatabaseClock(-older_than)
        requests, outbox, replicas = tables.requests.c, tables.outbox.c, tables.replicas.c
        ended = select(tables.operations.c.number).where(tables.operations.c.ended_at < limit)
        of_nothing = and_(outbox.operation.is_(None), outbox.created_at < limit)
        async with self._writing() as session:
            forgotten = await session.execute(delete(tables.requests).where(requests.finished_at < limit))
            said = await session.execute(
                delete(tables.outbox).where(
                    outbox.sent >= outbox.wanted, or_(outbox.operation.in_(ended), of_nothing)
                )
            )
            gone = await session.execute(delete(tables.replicas).where(replicas.dead_at < limit))
        return Pruned(forgotten.rowcount, said.rowcount, gone.rowcount)

    async def backup(self, path: Path) -> None:
        """A copy of the SQLite database as it is at one moment, checked, readable by its owner only, there at once or not at
        all; others go on writing meanwhile. Raises StorageError, also when `path` exists, and on PostgreSQL."""
        if not self._engines.is_sqlite:
            raise StorageError(
                "Shipbell backs up only an SQLite database itself.", "Use pg_dump for PostgreSQL."
            )
        await asyncio.to_thread(_copy, self._engines.address.path, path)


def _copy(source: Path, path: Path) -> None:
    if path.exists():
        raise StorageError(f"The backup {path} exists already.", "Name another file.")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise StorageError(
            f"The backup {path} can't be written: {error.strerror}.", "Name a file in a folder that can."
        ) from error
    part = Path(name)
    try:
        with closing(sqlite3.connect(source, isolation_level=None, timeout=BUSY)) as session:
            session.execute("VACUUM INTO ?", (name,))
        with closing(sqlite3.connect(part)) as copy:
            if (found := copy.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
                raise StorageError(f"The backup is damaged: {found}.", "Look at the database's disk.")
        os.fsync(handle)
        os.link(part, path)  # unlike a rename, it never replaces a file that came up meanwhile
    except FileExistsError:
        raise StorageError(f"The backup {path} exists already.", "Name another file.") from None
    except sqlite3.Error as error:
        raise explained_sqlite(error) from error
    finally:
        os.close(handle)
        part.unlink(missing_ok=True)
