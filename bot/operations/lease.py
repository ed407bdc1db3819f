"""The lease: a replica may act only as long as its last heartbeat is young enough. Decided on this process's own clock.

A replica that was stopped (SIGSTOP, a paused machine, a database away) may have been declared dead and its work taken over.
Nothing tells it so when it wakes, so it asks this lease before every effect. The heartbeat table lives in bot/storage.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.domain.errors import LeaseLost

logger = logging.getLogger(__name__)


def now() -> float:
    """Seconds that never run backwards and that go on while the machine sleeps, which `time.monotonic` doesn't on Linux."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass(frozen=True)
class Lease:
    """ttl: seconds for which a heartbeat lets this replica act. Shorter than the silence after which others call it dead, by
    more than an effect takes to begin. renewed_at: when the last successful heartbeat *began*, in seconds of `now()`."""

    ttl: float
    renewed_at: float
    fence: int

    def renewed(self, at: float, fence: int) -> Lease:
        """After a heartbeat that began at `at`. A fence that changed says that others declared this life dead."""
        if fence != self.fence:
            raise LeaseLost(
                f"This replica's fence went from {self.fence} to {fence}: it was declared dead and its work given away.",
                "It must be started again.",
            )
        return Lease(self.ttl, max(at, self.renewed_at), fence)

    def left(self, at: float) -> float:
        """Seconds until it is lost; negative once it is."""
        return self.renewed_at + self.ttl - at

    def check(self, at: float) -> int:
        """The fence to send along with an effect. Raises LeaseLost when the last heartbeat is too old."""
        if (left := self.left(at)) < 0:
            raise LeaseLost(
                f"This replica's last heartbeat is {self.ttl - left:.1f} s old, and {self.ttl:g} s are allowed:"
                " another replica may have taken over its work.",
                "It must be started again.",
            )
        return self.fence


class LeaseKeeper:
    """Renews the lease while the app runs. Once lost it stays lost: this life of the replica may not act any more.

    beat: writes one heartbeat and returns the fence; raises LeaseLost when this life was declared dead.
    """

    def __init__(
        self, beat: Callable[[], Awaitable[int]], ttl: float, clock: Callable[[], float] = now
    ) -> None:
        self._beat = beat
        self._ttl = ttl
        self._clock = clock
        self._lease: Lease | None = None
        self._loss: LeaseLost | None = None
        self._lost = asyncio.Event()

    @property
    def fence(self) -> int:
        """The fence of this life, whether or not the lease still holds. Raises LeaseLost before the first heartbeat."""
        return self._held().fence

    def check(self) -> int:
        """To be called right before every effect: returns the fence to send along. Raises LeaseLost."""
        held = self._held()
        if self._loss is not None:
            raise LeaseLost(self._loss.what, self._loss.todo)
        try:
            return held.check(self._clock())
        except LeaseLost as loss:
            self._lose(loss)
            raise

    async def lost(self) -> LeaseLost:
        """Waits until the lease is lost, and says why: the app must end the process then."""
        await self._lost.wait()
        if self._loss is None:
            raise AssertionError("lost without a reason")
        return self._loss

    async def begin(self) -> int:
        """The first heartbeat, awaited before any work is taken. Returns the fence; raises what `beat` raises."""
        at = self._clock()
        self._lease = Lease(self._ttl, at, await self._beat())
        return self._lease.fence

    async def keep(self) -> LeaseLost:
        """Renews three times per ttl until the lease is lost, and returns the reason. A heartbeat that fails or hangs is tried
        again soon: only time, or the word that this life was declared dead, loses the lease."""
        pause = self._ttl / 3
        while self._loss is None:
            at = self._clock()
            rest = pause
            try:
                fence = await asyncio.wait_for(self._beat(), pause)
                self.check()  # late all the same: the process may have been stopped in between
                self._lease = self._held().renewed(at, fence)
            except LeaseLost as loss:
                self._lose(loss)
            except Exception as error:  # noqa: BLE001 - a worker's loop: whatever the database says, time decides
                rest = pause / 4
                logger.warning("heartbeat failed: %s: %s", type(error).__name__, error)
                try:
                    self.check()
                except LeaseLost as loss:
                    self._lose(loss)
            if self._loss is None:
                await asyncio.sleep(max(0.0, min(rest, self._held().left(self._clock()))))
        return self._loss

    def _held(self) -> Lease:
        if self._lease is None:
            raise LeaseLost("This replica has had no heartbeat yet.", "Await `begin` before any effect.")
        return self._lease

    def _lose(self, loss: LeaseLost) -> None:
        if self._loss is None:
            self._loss = loss
            self._lost.set()
