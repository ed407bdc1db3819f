"""Draining for real: whole replacements under load lose no request, and what is in flight is answered by the old version."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import httpx
import pytest

from bot.domain.artifact import Artifact
from bot.domain.instances import InstanceState, TrafficState
from tests.support.load import load
from tests.support.local import LocalPlatform, eventually, local_platform, sample_artifact, sample_target

TARGET = sample_target()


@pytest.mark.slow
async def test_replacing_each_instance_under_load_loses_no_request(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        versions = [sample_artifact(platform.data_dir, version) for version in ("v1", "v2")]
        front = await _two_instances(platform, versions[0])
        async with load(front, rate=100) as found:
            for artifact in (versions[1], versions[0]):
                for name in ("shop-1", "shop-2"):
                    await platform.replace(TARGET, name, artifact)
        assert found.lost == [], found.summary()
        assert found.answered == found.sent > 100, found.summary()
        assert set(found.bodies) == {"v1", "v2"}, found.summary()


async def test_a_slow_request_is_answered_by_the_instance_that_drains(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        old, new = sample_artifact(platform.data_dir, "v1"), sample_artifact(platform.data_dir, "v2")
        front = await _two_instances(platform, old)
        async with httpx.AsyncClient(timeout=20) as client:
            slow = [asyncio.create_task(client.get(f"{front}/slow?seconds=2")) for _ in range(2)]
            await _until_in_flight(platform, {"shop-1": 1, "shop-2": 1})
            await platform.traffic.drain(platform.effect(), TARGET, "shop-1")
            draining = (await platform.traffic.inspect(TARGET))["shop-1"]
            assert (draining.state, draining.in_flight) == (TrafficState.DRAINING, 1)
            others = [(await client.get(f"{front}/version")).headers["x-shop-instance"] for _ in range(20)]
            assert set(others) == {"shop-2"}
            await platform.until_drained(TARGET, "shop-1")
            await platform.runtime.stop(platform.effect(), TARGET, "shop-1", TARGET.strategy.stop_within)
            await platform.until_state(TARGET, "shop-1", InstanceState.STOPPED)
            await platform.bring_up(TARGET, "shop-1", new)
            answers = await asyncio.gather(*slow)
        assert [(answer.status_code, answer.text) for answer in answers] == [(200, "v1 took 2 s\n")] * 2


async def test_requests_wait_while_no_instance_takes_them(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        artifact = sample_artifact(platform.data_dir)
        target = sample_target(instances=1)
        found = await platform.bring_up(target, "shop-1", artifact)
        assert found.address is not None
        front = await platform.front(target)
        await platform.traffic.drain(platform.effect(), target, "shop-1")
        async with httpx.AsyncClient(timeout=20) as client:
            waiting = [asyncio.create_task(client.post(f"{front}/", content=b"hello")) for _ in range(5)]
            await asyncio.sleep(0.5)
            assert not any(request.done() for request in waiting)
            await platform.traffic.enable(platform.effect(), target, "shop-1", found.address)
            assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200] * 5


async def test_requests_are_refused_clearly_when_nobody_takes_them_in_time(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        target = sample_target(instances=1, hold=0.2)
        await platform.bring_up(target, "shop-1", sample_artifact(platform.data_dir))
        front = await platform.front(target)
        await platform.traffic.drain(platform.effect(), target, "shop-1")
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{front}/version")
            assert answer.status_code == 503
            assert (
                answer.text
                == "503 Service Unavailable\nNo Instance of shop@test takes requests at this moment.\n"
            )


async def test_an_instance_that_was_killed_loses_nothing_but_what_it_was_answering(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        front = await _two_instances(platform, sample_artifact(platform.data_dir))
        async with load(front, rate=100, clients=10) as found:
            await asyncio.sleep(0.5)
            platform.kill(platform.instance_process("shop-1"), signal.SIGKILL)

            async def is_back() -> bool:
                instance = (await platform.runtime.inspect(TARGET))["shop-1"]
                return instance.restarts == 1 and instance.healthy is True

            await eventually(is_back)
            await asyncio.sleep(0.5)
        # At 10 ms between requests, of which each takes one or two, at most a few can have been with it.
        assert len(found.lost) <= 3, found.summary()
        assert found.answered > 50, found.summary()


async def test_a_front_stays_at_its_port(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        front = await _two_instances(platform, sample_artifact(platform.data_dir))
        proxy = platform.proxy_process()
        platform.kill(proxy)

        async def is_back() -> bool:
            try:
                async with httpx.AsyncClient() as client:
                    return (await client.get(f"{front}/version")).status_code == 200
            except httpx.HTTPError:
                return False

        await eventually(is_back)
        assert platform.proxy_process().pid != proxy.pid
        assert await platform.front(TARGET) == front
        states = {name: found.state for name, found in (await platform.traffic.inspect(TARGET)).items()}
        assert states == {"shop-1": TrafficState.ENABLED, "shop-2": TrafficState.ENABLED}


async def test_a_killed_proxy_still_knows_who_drains(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        front = await _two_instances(platform, sample_artifact(platform.data_dir))
        await platform.traffic.drain(platform.effect(), TARGET, "shop-1")
        platform.kill(platform.proxy_process())

        async def answered() -> str | None:
            try:
                async with httpx.AsyncClient() as client:
                    return str((await client.get(f"{front}/version")).headers["x-shop-instance"])
            except httpx.HTTPError:
                return None

        await eventually(answered)
        assert {await answered() for _ in range(10)} == {"shop-2"}


async def _two_instances(platform: LocalPlatform, artifact: Artifact) -> str:
    for name in ("shop-1", "shop-2"):
        await platform.bring_up(TARGET, name, artifact)
    return await platform.front(TARGET)


async def _until_in_flight(platform: LocalPlatform, wanted: dict[str, int]) -> None:
    async def reached() -> bool:
        found = await platform.traffic.inspect(TARGET)
        return {name: traffic.in_flight for name, traffic in found.items()} == wanted

    await eventually(reached)
