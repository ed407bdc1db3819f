"""Engines: how Shipbell connects to SQLite and PostgreSQL, and what it demands of each connection.

One writer at a time, on both. SQLite has no other way: BEGIN IMMEDIATE takes the lock at the start, because a read that turns
into a write is refused whatever the busy_timeout. On PostgreSQL a transaction begins with an advisory lock (`WRITERS`), so a
read-then-write means the same there: no lost update, no write skew, no serialization failure, no deadlock, nothing to retry.
The transactions are short and few; a replica that stops in the middle of one loses it to idle_in_transaction_session_timeout.
Readers never wait: they see one snapshot (WAL; REPEATABLE READ).

The write engine's SQLite connection is `synchronous=FULL`: an intent must still be there after a power cut, because its effect
may be on another machine. NORMAL would survive kill -9 only.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, CursorResult, Engine, Executable, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool

from bot.domain.errors import StorageError
from bot.storage.driver import connector
from bot.storage.errors import spoken

T = TypeVar("T")

BUSY = 10
"""Seconds that a SQLite connection waits for another process's lock."""
GRACE = {"sqlite": BUSY + 2.0, "postgresql": 1.0}
"""Seconds that a cancelled task goes on waiting for the database's answer; on SQLite longer than that waits for a lock."""
PATIENCE = 30
"""Seconds that anybody waits for a connection or for the turn to write."""
WRITERS = 0x5348_4950_0001
"""PostgreSQL's advisory lock of the one writer."""
_OLDEST_SQLITE = (3, 35, 0)  # RETURNING
_TIMEOUTS = (
    "-c timezone=UTC -c idle_in_transaction_session_timeout=15000 -c lock_timeout=20000"
    " -c statement_timeout=30000"
)


@dataclass(frozen=True)
class Address:
    """A database URL, taken apart. `options`: connection options that must not be printed (a password in the query)."""

    url: URL = field(repr=False)
    options: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @property
    def path(self) -> Path:
        """The SQLite file."""
        assert self.url.database is not None
        return Path(self.url.database)

    def __str__(self) -> str:
        """For people: no user, no password, no options."""
        if self.is_sqlite:
            return f"SQLite {self.url.database}"
        port = f":{self.url.port}" if self.url.port else ""
        return f"PostgreSQL {self.url.host or 'local socket'}{port}/{self.url.database or ''}"


class Session:
    """One open transaction. `dialect`: sqlite or postgresql."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.dialect = connection.dialect.name
        self._grace = GRACE[self.dialect]

    async def execute(self, statement: Executable, values: Any = None) -> CursorResult[Any]:
        return await _uninterrupted(self._connection.execute(statement, values), self._grace)


@dataclass(frozen=True)
class Engines:
    """`write`: transactions that take the write lock at once (SQLite: a pool of 1). `read`: snapshots that can't write."""

    address: Address
    write: AsyncEngine = field(repr=False)
    read: AsyncEngine = field(repr=False)

    @property
    def is_sqlite(self) -> bool:
        return self.address.is_sqlite

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Session]:
        """One snapshot; a write in it is refused. Raises StorageError."""
        async with _session(self.read) as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Session]:
        """A transaction of the one writer; commits at the end. Raises StorageError."""
        async with _session(self.write) as session:
            if not self.is_sqlite:
                await session.execute(text(f"SELECT pg_advisory_xact_lock({WRITERS})"))
            yield session

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[Session]:
        """A transaction that doesn't wait for the writer on PostgreSQL: for heartbeats and leases, whose single statements
        decide by themselves. The writer must not touch rows that it waits for. Raises StorageError."""
        async with _session(self.write) as session:
            yield session

    async def close(self) -> None:
        await self.write.dispose()
        await self.read.dispose()


def parse(url: str) -> Address:
    """`sqlite:///file`, `sqlite:////absolute/file` or `postgresql://user:password@host:port/name`; a driver in the scheme is
    replaced by ours. Raises StorageError, which never quotes the URL."""
    forms = ("sqlite:///shipbell.db", "postgresql://user:password@host:5432/shipbell")
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise StorageError(
            "The database URL can't be read.", f"Write it as {forms[0]} or {forms[1]}.", forms
        ) from None
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise StorageError("The SQLite URL names no file.", f"Write it as {forms[0]}.", forms[:1])
        return Address(parsed.set(drivername="sqlite+aiosqlite"))
    if backend not in ("postgresql", "postgres"):
        raise StorageError(
            f"Shipbell keeps its data in SQLite or PostgreSQL, not in {backend}.",
            f"Write the URL as {forms[0]} or {forms[1]}.",
            forms,
        )
    secret = {name: str(value) for name, value in parsed.query.items() if "password" in name}
    return Address(parsed.set(drivername="postgresql+psycopg").difference_update_query(list(secret)), secret)


def create_engines(url: str) -> Engines:
    """The two engines of a database; nothing is connected yet. Raises StorageError for a URL that can't be."""
    address = parse(url)
    if address.is_sqlite:
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise StorageError(
                f"This Python has SQLite {sqlite3.sqlite_version}, and 3.35 is needed.",
                "Use a newer Python, or PostgreSQL.",
            )
        write = _sqlite(address, writes=True)
        read = _sqlite(address, writes=False)
    else:
        write = _postgres(address, writes=True)
        read = _postgres(address, writes=False)
    return Engines(address, write, read)


