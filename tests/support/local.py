"""The local platform for tests: adapters over a data folder of their own, and a service in a git repository to deploy.

Everything that is started here runs for real and is ended again by `local_platform`, which also looks whether anything is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import psutil

from adapters.git.adapter import GitSource
from adapters.local.adapter import LocalBuilder, LocalRuntime, LocalTraffic
from adapters.local.artifacts import ArtifactStore
from adapters.local.client import agent_pid, shut_down_agent
from bot.domain.artifact import FINISHED_BUILD, Artifact, BuildReport, Revision
from bot.domain.catalog import BuildRecipe, Configuration, Health, Service, Source, Strategy, Target
from bot.domain.errors import AdapterError
from bot.domain.instances import Instance, InstanceState, TrafficState
from bot.ports import Adapters, Effect

T = TypeVar("T")

SAMPLE = Path(__file__).resolve().parents[2] / "bot" / "demo" / "sample"


class SampleRepository:
    """A git repository with the sample service. `commit…` methods return the full sha; `main` is the branch."""

    def __init__(self, path: Path) -> None:
        self.path = path
        shutil.copytree(SAMPLE, path, ignore=shutil.ignore_patterns("__pycache__"))
        self.git("init", "--quiet", "--initial-branch=main")
        self.first = self.commit("Open the shop")

    @property
    def url(self) -> str:
        return str(self.path)

    def git(self, *arguments: str) -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Sam Sample",
            "GIT_AUTHOR_EMAIL": "sam@example.com",
            "GIT_COMMITTER_NAME": "Sam Sample",
            "GIT_COMMITTER_EMAIL": "sam@example.com",
        }
        result = subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return result.stdout.strip()

    def commit(self, subject: str, **files: str) -> str:
        """Commits all that changed and these files (name with `_` for `.`: content), also when nothing did."""
        for name, content in files.items():
            (self.path / name.replace("_", ".")).write_text(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", subject)
        return self.git("rev-parse", "HEAD")

    def tag(self, name: str, *, annotated: bool = True) -> None:
        self.git("tag", *(("--annotate", "--message", name) if annotated else ()), name)

    def behave(self, behaviour: str, subject: str | None = None) -> str:
        """Commits a version that behaves so: `good`, `crash` (at once, status 3), `sick` (never healthy), `dies 3` (after 3 s)."""
        program = self.path / "shop.py"
        text, count = re.subn(
            r'^BEHAVIOUR = ".*"', f'BEHAVIOUR = "{behaviour}"', program.read_text(), flags=re.MULTILINE
        )
        assert count == 1
        program.write_text(text)
        return self.commit(subject or f"Behave: {behaviour}")

    def break_build(self) -> str:
        """Commits a version whose build fails with status 9."""
        script = self.path / "build.sh"
        script.write_text("#!/bin/sh\necho 'the oven is cold'\nexit 9\n")
        script.chmod(0o755)
        return self.commit("Break the build")

    def mend_build(self) -> str:
        shutil.copy(SAMPLE / "build.sh", self.path / "build.sh")
        return self.commit("Mend the build")

    def slow_build(self, seconds: float) -> str:
        """Commits a version whose build takes that long."""
        script = self.path / "build.sh"
        script.write_text(
            (SAMPLE / "build.sh").read_text().replace("set -eu\n", f"set -eu\nsleep {seconds:g}\n")
        )
        script.chmod(0o755)
        return self.commit(f"Build for {seconds:g} s")


def sample_repo(tmp_path: Path) -> SampleRepository:
    return SampleRepository(tmp_path / "shop.git.d")


def sample_service(repository: SampleRepository, **targets: Target) -> Service:
    """The sample as the catalog would have it, with a Target in `test` unless others are given."""
    return Service(
        name="shop",
        source=Source(kind="git", url=repository.url),
        build=BuildRecipe(kind="local", options={"command": "sh build.sh", "output": "dist", "timeout": 60}),
        targets=targets or {"test": sample_target()},
        description="The sample",
    )


def sample_target(environment: str = "test", instances: int = 2, **options: Any) -> Target:
    """A Target of the sample; `options` are the kind's own, `strategy` replaces the quick one that tests want."""
    strategy = options.pop("strategy", None) or Strategy(
        drain_within=timedelta(seconds=10),
        stop_within=timedelta(seconds=5),
        bake=timedelta(seconds=0.5),
        health=Health(timeout=timedelta(seconds=2), start_within=timedelta(seconds=15)),
    )
    configuration = options.pop("configuration", None) or Configuration({"GREETING": "Hello from the tests"})
    return Target(
        "shop",
        environment,
        "local",
        instances,
        options={"port": 0, **options},
        strategy=strategy,
        configuration=configuration,
    )


