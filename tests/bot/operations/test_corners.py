"""Corners: what goes wrong while something else goes wrong, and words that arrive between two statements."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.domain.catalog import OnFailure
from bot.domain.errors import LeaseLost, TemporaryError
from bot.domain.instances import InstanceState
from bot.domain.operation import Choice, Kind, State
from bot.operations.ledger import Ledger
from bot.operations.prepare import Prepare
from bot.operations.rollout import Rollout
from tests.support.operations import DANA, LEE, QUICK, Office, a_catalog, an_office
from tests.support.platform import MemoryPlatform


def crash(office: Office, instance: str) -> None:
    running = office.platform.running["shop@test"]
    running[instance] = replace(running[instance], state=InstanceState.CRASHED, reason="exit status 1")


async def asks(office: Office, number: int, question: int = 1) -> None:
    await office.wait(number, lambda op: op.state is State.ASKING and op.questions_asked == question)


class TestRetryAndThenBack:
    """What was touched in an earlier attempt stays touched."""

    async def test_a_retry_that_cannot_even_begin_is_still_undone_in_full(self, tmp_path: Path) -> None:
        async with an_office(tmp_path, a_catalog(on_failure=OnFailure.ASK)) as office:
            await office.deploy()
            office.platform.commit("b")
            office.platform.crashing.add("b")
            await asks(office, (await office.ask(Kind.DEPLOY)).number)
            office.platform.away = True
            await office.desk.answer(2, 1, Choice.RETRY, LEE, office.origin())
            await asks(office, 2, 2)
            office.platform.away = False
            await office.desk.answer(2, 2, Choice.ROLL_BACK, LEE, office.origin())
            done = await office.wait(2, lambda op: op.is_final)
            assert done.state is State.ROLLED_BACK
            assert set(office.platform.versions_of("shop@test").values()) == {"a running enabled"}


class TestLegs:
    async def test_the_workflow_of_an_earlier_leg_leaves_the_next_one_alone(self, tmp_path: Path) -> None:
        """An answer can be faster than the end of the workflow that asked, and a crash can bring that one back much later."""
        async with an_office(tmp_path) as office:
            await office.deploy()
            office.platform.commit("b")
            office.platform.pause_at = "start shop-1"
            number = (await office.ask(Kind.DEPLOY)).number
            await asyncio.wait_for(office.platform.reached.wait(), 8)
            operation = await office.get(number)
            earlier = Rollout(office.world, Ledger(office.world)).run(number, operation.leg - 1)
            await asyncio.wait_for(earlier, 2)
            assert (await office.get(number)) == operation
            office.platform.paused.set()
            assert (await office.wait(number, lambda op: op.is_final)).state is State.SUCCEEDED


class TestAborts:
    async def test_a_signal_that_no_row_confirms_stops_nothing(self, tmp_path: Path) -> None:
        """Another replica may have heard the answer to this abort, so that nobody took the signal away here."""
        async with an_office(tmp_path) as office:
            await office.deploy()
            office.world.signals.aborts.add(2)
            assert (await office.deploy()).state is State.SUCCEEDED
            assert (await office.get(2)).questions_asked == 0

    async def test_an_abort_that_only_the_row_knows_is_heard_before_the_end(self, tmp_path: Path) -> None:
        """Taken by another replica, in the second before this one's sweeper reads the rows again."""
        slow = replace(QUICK, sweep=60.0)
        async with an_office(tmp_path, a_catalog(bake=0.5), patience=slow) as office:
            operation = await office.ask(Kind.DEPLOY)
            await office.state(operation, State.QUEUED)
            office.sweeper.poke()
            await office.state(operation, State.VERIFYING)
            ledger = Ledger(office.world)
            await ledger.change(operation.number, lambda op: replace(op, abort_by="Dana"))
            await asks(office, operation.number)

    async def test_a_build_is_cancelled_whichever_replica_took_the_abort(self, tmp_path: Path) -> None:
        async with an_office(tmp_path) as office:
            office.platform.slow_builds.add("a")
            operation = await office.ask(Kind.DEPLOY)
            await office.wait(operation.number, lambda op: bool(office.platform.builds))
            await office.desk.abort(operation.number, DANA, office.origin())
            office.world.signals.aborts.clear()  # as in a process that didn't take it
            async with asyncio.timeout(4):
                while "cancel op-1/build" not in office.platform.calls:
                    await asyncio.sleep(0.01)

    async def test_a_build_that_outlived_its_abort_is_cancelled_after_a_restart(self, tmp_path: Path) -> None:
        async with an_office(tmp_path) as office:
            office.platform.slow_builds.add("a")
            operation = await office.ask(Kind.DEPLOY)
            await office.wait(operation.number, lambda op: bool(office.platform.builds))
            platform = office.platform
        async with an_office(tmp_path, platform=platform) as office:
            await Ledger(office.world).change(
                1, lambda op: op.moved(State.ABORTED, office.clock.now(), abort_by="Dana")
            )
            await Prepare(office.world, Ledger(office.world)).run(1)
            assert "cancel op-1/build" in office.platform.calls


