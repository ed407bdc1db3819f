"""Many at once: no write is lost, no two win, and who dies or sleeps in the middle leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
from sqlalchemy import text

from bot.domain.errors import StaleWrite, StorageError
from bot.domain.operation import Approval, State
from bot.ports import Store
from bot.storage import SqlStore, migrate, open_store
from bot.storage import store as store_module
from bot.storage.database import create_migration_engine, parse
from tests.support.poll import until
from tests.support.store import NOON, an_operation
from tests.support.store_process import StoreProcess

Starter = Callable[[str], Awaitable[StoreProcess]]


@pytest.fixture
async def process_on() -> AsyncIterator[Starter]:
    started: list[StoreProcess] = []

    async def start(url: str) -> StoreProcess:
        started.append(await StoreProcess.started(url))
        return started[-1]

    yield start
    for process in started:
        await process.kill()


async def legs(store: Store) -> int:
    async with store.view() as view:
        operation = await view.operation(1)
    assert operation is not None
    return operation.leg


async def added(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.add_operation(an_operation())


async def increment(store: Store) -> None:
    """Reads and writes in one transaction."""
    async with store.transaction() as tx:
        operation = await tx.operation(1)
        assert operation is not None
        await asyncio.sleep(0)  # lets the others in, if the lock does
        await tx.save_operation(replace(operation, leg=operation.leg + 1))


async def increment_by_compare_and_set(store: Store) -> int:
    """Reads in a view, writes in a transaction, begins anew when somebody was faster. Returns how often that was."""
    beaten = 0
    while True:
        async with store.view() as view:
            operation = await view.operation(1)
        assert operation is not None
        try:
            async with store.transaction() as tx:
                await tx.save_operation(replace(operation, leg=operation.leg + 1))
        except StaleWrite:
            beaten += 1
        else:
            return beaten


async def test_a_hundred_at_once_keep_a_hundred(store: Store) -> None:
    await added(store)
    await asyncio.gather(*(increment(store) for _ in range(100)))
    assert await legs(store) == 100


async def test_a_hundred_by_compare_and_set_keep_a_hundred(store: Store) -> None:
    await added(store)
    few = asyncio.Semaphore(
        10
    )  # each success sends all the others back: a hundred at a time would try 5,000 times

    async def one() -> int:
        async with few:
            return await increment_by_compare_and_set(store)

    beaten = await asyncio.gather(*(one() for _ in range(100)))
    assert await legs(store) == 100
    assert sum(beaten) > 0, "nobody was ever in anybody's way: the test shows nothing"


async def test_two_processes_at_once_keep_all(store: Store, store_url: str, process_on: Starter) -> None:
    await added(store)
    one, two = await process_on(store_url), await process_on(store_url)
    await asyncio.gather(
        one.ask(do="increment", times=40),
        two.ask(do="increment", times=40),
        *(increment(store) for _ in range(20)),
    )
    assert await legs(store) == 100


async def test_two_who_count_and_decide_do_not_miss_each_other(store: Store, store_url: str) -> None:
    """Write skew: each of two approvers must see the other's yes, or neither of them opens the gate."""
    await added(store)
    other = await open_store(store_url)
    seen: list[int] = []

    async def approve(through: Store, name: str) -> None:
        async with through.transaction() as tx:
            before = len(await tx.approvals(1))
            await asyncio.sleep(0.02)
            await tx.add_approval(Approval(1, name, None, "hash", True, NOON))
            seen.append(before + 1)

    await asyncio.gather(*(approve((store, other)[n % 2], f"lead-{n}") for n in range(6)))
    assert sorted(seen) == [1, 2, 3, 4, 5, 6]
    await other.close()


async def test_one_of_many_gets_the_target(store: Store, store_url: str) -> None:
    other = await open_store(store_url)
    async with store.transaction() as tx:
        waiting = [await tx.add_operation(an_operation(State.QUEUED)) for _ in range(8)]

    async def start(number: int) -> bool:
        try:
            async with (store, other)[number % 2].transaction() as tx:
                await tx.save_operation(waiting[number].moved(State.ROLLING_OUT, NOON))
        except StaleWrite:
            return False
        return True

    assert sum(await asyncio.gather(*(start(number) for number in range(8)))) == 1
    await other.close()