@dataclass
class LocalPlatform:
    """The local adapters over one data folder, with shortcuts for tests. `fence` goes into the effects made here."""

    data_dir: Path
    fence: int = 1
    _effects: int = 0
    source: GitSource = field(init=False)
    builder: LocalBuilder = field(init=False)
    runtime: LocalRuntime = field(init=False)
    traffic: LocalTraffic = field(init=False)

    def __post_init__(self) -> None:
        self.source = GitSource(self.data_dir)
        self.builder = LocalBuilder(self.data_dir)
        self.runtime = LocalRuntime(self.data_dir)
        self.traffic = LocalTraffic(self.data_dir)

    @property
    def adapters(self) -> Adapters:
        return Adapters(
            sources={"git": self.source},
            builders={"local": self.builder},
            runtimes={"local": self.runtime},
            traffic={"local": self.traffic},
        )

    def effect(self, key: str | None = None) -> Effect:
        self._effects += 1
        return Effect(key or f"test-{os.getpid()}-{self._effects}", self.fence, 1)

    async def build(self, service: Service, ref: str | Revision = "main", key: str | None = None) -> Artifact:
        """Builds and waits; fails the test when the build does."""
        report = await self.build_report(service, ref, key)
        assert report.artifact is not None, (report.reason, report.log_tail)
        return report.artifact

    async def build_report(
        self, service: Service, ref: str | Revision = "main", key: str | None = None
    ) -> BuildReport:
        revision = ref if isinstance(ref, Revision) else await self.source.resolve(service.source, ref)
        self._effects += 1
        key = key or f"build-{self._effects}"
        await self.builder.start(key, service, revision)

        async def finished() -> BuildReport | None:
            report = await self.builder.report(key)
            return report if report.state in FINISHED_BUILD else None

        return await eventually(finished, within=60)

    async def bring_up(
        self, target: Target, instance: str, artifact: Artifact, *, enable: bool = True
    ) -> Instance:
        """Updates, starts, waits until healthy and enables."""
        await self.runtime.update(self.effect(), target, instance, artifact, target.configuration)
        await self.runtime.start(self.effect(), target, instance)
        found = await self.until_healthy(target, instance)
        if enable:
            assert found.address is not None
            await self.traffic.enable(self.effect(), target, instance, found.address)
        return found

    async def replace(self, target: Target, instance: str, artifact: Artifact) -> Instance:
        """The six steps, for one Instance."""
        await self.traffic.drain(self.effect(), target, instance)
        await self.until_drained(target, instance)
        await self.runtime.stop(self.effect(), target, instance, target.strategy.stop_within)
        await self.until_state(target, instance, InstanceState.STOPPED)
        return await self.bring_up(target, instance, artifact)

    async def until_healthy(
        self, target: Target, instance: str, within: float = 20, *, after_crash: bool = False
    ) -> Instance:
        """Fails at once when it is CRASHED, unless it is expected to come back from that."""

        async def healthy() -> Instance | None:
            found = (await self.runtime.inspect(target)).get(instance)
            assert after_crash or found is None or found.state is not InstanceState.CRASHED, found
            return found if found and found.state is InstanceState.RUNNING and found.healthy else None

        return await eventually(healthy, within=within)

    async def until_state(
        self, target: Target, instance: str, state: InstanceState, within: float = 20
    ) -> Instance:
        async def reached() -> Instance | None:
            found = (await self.runtime.inspect(target)).get(instance)
            return found if found and found.state is state else None

        return await eventually(reached, within=within)

    async def until_drained(self, target: Target, instance: str, within: float = 20) -> None:
        async def drained() -> bool:
            found = (await self.traffic.inspect(target)).get(instance)
            return found is None or found.state is TrafficState.DRAINED

        await eventually(drained, within=within)

    async def front(self, target: Target) -> str:
        front = await self.traffic.front(target)
        assert front is not None
        return front

    @property
    def agent_pid(self) -> int:
        pid = agent_pid(self.data_dir)
        assert pid is not None
        return pid

    def processes(self) -> list[psutil.Process]:
        """All living processes of this data folder: its agent, its proxy, and what the agent parents."""
        return processes_of(self.data_dir)

    def instance_process(self, name: str) -> psutil.Process:
        """The process that leads an Instance's group."""
        found = [
            process
            for process in self.processes()
            if process.environ().get("SHIPBELL_INSTANCE") == name and os.getpgid(process.pid) == process.pid
        ]
        assert len(found) == 1, (name, found)
        return found[0]

    def proxy_process(self) -> psutil.Process:
        found = [process for process in self.processes() if "adapters.local.proxy" in process.cmdline()]
        assert len(found) == 1, found
        return found[0]

    def kill(self, process: psutil.Process | int, number: int = signal.SIGKILL) -> None:
        pid = process if isinstance(process, int) else process.pid
        assert pid in {known.pid for known in self.processes()}, (
            "only what belongs to this data folder is killed here"
        )
        os.kill(pid, number)

    async def close(self) -> None:
        """Ends everything of this data folder, gracefully first, and fails when something had to be killed."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGCONT)
        with contextlib.suppress(AdapterError):
            await shut_down_agent(self.data_dir)
        left = await _gone(self.data_dir, 3.0)
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        await _gone(self.data_dir, 3.0)
        assert not left, f"left behind: {left}"


@contextlib.asynccontextmanager
async def local_platform(tmp_path: Path) -> AsyncIterator[LocalPlatform]:
    """The local adapters over `tmp_path/local`. At the end everything is ended, and nothing may be left.

    Where the test ends with the agent killed, what the agent parented is ended by starting one that adopts it."""
    platform = LocalPlatform(tmp_path / "local")
    try:
        yield platform
    finally:
        if platform.processes():
            with contextlib.suppress(AdapterError):
                await platform.runtime.check()
        await platform.close()


def processes_of(data_dir: Path) -> list[psutil.Process]:
    """Living processes that belong to a data folder, by their arguments or by the agent's mark in their environment."""
    mark = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            arguments = process.cmdline()
            is_ours = "--data" in arguments and str(data_dir.absolute()) in arguments and "-m" in arguments
            if is_ours or process.environ().get("SHIPBELL_AGENT") == mark:
                found.append(process)
    return found


