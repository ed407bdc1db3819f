"""The engine as its caller knows it: starting, looking up, forgetting, closing, and what it says when something is wrong."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import psutil
import pytest

from bot.domain.errors import LeaseLost
from bot.operations.engine import (
    Engine,
    EngineError,
    EngineSettings,
    EngineUnavailable,
    Json,
    Waiting,
    checkpoint,
    step,
)
from tests.support.engine import EngineDatabase, reaches
from tests.support.postgres import PostgresServer

Engines = Callable[..., Awaitable[Engine]]


class Busy(Exception):
    """A database of our own that is away."""


async def _nothing(_: dict[str, Json]) -> None:
    pass


async def test_an_id_that_is_started_often_runs_once(database: EngineDatabase, engines: Engines) -> None:
    runs = []

    async def flow(argument: dict[str, Json]) -> None:
        runs.append(argument)

    engine = await engines(database.url, {"flow": flow})
    await asyncio.gather(*(engine.start("flow", "w", {"n": 1}) for _ in range(20)))
    await reaches(engine, "w", "done")
    await engine.start("flow", "w", {"n": 2})
    await engine.close()
    engine = await engines(database.url, {"flow": flow})
    await engine.start("flow", "w", {"n": 3})

    assert await engine.status("w") == "done"
    assert runs == [{"n": 1}]


async def test_what_is_pending_can_be_listed(database: EngineDatabase, engines: Engines) -> None:
    go_on = asyncio.Event()

    async def flow(_: dict[str, Json]) -> None:
        await go_on.wait()

    engine = await engines(database.url, {"flow": flow, "other": _nothing}, replica="me")
    assert await engine.pending() == []
    assert await engine.status("a") is None
    await engine.start("flow", "a", {})
    await engine.start("flow", "b", {})
    await engine.start("other", "c", {})
    await reaches(engine, "c", "done")

    assert await engine.pending() == [Waiting("a", "flow", "me"), Waiting("b", "flow", "me")]
    assert engine.running() == {"a", "b"}
    go_on.set()
    await reaches(engine, "a", "done")
    await reaches(engine, "b", "done")
    assert await engine.pending() == []


async def test_a_workflow_that_raises_ends_in_error_and_can_be_forgotten_and_run_anew(
    database: EngineDatabase, engines: Engines, caplog: pytest.LogCaptureFixture
) -> None:
    fails = True

    async def flow(_: dict[str, Json]) -> None:
        if fails:
            raise ValueError("a bug")

    engine = await engines(database.url, {"flow": flow})
    await engine.start("flow", "w", {})
    await reaches(engine, "w", "error")
    assert "workflow w failed\nTraceback" in caplog.text
    assert "ValueError: a bug" in caplog.text
    fails = False
    await engine.start("flow", "w", {})
    assert await engine.status("w") == "error"
    await engine.forget("w")
    assert await engine.status("w") is None
    await engine.forget("w")
    await engine.start("flow", "w", {})
    await reaches(engine, "w", "done")


async def test_a_pending_workflow_is_not_forgotten(database: EngineDatabase, engines: Engines) -> None:
    async def flow(_: dict[str, Json]) -> None:
        await asyncio.Event().wait()

    engine = await engines(database.url, {"flow": flow})
    await engine.start("flow", "w", {})
    with pytest.raises(EngineError, match="w is pending, and can't be forgotten"):
        await engine.forget("w")


async def test_emptied_tables_let_the_same_ids_run_anew(database: EngineDatabase, engines: Engines) -> None:
    """Our own rows are the truth: whoever reads them can start everything again."""
    steps: list[str] = []
    go_on = asyncio.Event()

    async def one(workflow_id: str) -> None:
        steps.append(workflow_id)

    async def flow(argument: dict[str, Json]) -> None:
        await step("one", one, str(argument["id"]))
        if argument["wait"]:
            await go_on.wait()

    engine = await engines(database.url, {"flow": flow})
    await engine.start("flow", "ended", {"id": "ended", "wait": False})
    await engine.start("flow", "open", {"id": "open", "wait": True})
    await reaches(engine, "ended", "done")
    while len(steps) < 2:
        await asyncio.sleep(0.01)
    await engine.close()
    database.empty()
    engine = await engines(database.url, {"flow": flow})
    assert await engine.pending() == []
    assert await engine.status("open") is None
    go_on.set()
    await engine.start("flow", "open", {"id": "open", "wait": True})
    await engine.start("flow", "ended", {"id": "ended", "wait": False})
    await reaches(engine, "open", "done")
    await reaches(engine, "ended", "done")

    assert sorted(steps) == ["ended", "ended", "open", "open"]


async def test_tables_emptied_under_a_run_end_it_before_its_next_step(
    database: EngineDatabase, engines: Engines
) -> None:
    steps: list[str] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        steps.append("first")
        begun.set()
        await go_on.wait()

    async def second() -> None:
        steps.append("second")

    async def flow(_: dict[str, Json]) -> None:
        await step("first", first)
        await step("second", second)

    engine = await engines(database.url, {"flow": flow})
    await engine.start("flow", "w", {})
    await begun.wait()
    database.empty()
    go_on.set()
    async with asyncio.timeout(5):
        while engine.running():
            await asyncio.sleep(0.01)
    assert steps == ["first"]
    await engine.start("flow", "w", {})
    await reaches(engine, "w", "done")
    assert steps == ["first", "first", "second"]


async def test_closing_leaves_what_runs_pending_and_the_next_life_carries_it_on(
    database: EngineDatabase, engines: Engines
) -> None:
    calls: list[str] = []
    stuck = True

    async def quick() -> None:
        calls.append("quick begins")
        await asyncio.sleep(0.2)
        calls.append("quick ends")

    async def slow() -> None:
        calls.append("slow")
        if stuck:
            await asyncio.Event().wait()

    async def never() -> None:
        calls.append("never while closing")

    async def flow(argument: dict[str, Json]) -> None:
        await (step("quick", quick) if argument["quick"] else step("slow", slow))
        await step("never", never)

    engine = await engines(database.url, {"flow": flow}, drain=1.0, stop=2.0)
    await engine.start("flow", "quick", {"quick": True})
    await engine.start("flow", "slow", {"quick": False})
    while len(calls) < 2:
        await asyncio.sleep(0.01)
    began = time.monotonic()
    await engine.close()
    assert time.monotonic() - began < 1.0 + 2 * 2.0
    assert sorted(calls) == ["quick begins", "quick ends", "slow"]
    assert await asyncio.to_thread(lambda: 7) == 7  # DBOS took the loop's thread pool, and ended it
    with pytest.raises(EngineError, match="not running"):
        await engine.start("flow", "late", {})

    stuck = False
    engine = await engines(database.url, {"flow": flow})
    await reaches(engine, "quick", "done")
    await reaches(engine, "slow", "done")
    assert sorted(calls[3:]) == ["never while closing", "never while closing", "slow"]


async def test_an_interruption_is_no_outcome(database: EngineDatabase, engines: Engines) -> None:
    tries: list[str] = []

    async def one() -> None:
        tries.append("step")
        if tries.count("step") < 3:
            raise Busy("our database is away")

    async def flow(_: dict[str, Json]) -> None:
        await step("one", one)
        tries.append("body")
        if tries.count("body") < 3:
            raise Busy("our database is away")

    engine = await engines(database.url, {"flow": flow}, interruptions=(Busy,))
    await engine.start("flow", "w", {})
    await reaches(engine, "w", "done")

    assert tries == ["step", "step", "step", "body", "body", "body"]


async def test_a_lost_lease_stops_everything_at_the_next_step(
    database: EngineDatabase, engines: Engines
) -> None:
    lost = False
    calls: list[str] = []
    go_on = asyncio.Event()

    def guard() -> None:
        if lost:
            raise LeaseLost("This replica's last heartbeat is too old.")

    async def first() -> None:
        calls.append("first")
        await go_on.wait()

    async def second() -> None:
        calls.append("second")

    async def flow(_: dict[str, Json]) -> None:
        await step("first", first)
        await step("second", second)

    engine = await engines(database.url, {"flow": flow}, guard=guard)
    await engine.start("flow", "w", {})
    while not calls:
        await asyncio.sleep(0.01)
    lost = True
    go_on.set()
    async with asyncio.timeout(5):
        while engine.running():
            await asyncio.sleep(0.01)
    with pytest.raises(LeaseLost):
        await engine.take_over("somebody")

    assert calls == ["first"]
    assert await engine.status("w") == "pending"


@pytest.mark.parametrize("why", ["lease", "close"])
async def test_a_checkpoint_ends_a_run_that_keeps_its_own_records(
    database: EngineDatabase, engines: Engines, why: str
) -> None:
    lost = False
    effects: list[int] = []
    endings: list[str] = []
    go_on = asyncio.Event()

    def guard() -> None:
        if lost:
            raise LeaseLost("This replica's last heartbeat is too old.")

    async def flow(_: dict[str, Json]) -> None:
        try:
            for number in range(len(effects), 3):
                checkpoint()
                effects.append(number)
                if number == 0:
                    await go_on.wait()
        except Exception as error:  # noqa: BLE001 - what a workflow catches of its own must not catch this
            endings.append(repr(error))

    engine = await engines(database.url, {"flow": flow}, guard=guard, drain=5.0)
    await engine.start("flow", "w", {})
    while not effects:
        await asyncio.sleep(0.01)
    lost = why == "lease"
    closing = asyncio.create_task(engine.close()) if why == "close" else None
    await asyncio.sleep(0)
    go_on.set()
    async with asyncio.timeout(4):
        while engine.running():
            await asyncio.sleep(0.01)
    if closing is not None:
        await closing
    assert effects == [0]
    lost = False
    await engine.close()
    engine = await engines(database.url, {"flow": flow}, guard=guard)
    await reaches(engine, "w", "done")

    assert (effects, endings) == ([0, 1, 2], [])


async def test_a_run_that_is_resumed_while_it_lives_ends_before_the_next_begins(
    database: EngineDatabase, engines: Engines
) -> None:
    """Another replica may hand a workflow back to the one that still runs it."""
    alive = most = 0
    runs: list[int] = []
    go_on = asyncio.Event()

    async def flow(_: dict[str, Json]) -> None:
        nonlocal alive, most
        alive += 1
        most = max(most, alive)
        runs.append(alive)
        try:
            await go_on.wait()
        finally:
            alive -= 1

    engine = await engines(database.url, {"flow": flow})
    await engine.start("flow", "w", {})
    while not runs:
        await asyncio.sleep(0.01)
    database.execute(
        "UPDATE dbos.workflow_status SET status = 'ENQUEUED', queue_name = '_dbos_internal_queue'"
    )
    while len(runs) < 2:
        await asyncio.sleep(0.01)
    await asyncio.sleep(1.5)  # longer than a run that ended by itself would wait before it is carried on
    go_on.set()
    await reaches(engine, "w", "done")

    assert (runs, most) == ([1, 1], 1)


async def test_misuse_is_answered_in_sentences(database: EngineDatabase, engines: Engines) -> None:
    async def flow(_: dict[str, Json]) -> None:
        await asyncio.Event().wait()

    with pytest.raises(EngineError, match="outside a workflow"):
        await step("one", _nothing, {})
    with pytest.raises(EngineError, match="outside a workflow"):
        checkpoint()
    with pytest.raises(EngineError, match="Await `launch` first"):
        await Engine(EngineSettings(database.url, "x"), {}).start("flow", "w", {})
    engine = await engines(database.url, {"flow": flow, "other": _nothing})
    with pytest.raises(EngineError, match="No workflow is called flaw") as unknown:
        await engine.start("flaw", "w", {})
    assert unknown.value.nearest == ("flow", "other")
    with pytest.raises(EngineError, match="The argument of w is not JSON"):
        await engine.start("flow", "w", {"when": object()})  # type: ignore[dict-item]
    with pytest.raises(EngineError, match="needs an id"):
        await engine.start("flow", " ", {})
    await engine.start("flow", "w", {})
    with pytest.raises(EngineError, match="the id belongs to a workflow of another name"):
        await engine.start("other", "w", {})
    with pytest.raises(EngineError, match="here is this replica"):
        await engine.take_over("here")
    with pytest.raises(EngineError, match="running in this process already"):
        await Engine(EngineSettings(database.url, "there"), {}).launch()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:///relative.sqlite", "Four slashes make one."),
        ("sqlite+aiosqlite:////tmp/x.sqlite", "Four slashes make one."),
        ("mysql://root:geheim@h/d", "of the kind 'mysql'"),
    ],
)
def test_an_address_that_cannot_work_is_refused_at_once(url: str, says: str) -> None:
    with pytest.raises(EngineError, match=says) as refused:
        EngineSettings(url, "a")
    assert "geheim" not in str(refused.value)


async def test_a_file_that_cannot_be_made_is_one_clear_error(tmp_path: object) -> None:
    engine = Engine(EngineSettings("sqlite:////proc/nowhere/engine.sqlite", "a"), {})
    with pytest.raises(
        EngineUnavailable, match=r"The lock file /proc/nowhere/engine\.sqlite\.lock can't be opened"
    ):
        await engine.launch()


@pytest.mark.postgres
async def test_the_database_s_password_is_never_said(
    postgres_server: PostgresServer, postgres_url: str, engines: Engines, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "p%40ss-geheim"
    wrong = postgres_url.replace(postgres_server.password, secret)
    for url in (wrong, "postgresql://shipbell:p%40ss-geheim@127.0.0.1:1/nowhere"):
        with pytest.raises(
            EngineUnavailable, match=r"The engine's database postgresql://shipbell:\*\*\*@127"
        ) as failed:
            await engines(url, {"flow": _nothing})
        shown = f"{failed.value!r} {failed.value.__cause__} {caplog.text}"
        assert "geheim" not in shown
        assert "p@ss" not in shown
    engine = await engines(postgres_url, {"flow": _nothing})
    await engine.start("flow", "w", {})
    await reaches(engine, "w", "done")
    await engine.close()
    assert postgres_server.password not in caplog.text


async def test_the_engine_is_quiet_and_opens_no_port(
    database: EngineDatabase,
    engines: Engines,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.INFO)
    engine = await engines(database.url, {"flow": _nothing})
    await engine.start("flow", "w", {})
    await reaches(engine, "w", "done")
    assert [seen for seen in psutil.Process().net_connections() if seen.status == psutil.CONN_LISTEN] == []
    await engine.close()

    assert caplog.messages == []
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("dbos").propagate
