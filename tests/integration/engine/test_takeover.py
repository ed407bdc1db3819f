"""A dead replica's work is carried on by another within seconds, and one that only seemed dead has no effect when it wakes."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from tests.integration.engine.replica import LOST
from tests.support.engine import EngineDatabase, Stage

pytestmark = [pytest.mark.kill]

TTL = 3.0  # seconds; a replica that shares two cores with others must not lose its lease while it starts
ROLLOUT = ("rollout", "w", {"id": "w", "steps": 4, "before": [2]})


@pytest.fixture
def postgres(postgres_url: str) -> EngineDatabase:
    return EngineDatabase("postgres", postgres_url)


@pytest.mark.postgres
async def test_another_replica_carries_on_what_a_killed_one_began(
    postgres: EngineDatabase, stage: Stage
) -> None:
    dead = stage.spawn(postgres.url, "a", start=[ROLLOUT])
    stage.spawn(postgres.url, "b", take_over=["a"])
    await stage.mark("b", "started")
    await stage.mark("a", "before-2")
    dead.kill()
    stage.open_gate("before-2")
    stage.open_gate("take-over")
    began = time.monotonic()

    assert await stage.ended("w") == ["a w 0", "a w 1", "b w 2", "b w 3", "b w end"]
    assert time.monotonic() - began < 10


@pytest.mark.postgres
async def test_a_replica_that_was_stopped_and_taken_over_ends_before_its_effect_when_it_wakes(
    postgres: EngineDatabase, stage: Stage
) -> None:
    stale = stage.spawn(postgres.url, "a", start=[ROLLOUT], ttl=TTL)
    stage.spawn(postgres.url, "b", take_over=["a"], ttl=TTL)
    await stage.mark("b", "started")
    await stage.mark("a", "before-2")
    stale.stop()
    stage.open_gate("before-2")
    stage.open_gate("take-over")
    await stage.ended("w")
    await _pass_the_lease(stage)
    stale.wake()

    assert stale.process.wait(10) == LOST
    assert stage.journal() == ["a w 0", "a w 1", "b w 2", "b w 3", "b w end"]


@pytest.mark.postgres
async def test_without_a_lease_the_effect_would_be_had_twice(postgres: EngineDatabase, stage: Stage) -> None:
    """What the lease is for: DBOS keeps a stale run from recording, but not from acting. Fails when DBOS learns to."""
    stale = stage.spawn(postgres.url, "a", start=[ROLLOUT])
    stage.spawn(postgres.url, "b", take_over=["a"])
    await stage.mark("b", "started")
    await stage.mark("a", "before-2")
    stale.stop()
    stage.open_gate("before-2")
    stage.open_gate("take-over")
    await stage.ended("w")
    stale.wake()

    await stage.until(lambda: "a w 2" in stage.journal(), "the second effect")
    await stage.until(lambda: "another run carries it on" in stale.said(), "the end of the stale run")
    assert [line for line in stage.journal() if line.startswith("a")] == ["a w 0", "a w 1", "a w 2"]


async def test_on_sqlite_a_stopped_replica_keeps_the_file_and_ends_when_it_wakes(
    stage: Stage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('engine')}/engine.sqlite"
    stale = stage.spawn(url, "a", start=[ROLLOUT], ttl=TTL)
    await stage.mark("a", "before-2")
    stale.stop()
    second = stage.spawn(url, "b")
    assert second.process.wait(20) == 1
    assert f"Another process (pid {stale.process.pid}) already runs on" in second.said()
    assert "SQLite serves one process: stop the other one, or set SHIPBELL_DATABASE_URL" in second.said()
    stage.open_gate("before-2")
    await _pass_the_lease(stage)
    stale.wake()
    assert stale.process.wait(10) == LOST
    assert stage.journal() == ["a w 0", "a w 1"]

    stage.spawn(url, "a", ttl=TTL)
    assert await stage.ended("w") == ["a w 0", "a w 1", "a w 2", "a w 3", "a w end"]


@pytest.mark.postgres
async def test_a_workflow_that_two_replicas_take_over_at_once_runs_once(
    postgres: EngineDatabase, stage: Stage
) -> None:
    start = [
        ("rollout", f"w{number}", {"id": f"w{number}", "steps": 3, "before": [0]}) for number in range(20)
    ]
    dead = stage.spawn(postgres.url, "a", start=start)
    for survivor in "bcd":
        stage.spawn(postgres.url, survivor, take_over=["a"])
        await stage.mark(survivor, "started")
    await stage.mark("a", "started")
    await stage.mark("a", "before-0")
    dead.kill()
    stage.open_gate("take-over")
    stage.open_gate("before-0")
    for number in range(20):
        await stage.ended(f"w{number}")

    effects = Counter(line.split(" ", 1)[1] for line in stage.journal())
    assert set(effects.values()) == {1}
    assert len(effects) == 20 * 4


@pytest.mark.postgres
async def test_a_taker_that_dies_in_turn_is_taken_over(postgres: EngineDatabase, stage: Stage) -> None:
    first = stage.spawn(
        postgres.url, "a", start=[("rollout", "w", {"id": "w", "steps": 4, "before": [1, 2]})]
    )
    await stage.mark("a", "before-1")
    first.kill()
    stage.open_gate("before-1")
    stage.open_gate("take-over")
    second = stage.spawn(postgres.url, "b", take_over=["a"])
    await stage.mark("b", "before-2")
    second.kill()
    stage.open_gate("before-2")
    stage.spawn(postgres.url, "c", take_over=["a", "b"])

    assert await stage.ended("w") == ["a w 0", "b w 1", "c w 2", "c w 3", "c w end"]


@pytest.mark.postgres
async def test_two_replicas_that_start_the_same_id_run_it_once(
    postgres: EngineDatabase, stage: Stage
) -> None:
    start = [("rollout", f"w{number}", {"id": f"w{number}", "steps": 2}) for number in range(30)]
    for replica in "ab":
        stage.spawn(postgres.url, replica, start=start)
    for number in range(30):
        await stage.ended(f"w{number}")
    for replica in "ab":
        await stage.mark(replica, "started")

    effects = Counter(line.split(" ", 1)[1] for line in stage.journal())
    assert set(effects.values()) == {1}
    assert len(effects) == 30 * 3


async def _pass_the_lease(stage: Stage) -> None:
    """Until the lease is over for a process that stands still."""
    began = time.monotonic()
    await stage.until(lambda: time.monotonic() - began > TTL + 0.2, "the end of the lease")
