"""One heartbeat for the lease, and what to make of it when the database can't take it.

How often, and when the lease is lost, is `lease`'s."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from bot.domain.errors import StorageError

log = logging.getLogger(__name__)


class Heartbeat:
    """beat: writes one and returns the fence. is_alone: nobody else can have the database, since this process holds the lock of
    its file (SQLite). Then a disk that is full costs no lease: whoever restarted the process would only find it full again."""

    def __init__(self, beat: Callable[[], Awaitable[int]], *, is_alone: bool) -> None:
        self._beat = beat
        self._is_alone = is_alone
        self._fence: int | None = None
        self.trouble: str | None = None
        """Why the last heartbeat could not be written; None when it was. For the health page."""

    async def __call__(self) -> int:
        """The fence. Raises LeaseLost, and StorageError unless this process is alone and has had a heartbeat before."""
        try:
            self._fence = await self._beat()
        except StorageError as error:
            if self.trouble is None:
                log.error("no heartbeat can be written: %s", error)
            self.trouble = str(error)
            if not self._is_alone or self._fence is None:
                raise
            return self._fence
        if self.trouble is not None:
            log.info("heartbeats can be written again")
        self.trouble = None
        return self._fence
