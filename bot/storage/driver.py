"""SQLite's driver with one trip to its thread a statement. What a connection is told to be is in `database`, not here.

aiosqlite makes four of each (a cursor, the statement, its rows, the cursor's end), and SQLAlchemy takes all of them; each costs a
change of threads there and back, which on a busy machine is most of the time that a short statement takes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any

import aiosqlite

_Found = tuple[Any, int, int | None, list[Any]]


def connector(path: str) -> Callable[[], Awaitable[aiosqlite.Connection]]:
    """For SQLAlchemy's `async_creator`: opens the file anew at each call."""

    async def connect() -> aiosqlite.Connection:
        connection = _Connection(partial(sqlite3.connect, path, check_same_thread=False), iter_chunk_size=64)
        # As SQLAlchemy has it: a connection that was left open must not keep the process.
        connection._thread.daemon = True
        return await connection

    return connect


class _Connection(aiosqlite.Connection):
    def cursor(self, factory: Any = None) -> Any:
        return _Cursor(self)

    async def at_once(self, run: Callable[..., _Found], sql: str, parameters: Any) -> _Found:
        """One trip to the thread."""
        found: _Found = await self._execute(run, self._conn, sql, parameters)  # type: ignore[no-untyped-call]
        return found


class _Cursor:
    """As much of aiosqlite's cursor as SQLAlchemy asks for. All rows are there once the statement has run."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> _Cursor:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> _Cursor:
        return self._keep(await self._connection.at_once(_run, sql, parameters))

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> _Cursor:
        return self._keep(await self._connection.at_once(_run_many, sql, parameters))

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Nothing is left open."""

    def _keep(self, found: _Found) -> _Cursor:
        self.description, self.rowcount, self.lastrowid, self._rows = found
        return self


def _run(connection: sqlite3.Connection, sql: str, parameters: Sequence[Any]) -> _Found:
    return _all_of(connection.execute(sql, parameters))


def _run_many(connection: sqlite3.Connection, sql: str, parameters: Iterable[Sequence[Any]]) -> _Found:
    return _all_of(connection.executemany(sql, parameters))


def _all_of(cursor: sqlite3.Cursor) -> _Found:
    try:
        rows = cursor.fetchall() if cursor.description else []
        return cursor.description, cursor.rowcount, cursor.lastrowid, rows
    finally:
        cursor.close()
