"""Instances as processes: their environment, their group, their ends and restarts, their logs."""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from adapters.local import processes
from adapters.local.artifacts import ArtifactStore
from bot.domain.artifact import Artifact, Revision
from bot.domain.catalog import Configuration, Health, HealthKind, Target
from bot.domain.errors import PermanentError
from bot.domain.instances import Instance, InstanceState
from tests.support.local import LocalPlatform, eventually, local_platform, sample_artifact, sample_target

TARGET = sample_target()


async def test_it_is_told_what_it_is(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        artifact = sample_artifact(platform.data_dir, "v1")
        target = replace(TARGET, configuration=Configuration({"GREETING": "Grüße “hier”", "PORT": "1"}))
        found = await platform.bring_up(target, "shop-1", artifact, enable=False)
        process = platform.instance_process("shop-1")
        environment = process.environ()
        assert process.cwd() == str(platform.data_dir / "artifacts" / artifact.digest.removeprefix("sha256:"))
        assert f"127.0.0.1:{environment['PORT']}" == found.address
        assert environment["GREETING"] == "Grüße “hier”"
        assert (environment["SHIPBELL_INSTANCE"], environment["SHIPBELL_VERSION"]) == ("shop-1", "v1")
        async with httpx.AsyncClient() as client:
            assert "Grüße “hier”" in (await client.get(f"http://{found.address}/")).text


async def test_one_that_dies_after_it_was_healthy_is_started_again_and_counted(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        await platform.bring_up(
            TARGET, "shop-1", sample_artifact(platform.data_dir, "v1", "dies 1"), enable=False
        )

        async def crashed() -> Instance | None:
            found = (await platform.runtime.inspect(TARGET))["shop-1"]
            return found if found.state is InstanceState.CRASHED else None

        found = await eventually(crashed)
        assert found.reason.startswith("shop-1 ended with exit status 7 after ")
        assert "started again" in found.reason
        assert "the shop burnt down" in found.log_tail
        assert found.healthy is False

        async def restarted() -> bool:
            again = (await platform.runtime.inspect(TARGET))["shop-1"]
            return again.restarts >= 2 and bool(again.healthy)

        await eventually(restarted, within=20)


async def test_its_address_stays_when_it_is_started_again(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        before = await platform.bring_up(TARGET, "shop-1", sample_artifact(platform.data_dir))
        platform.kill(platform.instance_process("shop-1"))

        async def is_back() -> Instance | None:
            found = (await platform.runtime.inspect(TARGET))["shop-1"]
            return found if found.restarts and found.healthy else None

        after = await eventually(is_back)
        assert after.address == before.address
        assert after.started_at != before.started_at


async def test_its_traffic_follows_it_when_its_port_was_taken_meanwhile(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        before = await platform.bring_up(TARGET, "shop-1", sample_artifact(platform.data_dir))
        assert before.address is not None
        platform.kill(platform.instance_process("shop-1"))
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

            async def taken() -> bool:
                try:
                    other.bind(("127.0.0.1", int(before.address.rpartition(":")[2])))
                except OSError:
                    return False
                other.listen()
                return True

            await eventually(taken, every=0.005)

            async def is_back() -> Instance | None:
                found = (await platform.runtime.inspect(TARGET))["shop-1"]
                return found if found.restarts and found.healthy else None

            after = await eventually(is_back)
            assert after.address != before.address
            assert (await platform.traffic.inspect(TARGET))["shop-1"].address == after.address
            async with httpx.AsyncClient() as client:
                assert (await client.get(f"{await platform.front(TARGET)}/version")).text == "v1\n"


async def test_one_that_is_killed_says_by_what(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        await platform.runtime.update(
            platform.effect(),
            TARGET,
            "shop-1",
            sample_artifact(platform.data_dir, "v1", "sick"),
            TARGET.configuration,
        )
        await platform.runtime.start(platform.effect(), TARGET, "shop-1")
        platform.kill(platform.instance_process("shop-1"))
        found = await platform.until_state(TARGET, "shop-1", InstanceState.CRASHED)
        assert found.reason == "shop-1 was ended by SIGKILL before it was ever healthy."


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("./absent", "`./absent` can't be started: No such file or directory."),
        ("./page.html", "`./page.html` can't be started: Permission denied."),
        ("./run 'unclosed", "`./run 'unclosed` can't be read as a command: No closing quotation."),
        ("''", None),
        (" ", "The service's `command` is empty."),
    ],
)
async def test_a_command_that_cannot_be_run_is_told_at_once(
    tmp_path: Path, command: str, what: str | None
) -> None:
    async with local_platform(tmp_path) as platform:
        target = sample_target(command=command)
        artifact = sample_artifact(platform.data_dir)
        await platform.runtime.update(platform.effect(), target, "shop-1", artifact, target.configuration)
        start = platform.effect()
        with pytest.raises(PermanentError) as caught:
            await platform.runtime.start(start, target, "shop-1")
        if what is not None:
            assert caught.value.what == what
        with pytest.raises(PermanentError):
            await platform.runtime.start(start, target, "shop-1")
        found = (await platform.runtime.inspect(target))["shop-1"]
        assert found.state is InstanceState.CRASHED
        assert found.reason.startswith(caught.value.what)


async def test_an_artifact_that_is_not_kept_here_is_refused(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        for digest in ("sha256:" + "0" * 64, "../../etc", "sha256:../x"):
            artifact = Artifact(digest, "shop", "v0", Revision("0" * 40, "main"))
            with pytest.raises(PermanentError, match="not kept on this machine"):
                await platform.runtime.update(
                    platform.effect(), TARGET, "shop-1", artifact, TARGET.configuration
                )
        assert dict(await platform.runtime.inspect(TARGET)) == {}


async def test_one_that_will_not_stop_is_ended_after_its_grace_with_all_it_started(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        script = "#!/bin/sh\ntrap '' TERM\nsleep 1000 &\nsleep 1000 &\nwhile true; do sleep 1; done\n"
        target = _plain_target()
        await _start_script(platform, target, script)
        group = platform.instance_process("shop-1").pid
        assert len(_group(platform, group)) >= 3
        await platform.runtime.stop(platform.effect(), target, "shop-1", timedelta(seconds=0.6))
        assert (await platform.runtime.inspect(target))["shop-1"].state is InstanceState.STOPPING
        await platform.until_state(target, "shop-1", InstanceState.STOPPED)
        assert _group(platform, group) == []
        assert (await platform.runtime.logs(target, "shop-1"))[-1] == "[shipbell] shop-1 was ended by SIGKILL"


async def test_what_it_started_ends_with_it(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        target = _plain_target()
        await _start_script(platform, target, "#!/bin/sh\nsleep 1000 &\nsleep 1\nexit 4\n")
        group = platform.instance_process("shop-1").pid
        found = await platform.until_state(target, "shop-1", InstanceState.CRASHED)
        assert "exit status 4" in found.reason
        assert _group(platform, group) == []


async def test_health_by_tcp_and_by_command(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        artifact = sample_artifact(platform.data_dir)
        for number, health in enumerate(
            (
                Health(kind=HealthKind.TCP),
                Health(kind=HealthKind.COMMAND, command="sh -c 'test -n \"$PORT\"'"),
                Health(kind=HealthKind.COMMAND, command="sh -c 'exit 6'"),
                Health(kind=HealthKind.COMMAND, command="sleep 5", timeout=timedelta(seconds=0.2)),
            )
        ):
            target = replace(TARGET, strategy=replace(TARGET.strategy, health=health))
            name = f"shop-{number}"
            await platform.runtime.update(platform.effect(), target, name, artifact, target.configuration)
            await platform.runtime.start(platform.effect(), target, name)
            if number < 2:
                await platform.until_healthy(target, name)
                continue
            found = (await platform.runtime.inspect(target))[name]
            assert found.healthy is False
            assert found.reason == (
                f"{name} failed its health command with exit status 6."
                if number == 2
                else f"{name} did not answer its health check within 0.2 s."
            )


async def test_one_without_a_health_check_counts_as_running_once_it_has_settled(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        target = _plain_target()
        await _start_script(platform, target, "#!/bin/sh\nexec sleep 1000\n")
        assert (await platform.runtime.inspect(target))["shop-1"].state is InstanceState.STARTING
        found = await platform.until_state(target, "shop-1", InstanceState.RUNNING)
        assert found.healthy is None


async def test_a_health_check_goes_on_being_asked(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        await platform.bring_up(TARGET, "shop-1", sample_artifact(platform.data_dir), enable=False)
        quick = replace(
            TARGET, strategy=replace(TARGET.strategy, health=Health(timeout=timedelta(seconds=0.3)))
        )
        process = platform.instance_process("shop-1")
        process.suspend()
        found = (await platform.runtime.inspect(quick))["shop-1"]
        assert (found.state, found.healthy) == (InstanceState.RUNNING, False)
        assert found.reason == "shop-1 did not answer its health check within 0.3 s."
        process.resume()
        assert (await platform.runtime.inspect(TARGET))["shop-1"].healthy


async def test_logs_go_on_across_restarts_and_end_with_its_removal(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        for version in ("v1", "v2"):
            await platform.bring_up(
                TARGET, "shop-1", sample_artifact(platform.data_dir, version), enable=False
            )
            await platform.runtime.stop(platform.effect(), TARGET, "shop-1", TARGET.strategy.stop_within)
            await platform.until_state(TARGET, "shop-1", InstanceState.STOPPED)
        lines = await platform.runtime.logs(TARGET, "shop-1")
        assert [line for line in lines if "closes" in line] == ["shop-1 v1 closes", "shop-1 v2 closes"]
        assert lines[-1] == "[shipbell] shop-1 ended with exit status 0"
        await platform.runtime.remove(platform.effect(), TARGET, "shop-1")
        assert list(await platform.runtime.logs(TARGET, "shop-1")) == []
        assert list((platform.data_dir / "logs").rglob("*.log")) == []


def test_a_log_is_kept_below_its_limit_while_it_is_written_to(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    descriptor = processes.open_log(path)
    for number in range(1000):
        os.write(descriptor, b"line %d\n" % number)
        processes.cap_log(path, 1000)
    os.close(descriptor)
    assert path.stat().st_size <= 1000
    assert path.with_name("a.log.1").stat().st_size <= 1000
    assert processes.tail(path, 3) == ["line 997", "line 998", "line 999"]
    assert processes.tail(path, 80) == [f"line {number}" for number in range(920, 1000)]
    assert processes.tail(path, 0) == []


def test_how_a_process_ended_is_a_sentences_end() -> None:
    assert processes.ending(3) == "ended with exit status 3"
    assert processes.ending(-signal.SIGTERM) == "was ended by SIGTERM"
    assert processes.ending(-99) == "was ended by signal 99"
    assert processes.ending(None).startswith("ended (")


def _plain_target() -> Target:
    return replace(TARGET, strategy=replace(TARGET.strategy, health=Health(kind=HealthKind.NONE)))


async def _start_script(platform: LocalPlatform, target: Target, script: str) -> None:
    tree = platform.data_dir.parent / "script"
    tree.mkdir()
    (tree / "run").write_text(script)
    (tree / "run").chmod(0o755)
    digest = ArtifactStore(platform.data_dir).put(tree)
    artifact = Artifact(digest, "shop", "v1", Revision("1" * 40, "main"))
    await platform.runtime.update(platform.effect(), target, "shop-1", artifact, target.configuration)
    await platform.runtime.start(platform.effect(), target, "shop-1")

    async def has_children() -> bool:
        found = platform.instance_process("shop-1")
        return "exec" in script or bool(found.children())

    await eventually(has_children)


def _group(platform: LocalPlatform, leader: int) -> list[int]:
    return [process.pid for process in platform.processes() if os.getpgid(process.pid) == leader]
