"""The lease: young heartbeats let a replica act, old ones don't, and what is lost stays lost."""

from __future__ import annotations

import asyncio

import pytest

from bot.domain.errors import LeaseLost
from bot.operations.lease import Lease, LeaseKeeper, now


def test_a_heartbeat_lets_the_replica_act_for_the_ttl_from_its_beginning() -> None:
    lease = Lease(ttl=10, renewed_at=100, fence=7)

    assert lease.check(110) == 7
    assert lease.left(104) == 6
    with pytest.raises(LeaseLost, match=r"last heartbeat is 10.5 s old, and 10 s are allowed"):
        lease.check(110.5)
    assert lease.renewed(109, 7).check(119) == 7
    assert lease.renewed(99, 7) == lease  # an answer that overtook another one


def test_another_fence_says_that_this_life_was_declared_dead() -> None:
    with pytest.raises(LeaseLost, match="fence went from 7 to 8: it was declared dead"):
        Lease(ttl=10, renewed_at=100, fence=7).renewed(101, 8)


class Heart:
    """A heartbeat table of one row, and a clock; both in the hands of the test."""

    def __init__(self) -> None:
        self.time = 0.0
        self.fence = 3
        self.beats = 0
        self.error: Exception | None = None
        self.hangs = False

    def clock(self) -> float:
        return self.time

    async def beat(self) -> int:
        self.beats += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return self.fence


async def test_nothing_may_be_done_before_the_first_heartbeat() -> None:
    heart = Heart()
    keeper = LeaseKeeper(heart.beat, 1.0, heart.clock)
    with pytest.raises(LeaseLost, match="no heartbeat yet"):
        keeper.check()
    assert await keeper.begin() == 3
    assert keeper.check() == keeper.fence == 3


async def test_a_lost_lease_stays_lost_even_if_the_clock_or_a_heartbeat_says_otherwise() -> None:
    heart = Heart()
    keeper = LeaseKeeper(heart.beat, 1.0, heart.clock)
    await keeper.begin()
    heart.time = 1.5
    with pytest.raises(LeaseLost):
        keeper.check()
    heart.time = 0.5
    with pytest.raises(LeaseLost):
        keeper.check()
    assert await keeper.keep() is await keeper.lost()
    assert heart.beats == 1


async def test_heartbeats_keep_the_lease() -> None:
    heart = Heart()
    keeper = LeaseKeeper(heart.beat, 0.06, heart.clock)
    await keeper.begin()
    keeping = asyncio.create_task(keeper.keep())
    for turn in range(1, 6):
        heart.time += 0.05  # 0.25 in all: more than four times the ttl
        await _until(lambda turn=turn: heart.beats >= 1 + 2 * turn)
    assert keeper.check() == 3
    heart.fence = 4
    loss = await asyncio.wait_for(keeping, 5)
    assert "fence went from 3 to 4" in loss.what


@pytest.mark.parametrize("how", ["fails", "hangs"])
async def test_a_database_that_is_away_loses_the_lease_only_by_time(how: str) -> None:
    heart = Heart()
    keeper = LeaseKeeper(heart.beat, 0.06, heart.clock)
    await keeper.begin()
    heart.hangs, heart.error = how == "hangs", ConnectionError("away")
    keeping = asyncio.create_task(keeper.keep())
    await _until(lambda: heart.beats >= 4)
    assert keeper.check() == 3
    heart.time = 0.1

    assert "last heartbeat is 0.1 s old" in (await asyncio.wait_for(keeping, 5)).what
    assert (await keeper.lost()).todo == "It must be started again."


async def test_the_word_that_this_life_was_declared_dead_loses_it_at_once() -> None:
    heart = Heart()
    keeper = LeaseKeeper(heart.beat, 60, heart.clock)
    await keeper.begin()
    heart.error = LeaseLost("Somebody declared this replica dead.")

    assert await asyncio.wait_for(keeper.keep(), 5) is heart.error


async def test_a_process_that_stood_still_through_a_heartbeat_has_lost_it() -> None:
    """The heartbeat was sent in time, but its answer is read after the ttl: others may have acted since."""
    heart = Heart()

    async def slow_beat() -> int:
        heart.time += 2
        return heart.fence

    keeper = LeaseKeeper(slow_beat, 1.0, heart.clock)
    keeper._lease = Lease(1.0, 0.0, 3)
    assert "last heartbeat is 2.0 s old" in (await asyncio.wait_for(keeper.keep(), 5)).what


def test_the_clock_goes_forward() -> None:
    first = now()
    assert now() >= first > 0


async def _until(holds: object, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # type: ignore[operator]
            await asyncio.sleep(0.002)
