"""The inbox: requests that come at once share a transaction, and none of them pays for another's fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from bot.domain.errors import StorageError
from bot.operations.inbox import Inbox
from bot.ports import Store, Transaction
from bot.storage import SqlStore, migrate, open_store


class Clock:
    def now(self) -> datetime:
        return datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Counted:
    """The store, with the number of its transactions."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.transactions = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        self.transactions += 1
        async with self.store.transaction() as tx:
            yield tx


@pytest.fixture
async def counted(tmp_path: Path) -> AsyncIterator[Counted]:
    url = f"sqlite:///{tmp_path / 'shipbell.sqlite'}"
    await migrate(url)
    store = await open_store(url)
    yield Counted(store)
    await store.close()


@pytest.fixture
def inbox(counted: Counted) -> Inbox:
    return Inbox(cast(Store, counted), Clock())


async def unfinished(counted: Counted) -> set[str]:
    async with counted.store.transaction() as tx:
        return {row[0] for row in await tx.unfinished_requests()}


async def test_what_is_accepted_is_stored_before_the_answer(inbox: Inbox, counted: Counted) -> None:
    assert await inbox.accept("one", "slack.slash", {"text": "status"})
    assert await unfinished(counted) == {"one"}
    assert not await inbox.accept("one", "slack.slash", {"text": "status"})


async def test_fifty_at_once_take_a_few_transactions(inbox: Inbox, counted: Counted) -> None:
    accepted = await asyncio.gather(*(inbox.accept(f"r{n}", "k", {}) for n in range(50)))
    assert all(accepted)
    assert counted.transactions <= 3
    await asyncio.gather(*(inbox.finish(f"r{n}") for n in range(50)))
    assert counted.transactions <= 6
    assert await unfinished(counted) == set()


async def test_the_same_twice_at_once_is_accepted_once(inbox: Inbox) -> None:
    assert sorted(await asyncio.gather(*(inbox.accept("same", "k", {}) for _ in range(5)))) == [
        False,
        False,
        False,
        False,
        True,
    ]


async def test_one_that_cannot_be_stored_is_refused_alone(inbox: Inbox, counted: Counted) -> None:
    bad = {"text": object()}
    results = await asyncio.gather(
        inbox.accept("before", "k", {}),
        inbox.accept("bad", "k", bad),
        inbox.accept("after", "k", {}),
        return_exceptions=True,
    )
    assert results[0] is True
    assert isinstance(results[1], StorageError | TypeError)
    assert results[2] is True
    assert await unfinished(counted) == {"before", "after"}


async def test_who_goes_away_leaves_the_others_waiting_rightly(inbox: Inbox, counted: Counted) -> None:
    leaving = asyncio.create_task(inbox.accept("leaving", "k", {}))
    staying = asyncio.create_task(inbox.accept("staying", "k", {}))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying
    assert await inbox.accept("next", "k", {})
    # Stored although nobody waits any more: it is found among the unfinished, as after a crash.
    assert await unfinished(counted) == {"leaving", "staying", "next"}