async def eventually(ask: Callable[[], Awaitable[T | None]], *, within: float = 10, every: float = 0.03) -> T:
    """Asks until the answer is true, and returns it; fails after `within` seconds."""
    until = time.monotonic() + within
    while not (answer := await ask()):
        assert time.monotonic() < until, f"not within {within:g} s: {ask.__qualname__}"
        await asyncio.sleep(every)
    return answer


async def _gone(data_dir: Path, within: float) -> list[psutil.Process]:
    until = time.monotonic() + within
    while (left := processes_of(data_dir)) and time.monotonic() < until:
        await asyncio.sleep(0.05)
    return left


def sample_artifact(data_dir: Path, version: str = "v1", behaviour: str = "good") -> Artifact:
    """The sample as an Artifact in the store of this data folder, without a build."""
    tree = data_dir.parent / f"tree-{version}-{behaviour.replace(' ', '-')}"
    tree.mkdir(parents=True)
    for name in ("shop.py", "page.html", "run"):
        shutil.copy(SAMPLE / name, tree / name)
    program = tree / "shop.py"
    program.write_text(program.read_text().replace('BEHAVIOUR = "good"', f'BEHAVIOUR = "{behaviour}"'))
    (tree / "run").chmod(0o755)
    (tree / "VERSION").write_text(f"{version}\n")
    digest = ArtifactStore(data_dir).put(tree)
    return Artifact(digest, "shop", version, Revision(version[-1].encode().hex()[-1] * 40, version), "")
