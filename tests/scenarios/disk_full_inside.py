"""The scenarios of test_disk_full.py, which runs them: TEST_SMALL_DISK is a small file system, to be filled."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from bot.domain.operation import State
from tests.support.company import PATIENCE, Company, a_company
from tests.support.load import load
from tests.support.talk import asked, press, shown
from tests.support.workspace import ROOT, until

SMALL = Path(os.environ["TEST_SMALL_DISK"])
FILLER = SMALL / "filler"
FULL = "The database's disk is full."


@pytest.fixture
def port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
async def company(tmp_path: Path, port: int) -> AsyncIterator[Company]:
    """The tables are on the small disk, and everything else is not. `v1` runs in test."""
    for file in SMALL.iterdir():
        file.unlink()
    async with a_company(
        tmp_path, database_url=f"sqlite:///{SMALL / 'shipbell.sqlite'}", bot=False
    ) as opened:
        try:
            await opened.start_bot(more={"SHIPBELL_LISTEN": f"127.0.0.1:{port}"})
            opened.repository.tag("v1")
            await opened.person("dana").say("/deploy shop test")
            assert (await opened.settled(1)).state is State.SUCCEEDED
            await opened.person("tess").wait_for("has arrived in", "#test-env")
            yield opened
        finally:
            FILLER.unlink(missing_ok=True)


async def test_it_fills_up_during_a_rollout(company: Company, port: int) -> None:
    dana = company.person("dana")
    sha = company.commit_version(build_seconds=1.5)
    company.repository.tag("v2")
    async with load(await company.front(), rate=25, clients=4) as sent:
        await dana.say("/deploy shop test")
        await dana.wait_for(lambda m: "*#2*" in m["plain"], "#test-env")
        with _full():
            await until(lambda: _says_full(port), 20, company.log)
            # Longer than a lease lasts: nobody else can have this database, so its bot stays.
            await _for(10, company)
            assert (await _readiness(port))[0] == 503
            open_one = await company.operation(2)
            assert open_one is not None
            assert not open_one.is_final
        done = await company.settled(2)
    assert done.state is State.SUCCEEDED
    await company.all_run("v2")
    assert sent.lost == []
    assert company.builds(sha) == 1
    await dana.wait_for(lambda m: "*#2*" in m["plain"] and "Done" in m["plain"], "#test-env", seconds=20)
    assert len(await company.cards(2)) == 1
    await until(lambda: _is_ready(port), 20)


async def test_what_is_asked_meanwhile_is_refused_in_words_and_not_done_later(
    company: Company, port: int
) -> None:
    dana = company.person("dana")
    suggestion = await asked(dana, "/shipbell restrt shop test")
    await dana.say("/deploy")
    await dana.modal()
    with _full():
        await until(lambda: _says_full(port), 20, company.log)
        submitted = await dana.submit({"service": "shop", "environment": "test"})
        assert FULL in str(submitted["errors"])
        answer = await press(dana, "restart shop test", suggestion)
        assert FULL in shown(answer)
        answer = await asked(dana, "/deploy shop test")
        assert FULL in shown(answer)
        answer = await asked(dana, "/shipbell restart shop test")
        assert FULL in shown(answer)
        assert len(await company.operations()) == 1
    await until(lambda: _is_ready(port), 20)
    answer = await asked(dana, "/shipbell restart shop test")
    assert shown(answer).startswith("#2: restart of shop in test")
    assert (await company.settled(2)).state is State.SUCCEEDED
    assert len(await company.operations()) == 2
    await company.all_run("v1")


async def test_a_start_says_what_is_wrong(company: Company) -> None:
    await company.end_bots()
    with _full():
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot.cli",
            "serve",
            cwd=ROOT,
            env=company.environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(process.communicate(), 30 * PATIENCE)
        assert process.returncode not in (0, None)
        assert FULL in said.decode() or "disk is full" in said.decode()
        assert "Traceback" not in said.decode()
    await company.start_bot()
    await company.person("dana").say("/shipbell restart shop test")
    assert (await company.settled(2)).state is State.SUCCEEDED


@contextlib.contextmanager
def _full() -> Iterator[None]:
    """The disk takes not one byte more; in the end it does again."""
    with FILLER.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size):
                    pass
    try:
        yield
    finally:
        FILLER.unlink()


async def _for(seconds: float, company: Company) -> None:
    """Passes the time, and looks all the while whether the bot is still there."""
    end = asyncio.get_running_loop().time() + seconds

    async def over() -> bool:
        assert company.bot is not None
        assert company.bot.returncode is None, company.log()
        return asyncio.get_running_loop().time() > end

    await until(over, seconds + 5)


async def _says_full(port: int) -> bool:
    status, problems = await _readiness(port)
    return status == 503 and any("disk is full" in problem for problem in problems)


async def _is_ready(port: int) -> bool:
    return (await _readiness(port))[0] == 200


async def _readiness(port: int) -> tuple[int, list[str]]:
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            answer = await client.get(f"http://127.0.0.1:{port}/readyz")
        except httpx.HTTPError:
            return 0, []
    return answer.status_code, answer.json()["problems"]