async def test_two_processes_race_for_the_outbox(store_url: str, process_on: Starter) -> None:
    one, two = await process_on(store_url), await process_on(store_url)
    engine = create_migration_engine(parse(store_url))
    winners = set()
    for _ in range(15):
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM leases"))
        won = await asyncio.gather(
            one.ask(do="lease", replica="one", ttl=60), two.ask(do="lease", replica="two", ttl=60)
        )
        assert sorted(won) == [False, True]
        winners.add(won[0])
    assert winners  # who wins is chance


async def test_two_processes_declare_each_replica_dead_once(
    store: SqlStore, store_url: str, process_on: Starter
) -> None:
    processes = [await process_on(store_url), await process_on(store_url)]
    for round_ in range(5):
        names = sorted(f"replica-{round_}-{n}" for n in range(5))
        for name in names:
            await store.replicas.begin(name)
        found: list[str] = []

        async def look(into: list[str] = found, wanted: int = len(names)) -> bool:
            for marked in await asyncio.gather(*(process.ask(do="declare_dead") for process in processes)):
                into.extend(marked)
            return len(into) >= wanted

        await until(look)
        assert sorted(found) == names


async def test_who_is_killed_in_a_transaction_leaves_nothing(
    store: Store, store_url: str, process_on: Starter
) -> None:
    process = await process_on(store_url)
    assert await process.ask(do="begin_and_hold") == 1
    await process.kill()
    async with asyncio.timeout(20):
        await added(store)  # the lock died with its holder
    async with store.view() as view:
        assert len(await view.operations()) == 1


@pytest.mark.postgres
async def test_who_is_stopped_in_a_transaction_holds_up_nobody_for_long(
    postgres_url: str, process_on: Starter
) -> None:
    await migrate(postgres_url)
    process = await process_on(f"{postgres_url}?options=-c%20idle_in_transaction_session_timeout%3D300")
    await process.ask(do="begin_and_hold")
    process.stop()
    store = await open_store(postgres_url)
    async with asyncio.timeout(20):
        await added(store)
    process.wake()
    # What it wrote isn't kept when it wakes: its commit fails, and it ends with that error.
    with pytest.raises(AssertionError, match="the child ended"):
        await process.ask(do="go on")
    async with store.view() as view:
        assert len(await view.operations()) == 1
    await store.close()


async def test_a_transaction_that_is_cancelled_leaves_nothing_and_frees_the_turn(store: Store) -> None:
    cut_short = 0
    for turn in range(150):
        task = asyncio.create_task(_add_two(store))
        # Wherever that is: before, in and after each of its statements.
        await asyncio.sleep(turn % 30 * 0.0003)
        task.cancel()
        [end] = await asyncio.gather(task, return_exceptions=True)
        assert end is None or isinstance(end, asyncio.CancelledError), end
        cut_short += end is not None
    assert cut_short > 0
    async with asyncio.timeout(20):
        await added(store)
    async with store.view() as view:
        # Both of a transaction or neither; and the one at the end.
        assert len(await view.operations(limit=1000)) % 2 == 1


async def _add_two(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.add_operation(an_operation())
        await tx.add_operation(an_operation())


async def test_a_statement_that_was_interrupted_spoils_its_transaction(store: Store) -> None:
    """Whether it was carried out is not known, so nothing that goes with it may be kept, even if the body goes on."""
    with pytest.raises(StorageError, match="interrupted"):
        async with store.transaction() as tx:
            await tx.add_operation(an_operation())
            task = asyncio.ensure_future(tx.operations())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled()
    async with store.view() as view:
        assert await view.operations() == []


async def test_who_waits_too_long_for_the_turn_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "PATIENCE", 0.05)
    async with store.transaction():
        with pytest.raises(StorageError, match="turn to write"):
            await asyncio.create_task(added(store))
    await added(store)


async def test_turns_are_taken_in_order(store: Store) -> None:
    order: list[int] = []

    async def write(place: int) -> None:
        async with store.transaction():
            order.append(place)

    await asyncio.gather(*(write(place) for place in range(30)))
    assert order == list(range(30))
