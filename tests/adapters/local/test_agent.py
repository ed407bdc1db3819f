"""The agent's own life: one for each folder, found and started by whoever needs it, killed and replaced without losing anything."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from adapters.local import client
from adapters.local.client import AgentClient, ensure_agent, shut_down_agent
from adapters.local.wire import ask, known_socket
from bot.domain.errors import PermanentError, TemporaryError
from bot.domain.instances import InstanceState, TrafficState
from tests.support.load import load
from tests.support.local import LocalPlatform, eventually, local_platform, sample_artifact, sample_target

TARGET = sample_target()


async def test_many_that_need_one_at_once_get_the_same(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        pids = await asyncio.gather(*(ensure_agent(platform.data_dir) for _ in range(6)))
        assert len(set(pids)) == 1

        async def alone() -> bool:
            # Those that found the lock taken are on their way out.
            return [process.pid for process in platform.processes()] == [pids[0]]

        await eventually(alone)


async def test_a_second_one_for_the_same_folder_leaves(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        pid = await ensure_agent(platform.data_dir)
        second = subprocess.run(
            [sys.executable, "-m", "adapters.local.agent", "--data", str(platform.data_dir)],
            check=False,
            timeout=20,
        )
        assert second.returncode == 3
        assert await ensure_agent(platform.data_dir) == pid


async def test_it_belongs_to_nobody_and_only_its_user_may_speak_with_it(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        pid = await ensure_agent(platform.data_dir)
        process = psutil.Process(pid)
        assert os.getsid(pid) not in (os.getsid(0), pid)
        assert process.ppid() != os.getpid()
        assert process.terminal() is None
        socket = known_socket(platform.data_dir, "agent").stat()
        assert stat.S_ISSOCK(socket.st_mode)
        assert stat.S_IMODE(socket.st_mode) == 0o600
        assert stat.S_IMODE(platform.data_dir.stat().st_mode) == 0o700


async def test_nothing_of_the_bots_environment_reaches_what_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    async with local_platform(tmp_path) as platform:
        await platform.bring_up(TARGET, "shop-1", sample_artifact(platform.data_dir))
        names = {name for process in platform.processes() for name in process.environ()}
        assert len(platform.processes()) >= 3
        assert "GREETING" in names
        assert "SLACK_BOT_TOKEN" not in names


async def test_a_folder_with_a_long_path_works_too(tmp_path: Path) -> None:
    deep = tmp_path / ("a-rather-long-name-" * 5) / "and-another-level-of-it"
    async with local_platform(deep) as platform:
        await platform.bring_up(TARGET, "shop-1", sample_artifact(platform.data_dir))
        path = known_socket(platform.data_dir, "agent")
        assert len(os.fsencode(platform.data_dir / "agent.sock")) > 108
        assert len(os.fsencode(path)) < 104
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        platform.kill(platform.agent_pid)
        assert (await platform.runtime.inspect(TARGET))["shop-1"].state is InstanceState.RUNNING
        await shut_down_agent(platform.data_dir)
        assert not path.parent.exists()


async def test_shutting_down_ends_everything_and_the_next_one_brings_it_back(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        for name in ("shop-1", "shop-2"):
            await platform.bring_up(TARGET, name, sample_artifact(platform.data_dir, name))
        await platform.traffic.drain(platform.effect(), TARGET, "shop-2")
        front = await platform.front(TARGET)
        await shut_down_agent(platform.data_dir)
        assert platform.processes() == []
        await platform.until_healthy(TARGET, "shop-1")
        await platform.until_healthy(TARGET, "shop-2")
        states = {name: found.state for name, found in (await platform.traffic.inspect(TARGET)).items()}
        assert states == {"shop-1": TrafficState.ENABLED, "shop-2": TrafficState.DRAINED}
        async with load(front, rate=50) as found:
            await asyncio.sleep(0.3)
        assert found.lost == []
        assert set(found.bodies) == {"shop-1"}


async def test_shutting_down_when_none_runs_is_fine(tmp_path: Path) -> None:
    await shut_down_agent(tmp_path / "local")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_asking_it_to_end_ends_everything(tmp_path: Path, number: int) -> None:
    async with local_platform(tmp_path) as platform:
        await platform.bring_up(TARGET, "shop-1", sample_artifact(platform.data_dir))
        platform.kill(platform.agent_pid, number)

        async def all_gone() -> bool:
            return platform.processes() == []

        await eventually(all_gone)


@pytest.mark.kill
async def test_a_killed_agent_is_replaced_by_one_that_adopts(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        for name in ("shop-1", "shop-2"):
            await platform.bring_up(TARGET, name, sample_artifact(platform.data_dir, name))
        before = {process.pid for process in platform.processes()} - {platform.agent_pid}
        instances = await platform.runtime.inspect(TARGET)
        async with load(await platform.front(TARGET), rate=100) as found:
            for _ in range(3):
                platform.kill(platform.agent_pid)
                assert await platform.runtime.inspect(TARGET) == instances
                await asyncio.sleep(0.1)
        assert found.lost == [], found.summary()
        assert {process.pid for process in platform.processes()} - {platform.agent_pid} == before
        # What was adopted is ended as well as what was started.
        await platform.replace(TARGET, "shop-1", sample_artifact(platform.data_dir, "v9"))
        assert len(platform.processes()) == 4


@pytest.mark.kill
async def test_what_ended_while_no_agent_was_there_is_started_again(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        for name in ("shop-1", "shop-2"):
            await platform.bring_up(TARGET, name, sample_artifact(platform.data_dir, name))
        proxy, instance = platform.proxy_process(), platform.instance_process("shop-1")
        platform.kill(platform.agent_pid)
        platform.kill(proxy)
        platform.kill(instance)
        found = await platform.until_healthy(TARGET, "shop-1", after_crash=True)
        assert found.restarts == 1
        assert platform.instance_process("shop-1").pid != instance.pid
        async with load(await platform.front(TARGET), rate=50) as answered:
            await asyncio.sleep(0.5)
        assert answered.lost == []
        assert set(answered.bodies) == {"shop-1", "shop-2"}


@pytest.mark.kill
async def test_a_stop_that_a_killed_agent_began_is_carried_through(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        artifact = sample_artifact(platform.data_dir)
        await platform.bring_up(TARGET, "shop-1", artifact)
        process = platform.instance_process("shop-1")
        # Deaf to SIGTERM, so that the stop is still under way.
        process.suspend()
        await platform.runtime.stop(platform.effect(), TARGET, "shop-1", TARGET.strategy.stop_within)
        platform.kill(platform.agent_pid)
        assert (await platform.runtime.inspect(TARGET))["shop-1"].state is InstanceState.STOPPING
        await platform.until_state(TARGET, "shop-1", InstanceState.STOPPED)
        assert process.pid not in {known.pid for known in platform.processes()}


@pytest.mark.kill
@pytest.mark.slow
async def test_kills_at_any_moment_of_a_rollout_end_in_one_instance_each(tmp_path: Path) -> None:
    """The same effects are asked again under the same keys, as an interpreter does that hears nothing."""
    async with local_platform(tmp_path) as platform:
        artifact = sample_artifact(platform.data_dir)
        rounds = 6
        for number in range(rounds):
            killing = asyncio.create_task(_kill_after(platform, 0.02 + 0.03 * number))
            await platform.runtime.stop(
                platform.effect(f"{number}/stop"), TARGET, "shop-1", TARGET.strategy.stop_within
            )
            if "shop-1" in await platform.runtime.inspect(TARGET):
                await platform.until_state(TARGET, "shop-1", InstanceState.STOPPED)
            await platform.runtime.update(
                platform.effect(f"{number}/update"), TARGET, "shop-1", artifact, TARGET.configuration
            )
            await platform.runtime.start(platform.effect(f"{number}/start"), TARGET, "shop-1")
            found = await platform.until_healthy(TARGET, "shop-1")
            await killing
            assert found.restarts == 0, found
            platform.instance_process("shop-1")


async def test_a_stopped_agent_is_a_temporary_error_and_acts_on_nothing_late(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        await platform.bring_up(TARGET, "shop-1", sample_artifact(platform.data_dir))
        os.kill(platform.agent_pid, signal.SIGSTOP)
        agent = AgentClient(platform.data_dir)
        arguments = {
            "effect": {"key": "late", "fence": 1, "operation": 1},
            "target": TARGET.key,
            "instance": "shop-1",
            "within": 1.0,
        }
        began = time.monotonic()
        with pytest.raises(TemporaryError, match=r"did not answer `stop` within 0\.3 s"):
            await agent.call("stop", arguments, timeout=0.3)
        assert time.monotonic() - began < 2
        os.kill(platform.agent_pid, signal.SIGCONT)
        await agent.call("ping", {})
        assert (await platform.runtime.inspect(TARGET))["shop-1"].state is InstanceState.RUNNING
        platform.instance_process("shop-1")


async def test_an_agent_of_another_protocol_hands_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with local_platform(tmp_path) as platform:
        await platform.bring_up(TARGET, "shop-1", sample_artifact(platform.data_dir))
        old, instance = platform.agent_pid, platform.instance_process("shop-1")
        await ask(known_socket(platform.data_dir, "agent"), "hand_over", {}, timeout=5)
        assert instance.is_running()
        new = await ensure_agent(platform.data_dir)
        assert new != old
        assert (await platform.runtime.inspect(TARGET))["shop-1"].healthy
        # One that only ever speaks another protocol is not asked for ever.
        with monkeypatch.context() as patch:
            patch.setattr(client, "PROTOCOL", 999)
            patch.setattr(client, "START_WITHIN", 1.0)
            with pytest.raises(TemporaryError, match="does not start"):
                await ensure_agent(platform.data_dir)


async def test_what_it_does_not_know_is_refused(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        agent = AgentClient(platform.data_dir)
        with pytest.raises(PermanentError, match="no verb `dance`"):
            await agent.call("dance", {})
        reader, writer = await asyncio.open_unix_connection(str(known_socket(platform.data_dir, "agent")))
        writer.write(b"nonsense\n")
        assert b"That is no request." in await reader.readline()
        writer.close()


async def test_no_process_of_anybody_else_is_ever_ended(tmp_path: Path) -> None:
    """The journal says a pid that now is somebody else's: it is not adopted, and not signalled."""
    async with local_platform(tmp_path) as platform:
        await platform.bring_up(TARGET, "shop-1", sample_artifact(platform.data_dir))
        instance = platform.instance_process("shop-1")
        platform.kill(platform.agent_pid)
        platform.kill(instance)
        bystander = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True
        )
        try:
            journal = platform.data_dir / "journal.jsonl"
            journal.write_text(journal.read_text().replace(f'"pid":{instance.pid}', f'"pid":{bystander.pid}'))
            assert str(bystander.pid) in journal.read_text()
            found = await platform.until_healthy(TARGET, "shop-1", after_crash=True)
            assert found.restarts == 1
            await platform.runtime.stop(platform.effect(), TARGET, "shop-1", TARGET.strategy.stop_within)
            await platform.until_state(TARGET, "shop-1", InstanceState.STOPPED)
            assert bystander.poll() is None
        finally:
            bystander.kill()
            bystander.wait()


async def _kill_after(platform: LocalPlatform, seconds: float) -> None:
    await asyncio.sleep(seconds)
    pid = await ensure_agent(platform.data_dir)
    platform.kill(pid)
