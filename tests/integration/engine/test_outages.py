"""A full disk and a database that is away: clear words, nothing recorded wrongly, and everything carries on afterwards."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from bot.operations.engine import Engine, EngineUnavailable, Json, step
from tests.support.engine import EngineDatabase, Stage, reaches
from tests.support.postgres import PostgresMissing, PostgresServer, running_postgres

Engines = Callable[..., Awaitable[Engine]]


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A folder that a child can mount a small file system on, which goes when the child does."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(_on_small_disk(["true"], folder), check=False, capture_output=True).returncode != 0:
        if os.environ.get("CI") == "true":
            pytest.fail("a file system can't be mounted here, as root it can")
        pytest.skip("only root can mount a small file system")
    return folder


@pytest.mark.kill
async def test_a_full_disk_delays_a_step_and_says_so(stage: Stage, small_disk: Path) -> None:
    url = f"sqlite:///{small_disk}/engine.sqlite"
    child = stage.spawn(
        url,
        "a",
        start=[("fill", "w", {})],
        full=str(small_disk),
        wrap=lambda command: _on_small_disk(command, small_disk),
    )
    trouble = stage.folder / "a.trouble"
    await stage.until(trouble.exists, "the engine's trouble")
    await stage.until(lambda: child.said().count("workflow w waits") >= 3, "several tries")
    assert trouble.read_text().endswith("database or disk is full")
    assert "workflow w paused: the step fill can't be recorded: database or disk is full" in child.said()
    assert stage.journal() == ["a fill end", "a fill fill"]
    assert child.process.poll() is None
    stage.open_gate("room")
    await stage.until(lambda: stage.journal().count("a fill end") == 2, "the end")

    # The step that couldn't be recorded has run once more: no step runs again before there is room for its record.
    assert stage.journal() == ["a fill end", "a fill fill", "a fill fill", "a fill end"]


@pytest.mark.postgres
async def test_a_full_disk_of_the_server_delays_a_step_and_says_so(
    postgres_url: str, engines: Engines, caplog: pytest.LogCaptureFixture
) -> None:
    """The server's own answer to a full disk, given by a trigger."""
    database = EngineDatabase("postgres", postgres_url)
    calls: list[str] = []

    async def one() -> None:
        calls.append("one")
        database.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$"
        )
        database.execute(
            "CREATE TRIGGER full_disk BEFORE INSERT ON dbos.operation_outputs EXECUTE FUNCTION full_disk()"
        )

    async def two() -> None:
        calls.append("two")

    async def flow(_: dict[str, Json]) -> None:
        await step("one", one)
        await step("two", two)

    engine = await engines(postgres_url, {"flow": flow})
    await engine.start("flow", "w", {})
    await _until(lambda: "No space left on device" in caplog.text)
    assert await engine.status("w") == "pending"
    database.execute("DROP TRIGGER full_disk ON dbos.operation_outputs")
    await reaches(engine, "w", "done")

    assert calls == ["one", "two"]


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """One's own, to be stopped."""
    try:
        with running_postgres() as own:
            yield own
    except PostgresMissing as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.mark.postgres
async def test_a_server_that_goes_away_and_comes_back_is_waited_for(
    server: PostgresServer, engines: Engines, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    calls: list[str] = []
    away = asyncio.Event()

    async def one() -> None:
        calls.append("one")
        await asyncio.to_thread(server.stop)
        away.set()

    async def two() -> None:
        calls.append("two")

    async def flow(_: dict[str, Json]) -> None:
        await step("one", one)
        await step("two", two)

    engine = await engines(server.create_database(), {"flow": flow})
    await engine.start("flow", "w", {})
    await away.wait()
    await _until(lambda: "Database connection failed" in caplog.text)
    await asyncio.to_thread(server.start_again)
    await reaches(engine, "w", "done", seconds=30)

    assert calls == ["one", "two"]
    assert server.password not in caplog.text


@pytest.mark.postgres
async def test_closing_and_launching_are_over_in_seconds_while_the_server_is_away(
    server: PostgresServer, engines: Engines
) -> None:
    """In a process of its own: a thread of DBOS goes on trying until the server is back, and the process must end without it."""
    url = server.create_database()
    program = (
        "import asyncio, os, sys, time\n"
        "from bot.operations.engine import Engine, EngineSettings, step\n"
        "async def one(): print('in', flush=True); await asyncio.to_thread(sys.stdin.readline)\n"
        "async def flow(_): await step('one', one)\n"
        "async def main():\n"
        "    engine = Engine(EngineSettings(sys.argv[1], 'a', drain=0.5, stop=2), {'flow': flow})\n"
        "    await engine.launch(); await engine.start('flow', 'w', {})\n"
        "    await asyncio.to_thread(sys.stdin.readline)\n"
        "    await asyncio.sleep(0.5); began = time.monotonic(); await engine.close()\n"
        "    print('closed', time.monotonic() - began < 6, flush=True); os._exit(0)\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[3]
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        url,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        assert await asyncio.wait_for(child.stdout.readline(), 20) == b"in\n"
        await asyncio.to_thread(server.stop)
        child.stdin.write(b"\n\n")
        await child.stdin.drain()
        assert await asyncio.wait_for(child.stdout.readline(), 20) == b"closed True\n"
        assert await asyncio.wait_for(child.wait(), 5) == 0
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()

    began = time.monotonic()
    with pytest.raises(EngineUnavailable, match=r"can't be opened: .*[Cc]onnection"):
        await engines(url, {})
    assert time.monotonic() - began < 15


def _on_small_disk(command: list[str], folder: Path) -> list[str]:
    """The command in a mount namespace of its own, with 4 MiB of memory as the folder."""
    mount = f"mount -t tmpfs -o size=4m tmpfs {shlex.quote(str(folder))} && exec {shlex.join(command)}"
    return ["unshare", "--mount", "sh", "-c", mount]


async def _until(holds: Callable[[], bool], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)
