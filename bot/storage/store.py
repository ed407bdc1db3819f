"""`bot.ports.Store` on SQL: who may write when, and what became of a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError

from bot.domain.errors import StorageError
from bot.ports import Transaction, View
from bot.storage.database import PATIENCE, Engines, Session, create_engines
from bot.storage.errors import raise_explained
from bot.storage.migration import check_current
from bot.storage.outbox import SqlOutbox
from bot.storage.replicas import SqlReplicas
from bot.storage.transaction import SqlTransaction
from bot.storage.upkeep import Upkeep
from bot.storage.view import SqlView


class SqlStore:
    """Belongs to the event loop that opened it. Transactions of one process take turns, first come first served."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._turn = asyncio.Lock()
        self._writer: asyncio.Task[object] | None = None
        self._outbox = SqlOutbox(engines, self._writing)
        self._replicas = SqlReplicas(engines)
        self._upkeep = Upkeep(engines, self._writing)

    def __repr__(self) -> str:
        return f"SqlStore({self._engines.address})"

    def view(self) -> AbstractAsyncContextManager[View]:
        """One snapshot. It doesn't see what a transaction of the same task hasn't committed. Raises StorageError."""
        return self._view()

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Commits when its context ends without an error, and nothing of it is kept otherwise. Raises StorageError, also when
        the turn to write doesn't come within 30 s. Don't begin one inside another: that raises RuntimeError."""
        return self._transaction()

    @property
    def outbox(self) -> SqlOutbox:
        return self._outbox

    @property
    def replicas(self) -> SqlReplicas:
        return self._replicas

    @property
    def upkeep(self) -> Upkeep:
        """Retention and backups."""
        return self._upkeep

    async def close(self) -> None:
        await self._engines.close()

    @asynccontextmanager
    async def _view(self) -> AsyncIterator[View]:
        async with self._engines.reading() as session:
            yield SqlView(session)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Transaction]:
        async with self._writing() as session:
            transaction = SqlTransaction(session)
            yield transaction
            if transaction.failure is not None:
                # The body went on after an error. SQLite may have rolled back by itself, so a commit would keep a half.
                raise transaction.failure

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[Session]:
        """A session that holds the write lock; commits at the end."""
        task = asyncio.current_task()
        if self._writer is task and task is not None:
            raise RuntimeError("a transaction inside a transaction of the same task would wait for itself")
        await self._take_turn()
        try:
            self._writer = task
            async with self._engines.writing() as session:
                yield session
        finally:
            self._writer = None
            self._turn.release()

    async def _take_turn(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._turn.acquire()
        except TimeoutError:
            raise StorageError(
                f"The turn to write didn't come within {PATIENCE} s.", "It may work when tried again."
            ) from None


async def open_store(url: str) -> SqlStore:
    """Opens a database that `migrate` has brought up to date. Raises StorageError: away, refused, or another version's schema."""
    engines = create_engines(url)
    try:
        async with engines.read.connect() as connection:
            await connection.run_sync(check_current)
    except SQLAlchemyError as error:
        await engines.close()
        raise_explained(error)
    except BaseException:
        await engines.close()
        raise
    return SqlStore(engines)