class TestLeaseLost:
    async def test_a_replica_that_lost_its_lease_fails_nobody_s_operation(self, tmp_path: Path) -> None:
        async with an_office(tmp_path) as office:
            office.platform.slow_builds.add("a")
            operation = await office.ask(Kind.DEPLOY)
            await office.wait(operation.number, lambda op: bool(office.platform.builds))

            def lost() -> int:
                raise LeaseLost("This replica's last heartbeat is 9 s old.")

            world = replace(office.world, fence=lost)
            with pytest.raises(LeaseLost):
                await Prepare(world, Ledger(world)).run(operation.number)
            assert (await office.get(operation.number)).state is State.PREPARING


class TestPlatformAway:
    async def test_a_source_that_is_away_for_a_moment_is_asked_again(self, tmp_path: Path) -> None:
        class Flaky(MemoryPlatform):
            left = 3

            async def resolve(self, source: object, ref: str | None) -> object:  # type: ignore[override]
                if self.left:
                    self.left -= 1
                    raise TemporaryError("The repository doesn't answer.")
                return await super().resolve(source, ref)  # type: ignore[arg-type]

        async with an_office(tmp_path, platform=Flaky()) as office:
            assert (await office.deploy()).state is State.SUCCEEDED

    async def test_logs_that_cannot_be_read_do_not_hide_why_an_instance_failed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def away(*_: object) -> list[str]:
            raise TemporaryError("The logs can't be read now.")

        async with an_office(tmp_path, a_catalog(bake=0.5)) as office:
            await office.deploy()
            office.platform.commit("b")
            monkeypatch.setattr(office.world.adapters.runtimes["local"], "logs", away)
            operation = await office.state(await office.ask(Kind.DEPLOY), State.VERIFYING)
            crash(office, "shop-1")
            done = await office.settled(operation)
            assert done.state is State.ROLLED_BACK
            assert "shop-1 crashed: exit status 1." in done.outcome


class TestAskingWhileWatched:
    async def test_retry_after_a_crash_in_the_bake_time_begins_the_instance_anew(
        self, tmp_path: Path
    ) -> None:
        async with an_office(tmp_path, a_catalog(on_failure=OnFailure.ASK, bake=0.6)) as office:
            await office.deploy()
            office.platform.commit("b")
            await office.state(await office.ask(Kind.DEPLOY), State.VERIFYING)
            crash(office, "shop-1")
            await asks(office, 2)
            asked = (await office.get(2)).question
            assert asked is not None
            assert asked.choices == (Choice.RETRY, Choice.ROLL_BACK, Choice.STOP_HERE)
            office.platform.calls.clear()
            await office.desk.answer(2, 1, Choice.RETRY, LEE, office.origin())
            assert (await office.wait(2, lambda op: op.is_final)).state is State.SUCCEEDED
            assert office.platform.calls[0] == "drain shop-1"
            assert set(office.platform.versions_of("shop@test").values()) == {"b running enabled"}


class TestReading:
    async def test_no_view_of_the_tables_is_open_while_another_system_is_asked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with an_office(tmp_path) as office:
            operation = await office.deploy()
            opened: list[int] = [0]
            view = type(office.store).view

            @asynccontextmanager
            async def counted(store: Any) -> Any:
                async with view(store) as inner:
                    opened[0] += 1
                    try:
                        yield inner
                    finally:
                        opened[0] -= 1

            seen: list[int] = []

            async def front(_: object) -> str:
                seen.append(opened[0])
                return "http://127.0.0.1:8501"

            monkeypatch.setattr(type(office.store), "view", counted)
            monkeypatch.setattr(office.world.adapters.traffic["local"], "front", front)
            async with asyncio.timeout(8):
                while True:  # the sweeper looks at the tables now and then: its views are not meant
                    snapshot = await office.desk.snapshot(operation.number)
                    report = await office.desk.why(DANA, "shop", "test")
                    if seen[-2:] == [0, 0]:
                        break
            assert snapshot.environment_url == "http://127.0.0.1:8501"
            assert report.latest is not None


class TestCatalogChanges:
    async def test_a_plan_s_configuration_is_stored_whatever_the_catalog_says_meanwhile(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Reading the commits between two versions can take seconds, in which a new catalog comes into force."""
        async with an_office(tmp_path) as office:
            await office.deploy()
            office.platform.commit("b")
            between = office.platform.between

            async def slow(*words: Any) -> Any:
                office.catalogs.current = a_catalog(configuration={"GREETING": "later"})
                return await between(*words)

            monkeypatch.setattr(office.platform, "between", slow)
            office.catalogs.current = a_catalog(configuration={"GREETING": "now"})
            planned = await office.settled(await office.ask(Kind.DEPLOY, plan_only=True))
            assert planned.plan is not None
            async with office.store.view() as view:
                assert await view.configuration(planned.plan.configuration_version) is not None
