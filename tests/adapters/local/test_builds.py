"""Builds by the agent: what they are told, what they leave, what ends them, and that a key builds once whatever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.artifact import BuildState, Revision
from bot.domain.catalog import BuildRecipe, Service, Source
from bot.domain.errors import PermanentError, TemporaryError
from tests.support.local import (
    SampleRepository,
    eventually,
    local_platform,
    sample_repo,
    sample_service,
)


async def test_its_version_is_the_commits_tag(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        repository = sample_repo(tmp_path)
        for tag in ("v1.9", "v1.10"):
            repository.tag(tag)
        artifact = await platform.build(sample_service(repository))
        assert artifact.version == "v1.10"
        assert (Path(artifact.location) / "VERSION").read_text() == "v1.10\n"
        assert artifact.revision.sha == repository.first


async def test_the_command_runs_in_a_clean_checkout_of_exactly_that_commit(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        repository = sample_repo(tmp_path)
        repository.commit("Later", later_txt="later")
        (repository.path / "uncommitted.txt").write_text("not this")
        service = _service(repository, "mkdir dist; { ls -A; git rev-parse HEAD; env; } > dist/seen")
        revision = await platform.source.resolve(service.source, repository.first)
        artifact = await platform.build(service, revision)
        seen = (Path(artifact.location) / "seen").read_text().splitlines()
        assert ".git" in seen
        assert "later.txt" not in seen
        assert "uncommitted.txt" not in seen
        assert repository.first in seen
        assert {"CI=true", "SHIPBELL_SERVICE=shop", f"SHIPBELL_REVISION={repository.first}"} <= set(seen)

        async def taken_away() -> bool:
            return list((platform.data_dir / "checkouts").iterdir()) == []

        await eventually(taken_away)


async def test_an_earlier_artifact_is_used_again_only_while_it_is_kept(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        repository = sample_repo(tmp_path)
        service = _service(repository, f"echo begun >> '{tmp_path}/begun'; sh build.sh")
        first = await platform.build(service, key="one")
        second = await platform.build(service, key="two")
        assert first == second
        assert _begun(tmp_path) == 1
        assert any("used again" in line for line in await platform.builder.log("two"))
        folder = Path(first.location)
        subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
        folder.rename(tmp_path / "moved-away")
        third = await platform.build(service, key="three")
        assert third == first
        assert _begun(tmp_path) == 2
        other = replace(service, build=BuildRecipe("local", {**service.build.options, "output": "./dist"}))
        await platform.build(other, key="four")
        assert _begun(tmp_path) == 3


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"command": "exit 9"}, "The build command ended with exit status 9. Its log says why."),
        ({"command": "kill -9 $$"}, "The build command was ended by SIGKILL. Its log says why."),
        (
            {"command": "true"},
            "The build ended well but left no folder `dist`. Let it write there, or correct `output` in the catalog.",
        ),
        (
            {"command": "mkdir dist"},
            "The build's output folder is empty. Let the build command write into it.",
        ),
        (
            {"command": "mkdir dist; ln -s /etc/passwd dist/stolen"},
            "The link `stolen` in the build's output leads out of it, to `/etc/passwd`. Let the build copy the file instead.",
        ),
        (
            {"command": "ln -s /etc dist"},
            "The build ended well but left no folder `dist`. Let it write there, or correct `output` in the catalog.",
        ),
        (
            {"command": "sleep 60 & sleep 60", "timeout": 0.5},
            "The build took longer than 0.5 s and was ended. Raise `timeout`.",
        ),
    ],
)
async def test_what_went_wrong_is_a_sentence(tmp_path: Path, options: dict[str, object], reason: str) -> None:
    async with local_platform(tmp_path) as platform:
        service = replace(sample_service(sample_repo(tmp_path)), build=BuildRecipe("local", options))
        report = await platform.build_report(service)
        assert (report.state, report.reason) == (BuildState.FAILED, reason)
        assert report.artifact is None
        assert report.log_tail[-1].endswith(reason)
        assert len(platform.processes()) == 1, "the build's helpers end with it"


@pytest.mark.parametrize("output", ["../up", "/etc", "a/../../b"])
async def test_an_output_outside_the_checkout_is_refused_at_once(tmp_path: Path, output: str) -> None:
    async with local_platform(tmp_path) as platform:
        service = _service(sample_repo(tmp_path), "true", output=output)
        revision = await platform.source.resolve(service.source, None)
        with pytest.raises(PermanentError, match="within the checkout"):
            await platform.builder.start("one", service, revision)


async def test_a_commit_that_is_not_there_fails_clearly(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        repository = sample_repo(tmp_path)
        report = await platform.build_report(
            sample_service(repository), Revision("1234567" * 5 + "12345", "main")
        )
        assert report.state is BuildState.FAILED
        assert "has no commit 123456712345" in report.reason


async def test_a_repository_that_is_not_there_fails_without_telling_secrets(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        url = f"file://user:hunter2@{tmp_path}/absent"
        service = replace(sample_service(sample_repo(tmp_path)), source=Source("git", url))
        report = await platform.build_report(service, Revision("1" * 40, "main"))
        assert report.state is BuildState.FAILED
        assert "hunter2" not in report.reason + "".join(report.log_tail)


async def test_its_log_is_read_while_it_runs(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        service = _service(sample_repo(tmp_path), "echo first; echo second >&2; sleep 30")
        revision = await platform.source.resolve(service.source, None)
        await platform.builder.start("one", service, revision)

        async def streamed() -> bool:
            return list(await platform.builder.log("one", 2)) == ["first", "second"]

        await eventually(streamed)
        assert (await platform.builder.report("one")).state is BuildState.RUNNING
        await platform.builder.cancel("one")

        async def ended() -> bool:
            return len(platform.processes()) == 1

        await eventually(ended)
        assert (await platform.builder.report("one")).state is BuildState.CANCELLED
        assert list((platform.data_dir / "artifacts").iterdir()) == []


@pytest.mark.kill
async def test_a_build_goes_on_when_whoever_asked_for_it_is_killed(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        repository = sample_repo(tmp_path)
        service = _service(repository, f"echo begun >> '{tmp_path}/begun'; sleep 1.5; sh build.sh")
        program = (
            "import asyncio, os, signal, sys; from pathlib import Path;"
            "from adapters.local.adapter import LocalBuilder; from bot.domain.artifact import Revision;"
            "from bot.domain.catalog import *\n"
            f"service = Service('shop', Source('git', {repository.url!r}), BuildRecipe('local', {dict(service.build.options)!r}), {{}})\n"
            f"revision = Revision({repository.first!r}, 'main')\n"
            f"asyncio.run(LocalBuilder(Path({str(platform.data_dir)!r})).start('one', service, revision))\n"
            "os.killpg(os.getpid(), signal.SIGKILL)"
        )
        asker = subprocess.run(
            [sys.executable, "-c", program],
            start_new_session=True,
            cwd=Path(__file__).parents[3],
            check=False,
            timeout=30,
        )
        assert asker.returncode == -signal.SIGKILL

        async def begun() -> bool:
            return _begun(tmp_path) == 1

        await eventually(begun)
        report = await platform.build_report(service, Revision(repository.first, "main"), key="one")
        assert report.state is BuildState.SUCCEEDED, report
        assert _begun(tmp_path) == 1


@pytest.mark.kill
async def test_a_build_whose_agent_was_killed_has_failed_and_is_not_begun_again(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        service = _service(sample_repo(tmp_path), f"echo begun >> '{tmp_path}/begun'; sleep 60 & sleep 60")
        revision = await platform.source.resolve(service.source, None)
        await platform.builder.start("one", service, revision)

        async def begun() -> bool:
            return _begun(tmp_path) == 1

        await eventually(begun)
        platform.kill(platform.agent_pid)
        report = await platform.builder.report("one")
        assert report.state is BuildState.FAILED
        assert report.reason.startswith(
            "The local agent that ran this build was killed or restarted meanwhile."
        )
        assert (await platform.builder.start("one", service, revision)).state is BuildState.FAILED
        assert _begun(tmp_path) == 1
        assert len(platform.processes()) == 1, "nothing of the build is left"
        assert list((platform.data_dir / "checkouts").iterdir()) == []


async def test_a_key_cannot_stand_for_two_builds(tmp_path: Path) -> None:
    async with local_platform(tmp_path) as platform:
        repository = sample_repo(tmp_path)
        service = sample_service(repository)
        await platform.build(service, key="one")
        other = repository.commit("Other")
        with pytest.raises(PermanentError, match="already stands for a build"):
            await platform.builder.start("one", service, Revision(other, "main"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small disk can be mounted by root only")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_full_disk_fails_the_build_and_leaves_the_agent_well(
    tmp_path: Path, small_disk: Path
) -> None:
    async with local_platform(small_disk) as platform:
        repository = sample_repo(tmp_path)
        # Twice the room is needed: in the checkout and in the store.
        service = _service(repository, "mkdir dist; head -c 1800000 /dev/zero > dist/large")
        report = await platform.build_report(service)
        assert report.state is BuildState.FAILED
        assert (
            report.reason
            == "The disk with the local agent's data folder is full. Free some space and deploy again."
        )
        assert list((platform.data_dir / "artifacts").iterdir()) == []
        assert (
            await platform.build_report(_service(repository, "sh build.sh"))
        ).state is BuildState.SUCCEEDED


async def test_on_a_full_disk_nothing_is_begun_and_what_is_known_stays(
    tmp_path: Path, small_disk: Path
) -> None:
    async with local_platform(small_disk) as platform:
        service = sample_service(sample_repo(tmp_path))
        target = service.targets["test"]
        artifact = await platform.build(service)
        await platform.bring_up(target, "shop-1", artifact)
        filler = small_disk / "filler"
        descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
        with pytest.raises(OSError, match="No space left"):
            while True:
                os.write(descriptor, b"x" * 4096)
        os.close(descriptor)
        refusal = ""
        for number in range(400):
            # The journal's last page may have some room left.
            try:
                await platform.runtime.update(
                    platform.effect(f"full/{number}"), target, "shop-2", artifact, target.configuration
                )
            except TemporaryError as error:
                refusal = str(error)
                break
        assert refusal.startswith(
            "The disk with the local agent's data folder is full, so nothing was begun."
        )
        assert (await platform.runtime.inspect(target))["shop-1"].healthy
        platform.kill(platform.agent_pid)
        filler.unlink()
        assert (await platform.runtime.inspect(target))["shop-1"].healthy
        await platform.bring_up(target, "shop-2", artifact)


def _service(repository: SampleRepository, command: str, output: str = "dist") -> Service:
    return replace(
        sample_service(repository),
        build=BuildRecipe("local", {"command": command, "output": output, "timeout": 60}),
    )


def _begun(tmp_path: Path) -> int:
    file = tmp_path / "begun"
    return len(file.read_text().splitlines()) if file.exists() else 0
