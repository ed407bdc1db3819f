"""What people asked for, written down before they get an answer: many requests that come at once share one transaction.

A transaction's price hardly depends on what is in it, and each writer waits for those before it. So while one is under way the
requests that come meanwhile gather, and the next takes them all: nobody waits for more than two, however many there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from bot.ports import Clock, Store, Transaction

_Write = Callable[[Transaction], Awaitable[bool]]
_LATER = 0.05
"""Seconds that the end of a request may wait for others: nobody waits for it, and a request that is done twice is found out."""


class Inbox:
    """Stored requests, unique by id. Belongs to the running event loop."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiting: list[tuple[_Write, asyncio.Future[bool]]] = []
        self._worker: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def accept(self, request_id: str, kind: str, payload: Mapping[str, object]) -> bool:
        """Returns once it is stored; False for one that was there before. Raises StorageError."""
        at = self._clock.now()
        return await self._written(lambda tx: tx.accept_request(request_id, kind, payload, at), now=True)

    async def finish(self, request_id: str) -> None:
        """Returns once it is written that nothing is left to do. Raises StorageError."""

        async def done(tx: Transaction) -> bool:
            await tx.finish_request(request_id)
            return True

        await self._written(done, now=False)

    async def _written(self, write: _Write, *, now: bool) -> bool:
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((write, future))
        if now:
            self._hurry.set()
        if self._worker is None:
            self._worker = asyncio.create_task(self._write_all(), name="inbox")
        return await future

    async def _write_all(self) -> None:
        """Until nothing waits any more."""
        try:
            while self._waiting:
                try:
                    await asyncio.wait_for(self._hurry.wait(), _LATER)
                except TimeoutError:
                    pass
                self._hurry.clear()
                batch, self._waiting = self._waiting, []
                await self._write(batch)
        finally:
            self._worker = None
            for _, future in self._waiting:  # only where the loop is ending
                future.cancel()

    async def _write(self, batch: list[tuple[_Write, asyncio.Future[bool]]]) -> None:
        answers: list[bool] = []
        try:
            async with self._store.transaction() as tx:
                for write, _ in batch:
                    answers.append(await write(tx))
        except Exception as error:  # noqa: BLE001 - told to whoever waits for it
            if len(batch) > 1:
                # What one of them brought about must not be the others' end.
                for one in batch:
                    await self._write([one])
            elif not (future := batch[0][1]).done():
                future.set_exception(error)
            return
        except BaseException:
            for _, future in batch:
                future.cancel()
            raise
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)
