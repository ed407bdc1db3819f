"""What every Runtime does, whatever its kind."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.artifact import Artifact
from bot.domain.catalog import Configuration
from bot.domain.errors import PermanentError
from bot.domain.instances import Instance, InstanceState
from bot.ports import EffectState
from tests.contracts.conftest import Effects, RuntimeBench
from tests.support.local import eventually

SOON = timedelta(seconds=5)


async def test_nothing_is_there_before_something_was_put_there(runtime_bench: RuntimeBench) -> None:
    assert dict(await runtime_bench.runtime.inspect(runtime_bench.target)) == {}


async def test_an_update_makes_a_stopped_instance(runtime_bench: RuntimeBench, effect: Effects) -> None:
    b = runtime_bench
    await b.runtime.update(effect(), b.target, "shop-1", b.good, b.target.configuration)
    found = (await b.runtime.inspect(b.target))["shop-1"]
    assert found.state is InstanceState.STOPPED
    assert found.artifact_digest == b.good.digest
    assert found.configuration_version == b.target.configuration.version
    assert (found.healthy, found.address) == (None, None)


async def test_a_started_instance_gets_healthy_and_has_an_address(
    runtime_bench: RuntimeBench, effect: Effects
) -> None:
    found = await _up(runtime_bench, effect, "shop-1", runtime_bench.good)
    assert found.address is not None
    host, _, port = found.address.rpartition(":")
    assert host
    assert port.isdigit()
    assert found.started_at is not None
    assert found.started_at.tzinfo is not None
    assert (found.restarts, found.reason) == (0, "")


async def test_a_stopped_instance_is_still_known(runtime_bench: RuntimeBench, effect: Effects) -> None:
    b = runtime_bench
    await _up(b, effect, "shop-1", b.good)
    await b.runtime.stop(effect(), b.target, "shop-1", SOON)
    found = await _until(b, "shop-1", InstanceState.STOPPED)
    assert found.artifact_digest == b.good.digest
    assert (found.healthy, found.address, found.reason) == (None, None, "")


async def test_stopping_and_removing_what_is_absent_is_fine(
    runtime_bench: RuntimeBench, effect: Effects
) -> None:
    b = runtime_bench
    await b.runtime.stop(effect(), b.target, "shop-7", SOON)
    await b.runtime.remove(effect(), b.target, "shop-7")
    assert dict(await b.runtime.inspect(b.target)) == {}


async def test_starting_what_runs_is_fine(runtime_bench: RuntimeBench, effect: Effects) -> None:
    b = runtime_bench
    before = await _up(b, effect, "shop-1", b.good)
    await b.runtime.start(effect(), b.target, "shop-1")
    after = (await b.runtime.inspect(b.target))["shop-1"]
    assert (after.state, after.started_at) == (InstanceState.RUNNING, before.started_at)


async def test_an_update_replaces_what_was_there(runtime_bench: RuntimeBench, effect: Effects) -> None:
    b = runtime_bench
    await _up(b, effect, "shop-1", b.good)
    await b.runtime.stop(effect(), b.target, "shop-1", SOON)
    await _until(b, "shop-1", InstanceState.STOPPED)
    other = Configuration({"GREETING": "Hello again"})
    await b.runtime.update(effect(), b.target, "shop-1", b.better, other)
    await b.runtime.start(effect(), b.target, "shop-1")
    found = await _until(b, "shop-1", InstanceState.RUNNING)
    assert (found.artifact_digest, found.configuration_version) == (b.better.digest, other.version)


async def test_one_key_acts_once(runtime_bench: RuntimeBench, effect: Effects) -> None:
    b = runtime_bench
    await _up(b, effect, "shop-1", b.good)
    stop = effect()
    await b.runtime.stop(stop, b.target, "shop-1", SOON)
    await _until(b, "shop-1", InstanceState.STOPPED)
    await b.runtime.start(effect(), b.target, "shop-1")
    running = await _until(b, "shop-1", InstanceState.RUNNING)
    await b.runtime.stop(stop, b.target, "shop-1", SOON)
    again = (await b.runtime.inspect(b.target))["shop-1"]
    assert (again.state, again.started_at) == (InstanceState.RUNNING, running.started_at)


async def test_one_key_said_twice_at_once_acts_once(runtime_bench: RuntimeBench, effect: Effects) -> None:
    b = runtime_bench
    await b.runtime.update(effect(), b.target, "shop-1", b.good, b.target.configuration)
    start = effect()
    await asyncio.gather(*(b.runtime.start(start, b.target, "shop-1") for _ in range(5)))
    found = await _until(b, "shop-1", InstanceState.RUNNING)
    assert found.restarts == 0


async def test_a_smaller_fence_is_refused(runtime_bench: RuntimeBench, effect: Effects) -> None:
    b = runtime_bench
    await b.runtime.update(effect(fence=5), b.target, "shop-1", b.good, b.target.configuration)
    await b.runtime.start(effect(fence=6), b.target, "shop-1")
    await _until(b, "shop-1", InstanceState.RUNNING)
    with pytest.raises(PermanentError):
        await b.runtime.stop(effect(fence=5), b.target, "shop-1", SOON)
    assert (await b.runtime.inspect(b.target))["shop-1"].state is InstanceState.RUNNING
    await b.runtime.stop(effect(fence=6), b.target, "shop-1", SOON)
    await _until(b, "shop-1", InstanceState.STOPPED)


async def test_fences_of_one_target_do_not_bind_another(runtime_bench: RuntimeBench, effect: Effects) -> None:
    b = runtime_bench
    other = replace(b.target, environment="prod")
    await b.runtime.update(effect(fence=9), b.target, "shop-1", b.good, b.target.configuration)
    await b.runtime.update(effect(fence=1), other, "shop-1", b.better, other.configuration)
    assert (await b.runtime.inspect(b.target))["shop-1"].artifact_digest == b.good.digest
    assert (await b.runtime.inspect(other))["shop-1"].artifact_digest == b.better.digest


async def test_what_runs_must_be_stopped_before_it_is_updated_or_removed(
    runtime_bench: RuntimeBench, effect: Effects
) -> None:
    b = runtime_bench
    await _up(b, effect, "shop-1", b.good)
    with pytest.raises(PermanentError, match="stopped"):
        await b.runtime.update(effect(), b.target, "shop-1", b.better, b.target.configuration)
    with pytest.raises(PermanentError, match="stopped"):
        await b.runtime.remove(effect(), b.target, "shop-1")
    found = (await b.runtime.inspect(b.target))["shop-1"]
    assert (found.state, found.artifact_digest) == (InstanceState.RUNNING, b.good.digest)


async def test_what_was_never_updated_cannot_start(runtime_bench: RuntimeBench, effect: Effects) -> None:
    with pytest.raises(PermanentError):
        await runtime_bench.runtime.start(effect(), runtime_bench.target, "shop-1")


async def test_a_crash_at_start_is_told_with_its_reason_and_last_lines(
    runtime_bench: RuntimeBench, effect: Effects
) -> None:
    b = runtime_bench
    await b.runtime.update(effect(), b.target, "shop-1", b.crashing, b.target.configuration)
    await b.runtime.start(effect(), b.target, "shop-1")
    found = await _until(b, "shop-1", InstanceState.CRASHED)
    assert "exit status 3" in found.reason
    assert found.log_tail
    assert (found.healthy, found.restarts) == (False, 0)


async def test_a_crashed_instance_can_be_stopped_and_replaced(
    runtime_bench: RuntimeBench, effect: Effects
) -> None:
    b = runtime_bench
    await b.runtime.update(effect(), b.target, "shop-1", b.crashing, b.target.configuration)
    await b.runtime.start(effect(), b.target, "shop-1")
    await _until(b, "shop-1", InstanceState.CRASHED)
    await b.runtime.stop(effect(), b.target, "shop-1", SOON)
    await _until(b, "shop-1", InstanceState.STOPPED)
    found = await _up(b, effect, "shop-1", b.good)
    assert (found.reason, found.restarts, found.log_tail) == ("", 0, ())


async def test_a_sick_instance_is_never_healthy_and_says_why(
    runtime_bench: RuntimeBench, effect: Effects
) -> None:
    b = runtime_bench
    await b.runtime.update(effect(), b.target, "shop-1", b.sick, b.target.configuration)
    await b.runtime.start(effect(), b.target, "shop-1")

    async def asked() -> Instance | None:
        found = (await b.runtime.inspect(b.target))["shop-1"]
        assert not found.healthy
        return found if "500" in found.reason else None

    found = await eventually(asked)
    assert found.state in (InstanceState.STARTING, InstanceState.RUNNING)


async def test_a_removed_instance_is_gone(runtime_bench: RuntimeBench, effect: Effects) -> None:
    b = runtime_bench
    for name in ("shop-1", "shop-2"):
        await b.runtime.update(effect(), b.target, name, b.good, b.target.configuration)
    await b.runtime.remove(effect(), b.target, "shop-1")
    assert list(await b.runtime.inspect(b.target)) == ["shop-2"]


async def test_instances_come_in_the_order_of_their_numbers(
    runtime_bench: RuntimeBench, effect: Effects
) -> None:
    b = runtime_bench
    for number in (10, 2, 1):
        await b.runtime.update(effect(), b.target, f"shop-{number}", b.good, b.target.configuration)
    assert list(await b.runtime.inspect(b.target)) == ["shop-1", "shop-2", "shop-10"]


async def test_logs_are_its_last_lines(runtime_bench: RuntimeBench, effect: Effects) -> None:
    b = runtime_bench
    await _up(b, effect, "shop-1", b.good)
    lines = await b.runtime.logs(b.target, "shop-1", 50)
    assert lines
    assert list(await b.runtime.logs(b.target, "shop-1", 1)) == [lines[-1]]


async def test_reconcile_tells_what_became_of_a_key(runtime_bench: RuntimeBench, effect: Effects) -> None:
    b = runtime_bench
    update, start = effect(), effect()
    assert await b.runtime.reconcile(update, b.target, "shop-1") is EffectState.NOT_DONE
    await b.runtime.update(update, b.target, "shop-1", b.good, b.target.configuration)
    assert await b.runtime.reconcile(update, b.target, "shop-1") is EffectState.DONE
    assert await b.runtime.reconcile(start, b.target, "shop-1") is EffectState.NOT_DONE
    await b.runtime.start(start, b.target, "shop-1")
    await _until(b, "shop-1", InstanceState.RUNNING)
    assert await b.runtime.reconcile(start, b.target, "shop-1") is EffectState.DONE


async def _up(b: RuntimeBench, effect: Effects, name: str, artifact: Artifact) -> Instance:
    await b.runtime.update(effect(), b.target, name, artifact, b.target.configuration)
    await b.runtime.start(effect(), b.target, name)

    async def healthy() -> Instance | None:
        found = (await b.runtime.inspect(b.target))[name]
        return found if found.state is InstanceState.RUNNING and found.healthy else None

    return await eventually(healthy)


async def _until(b: RuntimeBench, name: str, state: InstanceState) -> Instance:
    async def reached() -> Instance | None:
        found = (await b.runtime.inspect(b.target))[name]
        return found if found.state is state else None

    return await eventually(reached)
