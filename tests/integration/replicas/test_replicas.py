"""Two replicas: one takes over from the other when that dies or sleeps, and both together do everything once.

The oracle is the platform: which processes run and since when, and which effects the agent remembers.
"""

from __future__ import annotations

import asyncio
import signal
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from bot.domain.operation import State, StepState
from tests.support.company import PATIENCE, Company, a_company
from tests.support.load import load
from tests.support.workspace import until

pytestmark = [pytest.mark.kill, pytest.mark.postgres]

TAKEN_OVER_WITHIN = 15.0
"""Seconds from the death of a replica until its work is another's."""
EXIT_LEASE_LOST = 75
REPLICAS = ("bot-1", "bot-2")


@pytest.fixture
async def company(tmp_path: Path, postgres_url: str) -> AsyncIterator[Company]:
    """Without a bot; `v1` runs in test, brought there by a bot that has ended since."""
    async with a_company(tmp_path, database_url=postgres_url, bot=False, bake="300ms") as opened:
        opened.repository.tag("v1")
        await opened.start_bot(replica="bot-0")
        await opened.person("dana").say("/deploy shop test")
        assert (await opened.settled(1)).state is State.SUCCEEDED
        await opened.person("tess").wait_for("has arrived in", "#test-env")  # the last word of it
        await opened.end_bots()
        yield opened


@pytest.mark.parametrize(
    "point", ["building", "effected:forward:update:shop-1", "begun:forward:stop:shop-2", "posted"]
)
async def test_the_other_one_takes_over_from_the_one_that_was_killed(company: Company, point: str) -> None:
    dana = company.person("dana")
    sha = company.commit_version(build_seconds=1.5)
    company.repository.tag("v2")
    bots = await _both(company, kill_at=point)
    async with load(await company.front(), rate=25, clients=4) as sent:
        await dana.post("send", channel="#deploys", text="@shipbell deploy shop test")
        dead = await _whichever(bots, lambda process: process.returncode is not None, "was killed")
        died = time.monotonic()
        assert bots[dead].returncode == -signal.SIGKILL, company.log()
        if point != "posted":  # which one sends has nothing to do with which one works
            await _takes_over(company, 2, dead, died)
        done = await company.settled(2)
        await _told(company, 2)
    assert done.state is State.SUCCEEDED, done.outcome
    await company.all_run("v2")
    assert sent.lost == []
    assert company.builds(sha) == 1
    assert len(await company.cards(2)) == 1


@pytest.mark.parametrize("point", ["intended:forward:stop:shop-1", "about:forward:stop:shop-1"])
async def test_one_that_slept_and_was_taken_over_ends_without_another_effect(
    company: Company, point: str
) -> None:
    """`about` is the worst of moments: the lease was asked just before it fell asleep, so only the agent can refuse it."""
    dana = company.person("dana")
    sha = company.commit_version(build_seconds=0.2)
    company.repository.tag("v2")
    bots = await _both(company, kill_at=point, more={"TEST_KILL_BY": "STOP"})
    async with load(await company.front(), rate=25, clients=4) as sent:
        await dana.post("send", channel="#deploys", text="@shipbell deploy shop test")
        asleep = await _whichever(bots, _is_stopped, "fell asleep")
        await _takes_over(company, 2, asleep, time.monotonic())
        done = await company.settled(2)
        assert done.state is State.SUCCEEDED, done.outcome
        before = await _all_of(company, 2)
        bots[asleep].send_signal(signal.SIGCONT)
        assert await asyncio.wait_for(bots[asleep].wait(), 20 * PATIENCE) == EXIT_LEASE_LOST, company.log()
        assert await _all_of(company, 2) == before
    await company.all_run("v2")
    assert sent.lost == []
    assert company.builds(sha) == 1
    await _told(company, 2)
    assert len(await company.cards(2)) == 1


