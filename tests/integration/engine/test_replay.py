"""After a kill a workflow carries on at its first unrecorded step, on the app's loop, however often it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from dbos import DBOS
from dbos._dbos import _get_or_create_dbos_registry

from bot.operations.engine import Engine, Json, StepFailed, step
from tests.support.engine import EngineDatabase, Stage, reaches

Engines = Callable[..., Awaitable[Engine]]


@pytest.mark.kill
async def test_a_killed_replica_carries_on_at_the_step_that_it_was_in(
    database: EngineDatabase, stage: Stage
) -> None:
    first = stage.spawn(database.url, "a", start=[("rollout", "w", {"id": "w", "steps": 4, "before": [2]})])
    await stage.mark("a", "before-2")
    first.kill()

    stage.open_gate("before-2")
    stage.spawn(database.url, "a")

    assert await stage.ended("w") == ["a w 0", "a w 1", "a w 2", "a w 3", "a w end"]


@pytest.mark.kill
async def test_a_kill_between_effect_and_record_runs_that_one_step_again(
    database: EngineDatabase, stage: Stage
) -> None:
    first = stage.spawn(database.url, "a", start=[("rollout", "w", {"id": "w", "steps": 3, "after": [1]})])
    await stage.mark("a", "after-1")
    first.kill()

    stage.open_gate("after-1")
    stage.spawn(database.url, "a")

    assert await stage.ended("w") == ["a w 0", "a w 1", "a w 1", "a w 2", "a w end"]


@pytest.mark.kill
async def test_a_recovered_workflow_runs_on_the_loop_of_the_app(
    database: EngineDatabase, stage: Stage
) -> None:
    first = stage.spawn(database.url, "a", start=[("loop", "loop", {})])
    await stage.mark("a", "before-0")
    first.kill()

    stage.open_gate("before-0")
    stage.spawn(database.url, "a")
    await stage.until(lambda: bool(stage.journal()), "the workflow's word on its loop")

    assert stage.journal() == ["a loop app"]


async def test_a_replay_gives_the_recorded_values_and_failures(
    database: EngineDatabase, engines: Engines
) -> None:
    calls: list[str] = []
    seen: list[list[object]] = []
    go_on = asyncio.Event()

    async def value() -> tuple[int, str]:
        calls.append("value")
        return 1, "ü"

    async def failure() -> None:
        calls.append("failure")
        raise LookupError("no such thing")

    async def wait() -> None:
        calls.append("wait")
        await go_on.wait()

    async def flow(argument: dict[str, Json]) -> None:
        got: list[object] = [argument, await step("value", value)]
        try:
            await step("failure", failure)
        except StepFailed as failed:
            got += [failed.kind, failed.message, str(failed)]
        seen.append(got)
        await step("wait", wait)

    engine = await engines(database.url, {"flow": flow})
    await engine.start("flow", "w", {"targets": ["a", "b"], "n": 1.5, "none": None})
    await _until(lambda: calls.count("wait") == 1)
    await engine.close()
    go_on.set()
    engine = await engines(database.url, {"flow": flow})
    await reaches(engine, "w", "done")

    assert calls == ["value", "failure", "wait", "wait"]
    said = "The step failure failed: LookupError: no such thing"
    assert (
        seen
        == [[{"targets": ["a", "b"], "n": 1.5, "none": None}, [1, "ü"], "LookupError", "no such thing", said]]
        * 2
    )


async def test_steps_of_one_gather_are_told_apart_in_a_replay(
    database: EngineDatabase, engines: Engines
) -> None:
    calls: list[int] = []
    results: list[list[int]] = []
    go_on = asyncio.Event()

    async def one(number: int) -> int:
        calls.append(number)
        await asyncio.sleep((5 - number) / 100)  # they end in another order than they begin
        if number == 2:
            await go_on.wait()
        return number * 10

    async def flow(_: dict[str, Json]) -> None:
        results.append(await asyncio.gather(*(step(f"one-{number}", one, number) for number in range(5))))

    engine = await engines(database.url, {"flow": flow}, drain=0.3)
    await engine.start("flow", "w", {})
    await _until(lambda: len(calls) == 5)
    await engine.close()
    go_on.set()
    engine = await engines(database.url, {"flow": flow})
    await reaches(engine, "w", "done")

    assert (sorted(calls[:5]), calls[5:]) == ([0, 1, 2, 3, 4], [2])
    assert results == [[0, 10, 20, 30, 40]]


@pytest.mark.slow
@pytest.mark.timeout(600)  # half a minute on two idle cores
async def test_a_workflow_survives_150_restarts(
    database: EngineDatabase, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DBOS's own limit is 100 by default, and past it a workflow is parked in silence."""
    _poll_often(monkeypatch)
    runs = 0
    steps = 0

    async def first() -> None:
        nonlocal steps
        steps += 1

    async def flow(_: dict[str, Json]) -> None:
        nonlocal runs
        await step("first", first)
        runs += 1
        if runs <= 150:
            await asyncio.Event().wait()

    engine = await engines(database.url, {"flow": flow})
    await engine.start("flow", "w", {})
    for restart in range(1, 151):
        async with asyncio.timeout(15):
            while runs < restart:
                await asyncio.sleep(0.005)
        await engine.close()
        engine = await engines(database.url, {"flow": flow})
    await reaches(engine, "w", "done")

    assert (runs, steps) == (151, 1)
    assert database.execute("SELECT recovery_attempts FROM dbos.workflow_status") == [(151,)]


async def test_all_of_200_pending_workflows_carry_on(database: EngineDatabase, engines: Engines) -> None:
    begun: set[int] = set()
    go_on = asyncio.Event()

    async def flow(argument: dict[str, Json]) -> None:
        begun.add(int(str(argument["number"])))
        await go_on.wait()

    engine = await engines(database.url, {"flow": flow})
    await asyncio.gather(*(engine.start("flow", f"w-{number}", {"number": number}) for number in range(200)))
    await _until(lambda: len(begun) == 200)
    await engine.close()
    begun.clear()
    engine = await engines(database.url, {"flow": flow})
    await _until(lambda: len(begun) == 200)
    assert len(engine.running()) == 200
    go_on.set()
    await _until(lambda: not engine.running())

    assert await engine.pending() == []


def _poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recovered workflow goes through DBOS's internal queue, which is looked at once a second: 150 seconds, for nothing."""
    launch = DBOS.launch

    def launch_impatiently() -> None:
        _get_or_create_dbos_registry().get_internal_queue()._polling_interval_sec = 0.02
        launch()

    monkeypatch.setattr(DBOS, "launch", launch_impatiently)


async def _until(holds: Callable[[], bool], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.005)
