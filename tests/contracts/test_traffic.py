"""What every TrafficControl does, whatever its kind."""

from __future__ import annotations

import pytest

from bot.domain.errors import PermanentError
from bot.domain.instances import Traffic, TrafficState
from bot.ports import EffectState
from tests.contracts.conftest import Effects, TrafficBench
from tests.support.local import eventually


async def test_nothing_is_known_before_something_is_enabled(traffic_bench: TrafficBench) -> None:
    assert dict(await traffic_bench.traffic.inspect(traffic_bench.target)) == {}


async def test_an_enabled_instance_has_its_address(traffic_bench: TrafficBench, effect: Effects) -> None:
    b = traffic_bench
    await b.traffic.enable(effect(), b.target, "shop-1", b.addresses[0])
    assert dict(await b.traffic.inspect(b.target)) == {
        "shop-1": Traffic("shop-1", TrafficState.ENABLED, 0, b.addresses[0])
    }
    front = await b.traffic.front(b.target)
    assert front is not None
    assert front.startswith("http://")


async def test_an_idle_instance_is_drained_at_once(traffic_bench: TrafficBench, effect: Effects) -> None:
    b = traffic_bench
    await b.traffic.enable(effect(), b.target, "shop-1", b.addresses[0])
    await b.traffic.drain(effect(), b.target, "shop-1")
    found = (await b.traffic.inspect(b.target))["shop-1"]
    assert (found.state, found.in_flight) == (TrafficState.DRAINED, 0)


async def test_a_busy_instance_drains_until_it_has_answered(
    traffic_bench: TrafficBench, effect: Effects
) -> None:
    b = traffic_bench
    await b.traffic.enable(effect(), b.target, "shop-1", b.addresses[0])
    await b.begin_request()
    await _until_in_flight(b, 1)
    await b.traffic.drain(effect(), b.target, "shop-1")
    found = (await b.traffic.inspect(b.target))["shop-1"]
    assert (found.state, found.in_flight) == (TrafficState.DRAINING, 1)
    await b.end_request()
    found = await _until_in_flight(b, 0)
    assert found.state is TrafficState.DRAINED


async def test_draining_and_removing_what_is_absent_is_fine(
    traffic_bench: TrafficBench, effect: Effects
) -> None:
    b = traffic_bench
    await b.traffic.drain(effect(), b.target, "shop-7")
    await b.traffic.remove(effect(), b.target, "shop-7")
    assert dict(await b.traffic.inspect(b.target)) == {}


async def test_a_drained_instance_can_be_enabled_elsewhere(
    traffic_bench: TrafficBench, effect: Effects
) -> None:
    b = traffic_bench
    await b.traffic.enable(effect(), b.target, "shop-1", b.addresses[0])
    await b.traffic.drain(effect(), b.target, "shop-1")
    await b.traffic.enable(effect(), b.target, "shop-1", b.addresses[1])
    found = (await b.traffic.inspect(b.target))["shop-1"]
    assert (found.state, found.address) == (TrafficState.ENABLED, b.addresses[1])


async def test_only_what_is_drained_can_be_removed(traffic_bench: TrafficBench, effect: Effects) -> None:
    b = traffic_bench
    for name, address in zip(("shop-1", "shop-2"), b.addresses, strict=True):
        await b.traffic.enable(effect(), b.target, name, address)
    with pytest.raises(PermanentError, match=r"[Dd]rain"):
        await b.traffic.remove(effect(), b.target, "shop-1")
    await b.traffic.drain(effect(), b.target, "shop-1")
    await b.traffic.remove(effect(), b.target, "shop-1")
    assert list(await b.traffic.inspect(b.target)) == ["shop-2"]


async def test_one_key_acts_once(traffic_bench: TrafficBench, effect: Effects) -> None:
    b = traffic_bench
    await b.traffic.enable(effect(), b.target, "shop-1", b.addresses[0])
    drain = effect()
    await b.traffic.drain(drain, b.target, "shop-1")
    await b.traffic.enable(effect(), b.target, "shop-1", b.addresses[0])
    await b.traffic.drain(drain, b.target, "shop-1")
    assert (await b.traffic.inspect(b.target))["shop-1"].state is TrafficState.ENABLED


async def test_a_smaller_fence_is_refused(traffic_bench: TrafficBench, effect: Effects) -> None:
    b = traffic_bench
    await b.traffic.enable(effect(fence=6), b.target, "shop-1", b.addresses[0])
    with pytest.raises(PermanentError):
        await b.traffic.drain(effect(fence=5), b.target, "shop-1")
    assert (await b.traffic.inspect(b.target))["shop-1"].state is TrafficState.ENABLED


async def test_reconcile_tells_what_became_of_a_key(traffic_bench: TrafficBench, effect: Effects) -> None:
    b = traffic_bench
    enable, drain = effect(), effect()
    assert await b.traffic.reconcile(enable, b.target, "shop-1") is EffectState.NOT_DONE
    await b.traffic.enable(enable, b.target, "shop-1", b.addresses[0])
    assert await b.traffic.reconcile(enable, b.target, "shop-1") is EffectState.DONE
    assert await b.traffic.reconcile(drain, b.target, "shop-1") is EffectState.NOT_DONE
    await b.traffic.drain(drain, b.target, "shop-1")
    assert await b.traffic.reconcile(drain, b.target, "shop-1") is EffectState.DONE


async def _until_in_flight(b: TrafficBench, count: int) -> Traffic:
    async def reached() -> Traffic | None:
        found = (await b.traffic.inspect(b.target))["shop-1"]
        return found if found.in_flight == count else None

    return await eventually(reached)
