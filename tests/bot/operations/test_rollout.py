"""How an Operation goes from its request to its end: orders of steps, failures, undoing, questions, aborts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.catalog import OnFailure
from bot.domain.errors import NotNow, RefNotFound, UnknownWord, UsageError
from bot.domain.operation import Choice, Kind, State
from tests.support.operations import DANA, LEE, Office, a_catalog, an_office


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path) as opened:
        yield opened


async def test_a_first_deploy_creates_the_instances(office: Office) -> None:
    done = await office.deploy()
    assert done.state is State.SUCCEEDED
    assert office.platform.versions_of("shop@test") == {
        "shop-1": "a running enabled",
        "shop-2": "a running enabled",
    }


async def test_a_deploy_moves_one_instance_after_the_other_through_the_six_steps(office: Office) -> None:
    await office.deploy()
    office.platform.calls.clear()
    office.platform.commit("b")
    done = await office.deploy()
    assert done.state is State.SUCCEEDED
    assert office.platform.calls == [
        "build bbbbbbb",
        *(f"{verb} shop-1" for verb in ("drain", "stop", "update", "start", "enable")),
        *(f"{verb} shop-2" for verb in ("drain", "stop", "update", "start", "enable")),
    ]
    assert done.previous is not None
    assert done.previous.version == "aaaaaaa"
    async with office.store.view() as view:
        release = (await view.releases("shop", "test", 1))[0]
    assert (release.artifact.version, release.by, release.operation) == ("bbbbbbb", "dana", done.number)


async def test_a_version_that_crashes_is_undone_and_the_old_one_is_back(office: Office) -> None:
    await office.deploy()
    office.platform.commit("b")
    office.platform.crashing.add("b")
    done = await office.deploy()
    assert done.state is State.ROLLED_BACK
    assert "shop-1 crashed while it started: exit status 3" in done.outcome
    assert done.log_tail == ("about to crash", "crashed")
    assert office.platform.versions_of("shop@test") == {
        "shop-1": "a running enabled",
        "shop-2": "a running enabled",
    }
    async with office.store.view() as view:
        assert (await view.releases("shop", "test", 1))[0].artifact.version == "aaaaaaa"


async def test_a_first_deploy_that_crashes_leaves_nothing_behind(office: Office) -> None:
    office.platform.crashing.add("a")
    done = await office.deploy()
    assert done.state is State.ROLLED_BACK
    assert office.platform.running["shop@test"] == {}
    assert office.platform.routes.get("shop@test", {}) == {}


async def test_a_version_that_never_gets_healthy_is_undone(office: Office) -> None:
    await office.deploy()
    office.platform.commit("b")
    office.platform.sick.add("b")
    done = await office.deploy()
    assert done.state is State.ROLLED_BACK
    assert "did not get healthy within 0.4 s: /healthz answered 500" in done.outcome


async def test_a_build_that_fails_touches_nothing_and_shows_its_log(office: Office) -> None:
    await office.deploy()
    office.platform.calls.clear()
    office.platform.commit("b")
    office.platform.failing_builds.add("b")
    done = await office.deploy()
    assert done.state is State.FAILED
    assert done.log_tail == ("boom",)
    assert office.platform.calls == ["build bbbbbbb"]


async def test_an_instance_that_dies_while_it_is_watched_is_undone(tmp_path: Path) -> None:
    async with an_office(tmp_path, a_catalog(bake=30)) as office:
        first = await office.ask(Kind.DEPLOY)
        await office.state(first, State.VERIFYING)
        office.clock.ahead += office.clock.ahead.__class__(seconds=60)
        assert (await office.settled(first)).state is State.SUCCEEDED
        office.platform.commit("b")
        second = await office.ask(Kind.DEPLOY)
        await office.state(second, State.VERIFYING)
        office.platform.crashing.add("b")
        runtime = office.platform.adapters.runtimes["local"]
        runtime._change(  # type: ignore[attr-defined]
            office.catalogs.current.services["shop"].targets["test"],
            "shop-2",
            restarts=1,
            reason="exit status 9",
        )
        done = await office.settled(second)
        assert done.state is State.ROLLED_BACK
        assert "shop-2 crashed and was restarted: exit status 9." in done.outcome
        assert office.platform.versions_of("shop@test")["shop-2"] == "a running enabled"


async def test_requests_that_never_end_stop_the_drain_and_traffic_opens_again(office: Office) -> None:
    await office.deploy()
    office.platform.commit("b")
    office.platform.in_flight["shop-1"] = 2
    done = await office.deploy()
    assert done.state is State.ROLLED_BACK
    assert "shop-1 still had 2 requests in flight after 0.4 s." in done.outcome
    assert office.platform.versions_of("shop@test")["shop-1"] == "a running enabled"


class TestAsking:
    @pytest.fixture
    async def asking(self, tmp_path: Path) -> AsyncIterator[Office]:
        async with an_office(tmp_path, a_catalog(on_failure=OnFailure.ASK)) as office:
            await office.deploy()
            office.platform.commit("b")
            office.platform.crashing.add("b")
            await office.state(await office.ask(Kind.DEPLOY), State.ASKING)
            yield office

    async def answer(self, office: Office, choice: Choice, number: int = 2, question: int = 1) -> None:
        await office.desk.answer(number, question, choice, LEE, office.origin())

    async def test_retry_begins_the_failed_instance_anew(self, asking: Office) -> None:
        asking.platform.crashing.clear()
        asking.platform.calls.clear()
        await self.answer(asking, Choice.RETRY)
        assert (await asking.wait(2, lambda op: op.is_final)).state is State.SUCCEEDED
        assert asking.platform.calls[:2] == ["drain shop-1", "stop shop-1"]

    async def test_retry_that_fails_asks_again(self, asking: Office) -> None:
        await self.answer(asking, Choice.RETRY)
        again = await asking.wait(2, lambda op: op.questions_asked == 2 and op.state is State.ASKING)
        assert again.question is not None
        with pytest.raises(NotNow, match="was answered"):
            await self.answer(asking, Choice.RETRY, question=1)

    async def test_skip_leaves_the_instance_out_and_goes_on(self, asking: Office) -> None:
        asking.platform.crashing.clear()
        await self.answer(asking, Choice.SKIP)
        done = await asking.wait(2, lambda op: op.is_final)
        assert done.state is State.SUCCEEDED
        assert "Skipped: shop-1" in done.outcome
        assert asking.platform.versions_of("shop@test")["shop-2"] == "b running enabled"

    async def test_roll_back_brings_all_back(self, asking: Office) -> None:
        await self.answer(asking, Choice.ROLL_BACK)
        done = await asking.wait(2, lambda op: op.is_final)
        assert done.state is State.ROLLED_BACK
        assert done.outcome.endswith("Rolled back by Lee.")
        assert set(asking.platform.versions_of("shop@test").values()) == {"a running enabled"}

    async def test_two_leads_at_once_one_answer_counts(self, asking: Office) -> None:
        results = await asyncio.gather(
            self.answer(asking, Choice.ROLL_BACK),
            self.answer(asking, Choice.STOP_HERE),
            return_exceptions=True,
        )
        assert sum(isinstance(result, NotNow) for result in results) == 1
        assert (await asking.wait(2, lambda op: op.is_final)).is_final


class TestAbort:
    async def rolling(self, office: Office, at: str) -> int:
        await office.deploy()
        office.platform.commit("b")
        office.platform.pause_at = at
        operation = await office.ask(Kind.DEPLOY)
        await asyncio.wait_for(office.platform.reached.wait(), 8)
        return operation.number

    async def test_asks_and_stops_here_with_no_instance_left_out(self, office: Office) -> None:
        number = await self.rolling(office, "update shop-2")
        await office.desk.abort(number, DANA, office.origin())
        office.platform.paused.set()
        asked = await office.wait(number, lambda op: op.state is State.ASKING)
        assert asked.question is not None
        assert asked.question.choices == (Choice.STOP_HERE, Choice.ROLL_BACK, Choice.CARRY_ON)
        await office.desk.answer(number, 1, Choice.STOP_HERE, DANA, office.origin())
        done = await office.wait(number, lambda op: op.is_final)
        assert done.state is State.ABORTED
        assert "Moved: shop-1. As before: shop-2." in done.outcome
        assert office.platform.versions_of("shop@test") == {
            "shop-1": "b running enabled",
            "shop-2": "a running enabled",
        }

    async def test_roll_back_returns_what_was_moved(self, office: Office) -> None:
        number = await self.rolling(office, "drain shop-2")
        await office.desk.abort(number, DANA, office.origin())
        office.platform.paused.set()
        await office.wait(number, lambda op: op.state is State.ASKING)
        await office.desk.answer(number, 1, Choice.ROLL_BACK, DANA, office.origin())
        assert (await office.wait(number, lambda op: op.is_final)).state is State.ROLLED_BACK
        assert set(office.platform.versions_of("shop@test").values()) == {"a running enabled"}

    async def test_carry_on_ends_as_if_nobody_had_asked(self, office: Office) -> None:
        number = await self.rolling(office, "start shop-1")
        await office.desk.abort(number, DANA, office.origin())
        with pytest.raises(NotNow, match="asked to abort #2 already"):
            await office.desk.abort(number, LEE, office.origin())
        office.platform.paused.set()
        await office.wait(number, lambda op: op.state is State.ASKING)
        await office.desk.answer(number, 1, Choice.CARRY_ON, DANA, office.origin())
        assert (await office.wait(number, lambda op: op.is_final)).state is State.SUCCEEDED

    async def test_in_the_build_cancels_it(self, office: Office) -> None:
        office.platform.slow_builds.add("a")
        operation = await office.ask(Kind.DEPLOY)
        await office.wait(operation.number, lambda op: op.revision is not None)
        await office.desk.abort(operation.number, DANA, office.origin(), reason="wrong branch")
        done = await office.settled(operation)
        assert done.outcome == "Aborted by Dana (wrong branch). Nothing was touched."

        async def cancelled() -> None:
            while f"cancel op-{operation.number}/build" not in office.platform.calls:
                await asyncio.sleep(0.01)

        await asyncio.wait_for(cancelled(), 5)


class TestOtherKinds:
    async def test_rollback_goes_back_and_then_further_back(self, office: Office) -> None:
        for letter in "abc":
            office.platform.commit(letter)
            await office.deploy()
        back = await office.settled(await office.ask(Kind.ROLLBACK))
        assert (back.state, back.artifact and back.artifact.version) == (State.SUCCEEDED, "bbbbbbb")
        further = await office.settled(await office.ask(Kind.ROLLBACK))
        assert further.artifact is not None
        assert further.artifact.version == "aaaaaaa"
        forth = await office.settled(await office.ask(Kind.ROLLBACK, to="ccccccc"))
        assert office.platform.versions_of("shop@test")["shop-1"] == "c running enabled"
        assert forth.state is State.SUCCEEDED

    async def test_rollback_with_nothing_before_says_so(self, office: Office) -> None:
        await office.deploy()
        with pytest.raises(UsageError, match="no release before aaaaaaa"):
            await office.ask(Kind.ROLLBACK)

    async def test_rollback_takes_the_configuration_of_its_release(self, office: Office) -> None:
        first = await office.deploy()
        office.catalogs.current = a_catalog(configuration={"GREETING": "moin"})
        office.platform.commit("b")
        await office.deploy()
        back = await office.settled(await office.ask(Kind.ROLLBACK))
        assert back.state is State.SUCCEEDED
        assert first.plan is not None
        seen = office.platform.running["shop@test"]["shop-1"]
        assert seen.configuration_version == first.plan.configuration_version

    async def test_stop_and_start(self, office: Office) -> None:
        await office.deploy()
        assert (await office.settled(await office.ask(Kind.STOP, actor=LEE))).state is State.SUCCEEDED
        states = set(office.platform.versions_of("shop@test").values())
        assert states == {"a stopped draining"}
        assert (await office.settled(await office.ask(Kind.START))).state is State.SUCCEEDED
        assert set(office.platform.versions_of("shop@test").values()) == {"a running enabled"}

    async def test_scale_up_and_down(self, office: Office) -> None:
        await office.deploy()
        assert (await office.settled(await office.ask(Kind.SCALE, replicas=4))).state is State.SUCCEEDED
        assert list(office.platform.running["shop@test"]) == ["shop-1", "shop-2", "shop-3", "shop-4"]
        assert (await office.settled(await office.ask(Kind.SCALE, replicas=1))).state is State.SUCCEEDED
        assert list(office.platform.running["shop@test"]) == ["shop-1"]
        assert list(office.platform.routes["shop@test"]) == ["shop-1"]

    async def test_restart_keeps_the_version(self, office: Office) -> None:
        await office.deploy()
        office.platform.calls.clear()
        done = await office.settled(await office.ask(Kind.RESTART, only=("shop-2",)))
        assert done.state is State.SUCCEEDED
        assert office.platform.calls == ["drain shop-2", "stop shop-2", "start shop-2", "enable shop-2"]

    async def test_a_plan_only_touches_nothing(self, office: Office) -> None:
        done = await office.deploy(plan_only=True)
        assert done.state is State.PLANNED
        assert done.plan is not None
        assert len(done.plan.steps) == 12
        assert office.platform.calls == ["build aaaaaaa"]

    async def test_an_unknown_ref_begins_nothing_and_names_the_nearest(self, office: Office) -> None:
        with pytest.raises(RefNotFound) as told:
            await office.deploy(ref="mian")
        assert str(told.value) == "There is no ref “mian”. Try main."
        assert told.value.nearest == ("main",)
        async with office.store.view() as view:
            assert await view.operations() == []

    async def test_an_unknown_instance_begins_nothing_and_names_those_there_are(self, office: Office) -> None:
        await office.deploy()
        with pytest.raises(UnknownWord, match=r"It has shop-1, shop-2\."):
            await office.ask(Kind.RESTART, only=("shop-9",))
        with pytest.raises(UsageError):
            await office.ask(Kind.RESTART, only=("shop-1", "shop-1"))
