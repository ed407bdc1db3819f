"""Between the Plan that was shown and the turn: what an Operation that went first changed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.domain.errors import UsageError
from bot.domain.operation import Kind, State
from bot.operations.ledger import Ledger
from bot.operations.sweeper import Sweeper
from bot.operations.turns import Turns
from tests.support.operations import QUICK, Office, an_office


async def held(office: Office, kind: Kind, at: str) -> int:
    """An Operation that has come to `at` and waits there until `platform.paused` is set."""
    office.platform.pause_at = at
    operation = await office.ask(kind)
    await asyncio.wait_for(office.platform.reached.wait(), 8)
    return operation.number


async def test_an_instance_that_was_being_restarted_when_it_was_planned_is_running_after_an_undo(
    tmp_path: Path,
) -> None:
    async with an_office(tmp_path) as office:
        await office.deploy()
        await held(office, Kind.RESTART, "start shop-1")
        office.platform.commit("b")
        office.platform.crashing.add("b")
        queued = await office.state(await office.ask(Kind.DEPLOY), State.QUEUED)
        office.platform.paused.set()
        assert (await office.settled(queued)).state is State.ROLLED_BACK
        assert set(office.platform.versions_of("shop@test").values()) == {"a running enabled"}


async def test_a_scale_behind_a_deploy_starts_what_the_deploy_brought(tmp_path: Path) -> None:
    async with an_office(tmp_path) as office:
        await office.deploy()
        office.platform.commit("b")
        await held(office, Kind.DEPLOY, "start shop-1")
        queued = await office.state(await office.ask(Kind.SCALE, replicas=3), State.QUEUED)
        office.platform.paused.set()
        done = await office.settled(queued)
        assert done.state is State.SUCCEEDED
        assert done.artifact is not None
        assert done.artifact.digest.startswith("sha256:b")
        assert set(office.platform.versions_of("shop@test").values()) == {"b running enabled"}


async def test_a_turn_that_takes_long_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    """The other system hangs; approvals expire, aborts are heard and the dead are buried all the same."""
    async with an_office(tmp_path) as office:
        await office.deploy()
        waiting = await office.state(await office.ask(Kind.DEPLOY, "prod"), State.AWAITING_APPROVAL)
        runtime = office.world.adapters.runtimes["local"]
        inspect, hangs = runtime.inspect, asyncio.Event()
        hung = asyncio.Event()

        async def slow(target: Any) -> Any:
            if asyncio.current_task() in taking:
                hung.set()
                await hangs.wait()
            return await inspect(target)

        taking: set[Any] = set()
        take = Turns.take

        async def noted(self: Turns, number: int) -> Any:
            taking.add(asyncio.current_task())
            return await take(self, number)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runtime, "inspect", slow)
            patch.setattr(Turns, "take", noted)
            restart = await office.ask(Kind.RESTART)
            await asyncio.wait_for(hung.wait(), 8)
            office.clock.ahead += office.world.patience.replica_ttl * 100
            assert (await office.settled(waiting)).state is State.EXPIRED
            hangs.set()
            assert (await office.settled(restart)).state is State.SUCCEEDED


async def test_a_scale_where_nothing_was_released_says_so_to_the_asker(tmp_path: Path) -> None:
    """Only some instances were ever deployed, which is no release, so nobody knows what new ones should run."""
    async with an_office(tmp_path) as office:
        await office.deploy(only=("shop-1",))
        with pytest.raises(UsageError, match="no release"):
            await office.ask(Kind.SCALE, replicas=3)


async def test_a_fault_in_one_turn_ends_that_operation_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with an_office(tmp_path) as office:

        async def broken(*_: object) -> None:
            raise KeyError("a fault")

        with monkeypatch.context() as patch:
            patch.setattr(Turns, "take", broken)
            done = await office.deploy()
        assert done.state is State.FAILED
        assert done.outcome == "Shipbell itself failed (KeyError); its log says more."
        assert (await office.deploy()).state is State.SUCCEEDED


async def test_a_poke_does_not_keep_the_sweeper_from_ending(tmp_path: Path) -> None:
    async with an_office(tmp_path, patience=replace(QUICK, sweep=60.0)) as office:
        sweeper = Sweeper(office.world, Ledger(office.world), office.engine, "shipbell")
        running = asyncio.create_task(sweeper.run())
        async with asyncio.timeout(8):
            while not sweeper._wake._waiters:
                await asyncio.sleep(0.01)
        sweeper.poke()
        running.cancel()
        done, _ = await asyncio.wait({running}, timeout=4)
        assert done