async def test_two_that_live_do_everything_once(company: Company) -> None:
    """Ten commands at once for one Target: they queue, and whichever replica is first at a turn rolls it out. Each has a reason
    of its own: the same words from the same person twice would be one."""
    dana = company.person("dana")
    sha = company.commit_version(build_seconds=0.2)
    company.repository.tag("v2")
    bots = await _both(company)
    numbers = range(2, 12)
    for number in numbers:
        how = "@shipbell" if number % 3 else "/shipbell"
        version = "v1" if number % 2 else "v2"
        await dana.say(f"{how} deploy shop@{version} test --only shop-1 --reason turn-{number}")
    for number in numbers:
        done = await company.settled(number, 90)
        assert done.state is State.SUCCEEDED, (number, done.outcome)
        records = await company.steps(number)
        assert {(r.state, r.attempt) for r in records} == {(StepState.DONE, 1)}
    operations = (await company.operations())[1:]
    assert [op.number for op in operations] == [*numbers]
    assert {op.wish.reason for op in operations} == {f"turn-{number}" for number in numbers}
    for number in numbers:
        await _told(company, number)
        assert len(await company.cards(number)) == 1
    assert all(process.returncode is None for process in bots.values()), company.log()
    # Who is asked at the same time by two ways may be first or second, but the last turn's version stays.
    assert await company.running() == {
        "shop-1": f"{operations[-1].wish.ref} running enabled",
        "shop-2": "v1 running enabled",
    }
    assert company.builds(sha) == 1


# --- the two


async def _both(
    company: Company, *, kill_at: str | None = None, more: dict[str, str] | None = None
) -> dict[str, Process]:
    """Two replicas by name. The first that comes to `kill_at` is killed there, and the other is not."""
    environment = {"TEST_KILL_MARK": str(company.folder / "killed")} | (more or {})
    return {
        name: await company.start_bot(replica=name, kill_at=kill_at, more=environment if kill_at else None)
        for name in REPLICAS
    }


async def _whichever(bots: dict[str, Process], is_so: Callable[[Process], bool], what: str) -> str:
    found: list[str] = []

    async def one() -> bool:
        found[:] = [name for name, process in bots.items() if is_so(process)]
        return bool(found)

    await until(one, 40, lambda: f"neither replica {what}")
    assert len(found) == 1, f"both replicas {what}"
    return found[0]


def _is_stopped(process: Process) -> bool:
    return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED


async def _takes_over(company: Company, number: int, dead: str, since: float) -> None:
    """Waits until the living one runs the Operation's workflow, and fails when that was too late."""
    (alive,) = {*REPLICAS} - {dead}
    held: dict[str, str] = {}

    async def taken() -> bool:
        held.update(await _held_by(company.database_url, number))
        return alive in held.values()

    left = TAKEN_OVER_WITHIN - (time.monotonic() - since) / PATIENCE
    await until(taken, left, lambda: f"{alive} took nothing over of {dead}: {held}\n{company.log()}")


async def _held_by(url: str, number: int) -> dict[str, str]:
    """Workflow id -> the replica that runs it or ran it last, of those that are taken (not of those in the queue)."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        rows = await connection.execute(
            "SELECT workflow_uuid, executor_id FROM dbos.workflow_status"
            " WHERE workflow_uuid LIKE %s AND status IN ('PENDING', 'SUCCESS')",
            (f"op-{number}-%",),
        )
        return dict(await rows.fetchall())


async def _all_of(company: Company, number: int) -> tuple[object, ...]:
    """All that an effect or its record would change: processes, what the agent remembers, Steps, audit, the Operation."""
    processes = {name: company.platform.instance_process(name).pid for name in ("shop-1", "shop-2")}
    journal = (company.platform.data_dir / "journal.jsonl").read_text()
    effects = [line for line in journal.splitlines() if '"effects"' in line]
    return (
        processes,
        effects,
        await company.steps(number),
        await company.audit(number),
        await company.operation(number),
    )


async def _told(company: Company, number: int) -> None:
    await company.person("dana").wait_for(
        lambda m: f"*#{number}*" in m["plain"] and "Done" in m["plain"], "#test-env", seconds=20
    )
