"""The contract of `bot.ports.Replicas`: fences only grow, and a replica is declared dead exactly once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.domain.errors import LeaseLost
from bot.ports import Store
from bot.storage import SqlStore, open_store
from tests.support.poll import until
from tests.support.postgres import postgres_server, postgres_url
from tests.support.store import empty_url, store, store_url

__all__ = ["empty_url", "postgres_server", "postgres_url", "store", "store_url"]

NEVER = timedelta(hours=1)
AT_ONCE = timedelta(0)


async def buried(store: Store) -> list[str]:
    """Those whom a call declares dead that finds everybody silent."""
    found: list[str] = []

    async def look() -> bool:
        found.extend(await store.replicas.declare_dead(AT_ONCE))
        return bool(found)

    await until(look)  # the clock must tick once after the last heartbeat
    return found


async def test_every_life_has_a_greater_fence(store: Store) -> None:
    fences = [await store.replicas.begin(replica) for replica in ("one", "two", "one", "one")]
    assert fences == sorted(set(fences))


async def test_lives_that_begin_together_have_different_fences(store: Store) -> None:
    fences = await asyncio.gather(*(store.replicas.begin(f"replica-{n}") for n in range(20)))
    assert len(set(fences)) == 20


async def test_the_fence_of_a_run_is_greater_than_all_before_it_and_ends_no_life(store: Store) -> None:
    older = await store.replicas.begin("one")
    younger = await store.replicas.begin("two")
    fences = [await store.replicas.next_fence() for _ in range(3)]
    assert [older, younger, *fences] == sorted({older, younger, *fences})
    assert await store.replicas.beat("one") == older
    assert await store.replicas.begin("three") > fences[-1]


async def test_who_asks_is_alive_however_long_its_heartbeats_could_not_be_written(store: Store) -> None:
    fence = await store.replicas.begin("one")
    await store.replicas.begin("two")

    async def only_the_other() -> bool:
        return list(await store.replicas.declare_dead(AT_ONCE, sparing="one")) == ["two"]

    await until(only_the_other)
    assert await store.replicas.beat("one") == fence


async def test_a_heartbeat_returns_the_fence_of_its_life(store: Store) -> None:
    fence = await store.replicas.begin("one")
    await store.replicas.begin("two")
    assert await store.replicas.beat("one") == fence
    assert await store.replicas.beat("one") == fence


async def test_a_heartbeat_without_a_life_is_lost(store: Store) -> None:
    with pytest.raises(LeaseLost, match="begin"):
        await store.replicas.beat("one")


async def test_who_beats_is_not_declared_dead(store: Store) -> None:
    await store.replicas.begin("one")
    assert await store.replicas.declare_dead(NEVER) == []
    await store.replicas.beat("one")


async def test_the_silent_are_declared_dead_once(store: Store) -> None:
    await store.replicas.begin("one")
    await store.replicas.begin("two")
    assert await buried(store) == ["one", "two"]
    assert await store.replicas.declare_dead(AT_ONCE) == []


async def test_the_dead_hear_of_it_at_their_next_heartbeat(store: Store) -> None:
    await store.replicas.begin("one")
    await buried(store)
    for _ in range(2):
        with pytest.raises(LeaseLost, match="declared dead"):
            await store.replicas.beat("one")


async def test_a_new_life_after_death(store: Store) -> None:
    first = await store.replicas.begin("one")
    await buried(store)
    second = await store.replicas.begin("one")
    assert second > first
    assert await store.replicas.beat("one") == second
    assert await buried(store) == ["one"]


async def test_a_second_process_of_the_same_name_ends_the_first_life(store: Store, store_url: str) -> None:
    await store.replicas.begin("one")
    other = await open_store(store_url)
    fence = await other.replicas.begin("one")
    with pytest.raises(LeaseLost):
        await store.replicas.beat("one")
    await store.replicas.retire("one")  # the first one's end is not the second one's
    assert await other.replicas.beat("one") == fence
    await other.close()


async def test_racing_callers_declare_each_replica_dead_once(store: Store, store_url: str) -> None:
    others = [await open_store(store_url) for _ in range(3)]
    names = sorted(f"replica-{n}" for n in range(10))
    for name in names:
        await store.replicas.begin(name)
    found: list[str] = []

    async def look() -> bool:
        for marked in await asyncio.gather(*(s.replicas.declare_dead(AT_ONCE) for s in [store, *others] * 3)):
            found.extend(marked)
        return len(found) >= len(names)

    await until(look)
    assert sorted(found) == names
    for other in others:
        await other.close()


async def test_work_of_one_that_retires_is_handed_over_at_once(store: Store) -> None:
    await store.replicas.begin("one")
    await store.replicas.begin("two")
    await store.replicas.retire("one")
    with pytest.raises(LeaseLost):
        await store.replicas.beat("one")
    assert await store.replicas.declare_dead(NEVER) == ["one"]
    assert await store.replicas.declare_dead(NEVER) == []


async def test_retiring_what_never_lived_is_nothing(store: Store) -> None:
    await store.replicas.retire("one")
    assert await store.replicas.declare_dead(AT_ONCE) == []


async def test_a_heartbeat_does_not_wait_for_the_writer(store: SqlStore, store_url: str) -> None:
    if store_url.startswith("sqlite"):
        pytest.skip(
            "SQLite has one writer, heartbeats included; its transactions are short and its process is one"
        )
    await store.replicas.begin("one")
    async with store.transaction():
        await asyncio.wait_for(store.replicas.beat("one"), 10)
        assert await asyncio.wait_for(store.outbox.lease("one", NEVER), 10)


async def test_the_dead_are_known_until_they_live_again(store: SqlStore) -> None:
    await store.replicas.begin("one")
    await buried(store)
    assert await store.replicas.dead() == ["one"]
    await store.replicas.begin("one")
    assert await store.replicas.dead() == []
