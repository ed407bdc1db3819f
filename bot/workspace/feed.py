"""The feed: every event that pages and people see, numbered without gaps, kept over a restart, and filtered by person."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable

from bot.workspace.errors import Json
from bot.workspace.store import FEED_KEPT, Store

Item = tuple[int, frozenset[str] | None, Json]


class Feed:
    """Events in order. `audience` is a set of user ids, or None for everyone."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._items: deque[Item] = deque(maxlen=FEED_KEPT)
        for seq, audience, body in store.feed():
            self._items.append((seq, None if audience is None else frozenset(audience), body))
        self._seq = self._items[-1][0] if self._items else 0
        self._news = asyncio.Event()
        self._closed = False

    @property
    def seq(self) -> int:
        """The number of the newest event; 0 when there is none."""
        return self._seq

    def publish(self, event: Json, audience: Iterable[str] | None = None) -> None:
        """Numbers the event, keeps it and wakes whoever follows."""
        self._seq += 1
        wanted = None if audience is None else frozenset(audience)
        self._items.append((self._seq, wanted, event))
        self._store.append_feed(self._seq, None if wanted is None else sorted(wanted), event)
        self._news.set()
        self._news = asyncio.Event()

    def since(self, user_id: str, after: int) -> list[tuple[int, Json]]:
        """What this person may see with a number above `after`. Events older than those kept give one `resync` first."""
        if after > self._seq:
            # The reader knows a feed that is gone, such as an emptied data directory.
            return [(self._seq, {"type": "resync"})]
        if after == self._seq or not self._items:
            return []
        found: list[tuple[int, Json]] = []
        oldest = self._items[0][0]
        if after + 1 < oldest:
            found.append((oldest - 1, {"type": "resync"}))
        for seq, audience, body in reversed(self._items):
            if seq <= after:
                break
            if audience is None or user_id in audience:
                found.append((seq, body))
        return sorted(found, key=lambda pair: pair[0])

    async def follow(self, user_id: str, after: int, beat: float) -> AsyncIterator[tuple[int, Json] | None]:
        """Events for the person as they come, for ever; None after `beat` seconds of silence, so that dead readers are noticed."""
        while not self._closed:
            news = self._news
            for seq, body in self.since(user_id, after):
                after = seq
                yield seq, body
            try:
                await asyncio.wait_for(news.wait(), beat)
            except TimeoutError:
                yield None

    def close(self) -> None:
        """Ends every follower."""
        self._closed = True
        self._news.set()