@asynccontextmanager
async def _session(engine: AsyncEngine) -> AsyncIterator[Session]:
    connection = engine.connect()
    grace = GRACE[engine.dialect.name]
    with spoken():
        try:
            await _uninterrupted(_begin(connection), grace)
            yield Session(connection)
        except BaseException:
            if connection.sync_connection is not None:  # it had started
                await _uninterrupted(connection.close(), grace)
            raise
        await _uninterrupted(_end(connection), grace)


async def _begin(connection: AsyncConnection) -> None:
    await connection.start()
    await connection.begin()


async def _end(connection: AsyncConnection) -> None:
    try:
        await connection.commit()
    finally:
        await connection.close()


async def _uninterrupted(work: Coroutine[Any, Any, T], grace: float) -> T:
    """Lets a cancellation through only when `work` has ended, or after `grace`. Cut off in a word to the database, SQLAlchemy drops
    the connection, but SQLite's thread carries on with the BEGIN, and nobody is left to give the write lock back (measured: one
    cancellation in a hundred stopped every later write). A PostgreSQL that hangs may be cut off: its locks end with the connection.
    """
    task = asyncio.create_task(work)
    interruption: asyncio.CancelledError | None = None
    while not task.done():
        try:
            if interruption is None:
                await asyncio.wait({task})
            elif not (await asyncio.wait({task}, timeout=grace))[0]:
                task.cancel()
        except asyncio.CancelledError as cancelled:
            interruption = cancelled
    if interruption is not None:
        if not task.cancelled():
            task.exception()  # or asyncio would complain that nobody looked at it
        raise interruption
    return task.result()


def create_migration_engine(address: Address) -> Engine:
    """A blocking engine for one migration, which rules the whole database for its time. Foreign keys are off on SQLite, where
    changing a table means copying it; the migration checks them at its end."""
    if address.is_sqlite:
        engine = create_engine(address.url.set(drivername="sqlite"), poolclass=NullPool, hide_parameters=True)
        _prepare_sqlite(engine, "BEGIN IMMEDIATE", ("foreign_keys=OFF", "synchronous=FULL"))
        return engine
    options = {**_postgres_options(address), "options": "-c timezone=UTC -c lock_timeout=60000"}
    return create_engine(address.url, poolclass=NullPool, hide_parameters=True, connect_args=options)


def _sqlite(address: Address, *, writes: bool) -> AsyncEngine:
    engine = create_async_engine(
        address.url,
        async_creator=connector(str(address.path)),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1 if writes else 4,
        max_overflow=0,
        pool_timeout=PATIENCE,
        # `_session` ends every transaction itself: another rollback at each return would be a trip to the thread for nothing.
        pool_reset_on_return=None,
        hide_parameters=True,
    )
    if writes:
        _prepare_sqlite(engine.sync_engine, "BEGIN IMMEDIATE", ("foreign_keys=ON", "synchronous=FULL"))
    else:
        _prepare_sqlite(engine.sync_engine, "BEGIN", ("query_only=ON",))
    return engine


def _prepare_sqlite(engine: Engine, begin: str, pragmas: tuple[str, ...]) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions: `begin` below does
        cursor = connection.cursor()
        for pragma in (f"busy_timeout={BUSY * 1000}", "journal_mode=WAL", *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    if engine.dialect.is_async:
        # Straight to the driver: as a statement of SQLAlchemy's it costs three trips to SQLite's thread and a fifth of the CPU.
        def begin_at_once(connection: Any) -> None:
            connection.run_async(lambda driver: driver.execute(begin))

        engine.dialect.do_begin = begin_at_once  # type: ignore[method-assign, assignment]
    else:

        @event.listens_for(engine, "begin")
        def begin_transaction(connection: Any) -> None:
            connection.exec_driver_sql(begin)


def _postgres(address: Address, *, writes: bool) -> AsyncEngine:
    read_only = "" if writes else " -c default_transaction_read_only=on"
    given = address.url.query.get("options", "")
    return create_async_engine(
        address.url,
        pool_size=4,
        max_overflow=4,
        pool_timeout=PATIENCE,
        pool_pre_ping=True,
        hide_parameters=True,
        isolation_level="READ COMMITTED" if writes else "REPEATABLE READ",
        connect_args={
            **_postgres_options(address),
            "options": f"{_TIMEOUTS}{read_only} {given}".strip(),
        },
    )


def _postgres_options(address: Address) -> dict[str, Any]:
    # No server-side prepared statements: they break behind a pooler and when a migration changes a table under a replica.
    defaults: dict[str, Any] = {
        "connect_timeout": 10,
        "tcp_user_timeout": PATIENCE * 1000,  # ms without an answer: the network is away
        "prepare_threshold": None,
        "application_name": "shipbell",
    }
    asked = {name: value for name, value in defaults.items() if name not in address.url.query}
    return {**asked, **address.options}
