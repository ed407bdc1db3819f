"""Which implementations each contract suite runs against, and what the suites need of each. A new adapter adds its bench here.

`memory` is the small platform of the unit tests: what it stands for must behave as the real ones do.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest

from bot.domain.artifact import Artifact, Revision
from bot.domain.catalog import BuildRecipe, Service, Source, Target
from bot.ports import Builder, CodeSource, Effect, Runtime, TrafficControl
from tests.support.local import (
    LocalPlatform,
    local_platform,
    sample_artifact,
    sample_repo,
    sample_service,
    sample_target,
)
from tests.support.platform import MemoryPlatform


class RuntimeBench(Protocol):
    """A Runtime, a Target of it and Artifacts that behave: two good ones, one that ends at once, one that is never healthy."""

    runtime: Runtime
    target: Target
    good: Artifact
    better: Artifact
    crashing: Artifact
    sick: Artifact


class TrafficBench(Protocol):
    """A TrafficControl, a Target of it, two addresses to send traffic to, and a request that stays in flight at the first."""

    traffic: TrafficControl
    target: Target
    addresses: tuple[str, str]

    async def begin_request(self) -> None:
        """Sends a request that is not answered before `end_request`."""

    async def end_request(self) -> None: ...


class BuilderBench(Protocol):
    """A Builder and a Service with Revisions that build well, fail, and take half a minute."""

    builder: Builder
    service: Service
    good: Revision
    failing: Revision
    slow: Revision

    def builds_begun(self) -> int:
        """How often a build command has been started so far."""


class SourceBench(Protocol):
    """A CodeSource and a repository in it: branch `main`, which has all commits but `side`'s; tag `v1.0` on the first; branch
    `side` with one commit on top of the first. `shas`: first, second, third, side."""

    code: CodeSource
    source: Source
    shas: tuple[str, str, str, str]


class Effects:
    """Makes effects with keys that were never used."""

    def __init__(self) -> None:
        self._number = 0

    def __call__(self, fence: int = 5, key: str | None = None) -> Effect:
        self._number += 1
        return Effect(key or f"op-1/{self._number}/1", fence, 1)


@pytest.fixture
def effect() -> Effects:
    return Effects()


class _LocalRuntime:
    def __init__(self, platform: LocalPlatform) -> None:
        self.runtime = platform.runtime
        self.target = sample_target()
        self.good = sample_artifact(platform.data_dir, "v1")
        self.better = sample_artifact(platform.data_dir, "v2")
        self.crashing = sample_artifact(platform.data_dir, "v3", "crash")
        self.sick = sample_artifact(platform.data_dir, "v4", "sick")


class _MemoryRuntime:
    def __init__(self, platform: MemoryPlatform) -> None:
        self.runtime = platform.adapters.runtimes["local"]
        self.target = sample_target()
        self.good, self.better, self.crashing, self.sick = (
            Artifact(f"sha256:{letter * 64}", "shop", letter * 7, Revision(letter * 40, "main"))
            for letter in "abcd"
        )
        platform.crashing, platform.sick = {"c"}, {"d"}


class _LocalTraffic:
    """With an upstream in the test's own loop, whose answers the test holds back."""

    def __init__(self, platform: LocalPlatform) -> None:
        self.traffic = platform.traffic
        self.target = sample_target(hold=0.3)
        self.addresses = ("", "")
        self._servers: list[asyncio.Server] = []
        self._may_answer = asyncio.Event()
        self._requests: list[asyncio.Task[bytes]] = []

    async def open(self) -> None:
        self._servers = [await asyncio.start_server(self._answer, "127.0.0.1", 0) for _ in range(2)]
        first, second = (server.sockets[0].getsockname()[1] for server in self._servers)
        self.addresses = (f"127.0.0.1:{first}", f"127.0.0.1:{second}")

    async def close(self) -> None:
        await self.end_request()
        for server in self._servers:
            server.close()

    async def begin_request(self) -> None:
        front = await self.traffic.front(self.target)
        assert front is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", int(front.rpartition(":")[2]))
        writer.write(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
        self._may_answer.clear()

        async def answer() -> bytes:
            try:
                return await reader.read()
            finally:
                writer.close()

        self._requests.append(asyncio.create_task(answer()))

    async def end_request(self) -> None:
        self._may_answer.set()
        for request in self._requests:
            assert (await request).startswith(b"HTTP/1.1 200 ")
        self._requests.clear()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await self._may_answer.wait()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()


class _MemoryTraffic:
    addresses = ("127.0.0.1:40001", "127.0.0.1:40002")

    def __init__(self, platform: MemoryPlatform) -> None:
        self.traffic = platform.adapters.traffic["local"]
        self.target = sample_target()
        self._platform = platform

    async def begin_request(self) -> None:
        self._platform.in_flight["shop-1"] = 1

    async def end_request(self) -> None:
        self._platform.in_flight.clear()


class _LocalBuilder:
    def __init__(self, platform: LocalPlatform, tmp_path: Path) -> None:
        self.builder = platform.builder
        repository = sample_repo(tmp_path)
        self._begun = tmp_path / "begun"
        good = repository.first
        failing = repository.break_build()
        repository.mend_build()
        slow = repository.slow_build(30)
        self.good, self.failing, self.slow = (
            Revision(sha, "main", "Subject", "Dana") for sha in (good, failing, slow)
        )
        command = f"echo begun >> '{self._begun}'; sh build.sh"
        build = BuildRecipe("local", {"command": command, "output": "dist", "timeout": 60})
        self.service = Service("shop", sample_service(repository).source, build, {})

    def builds_begun(self) -> int:
        return len(self._begun.read_text().splitlines()) if self._begun.exists() else 0


class _MemoryBuilder:
    def __init__(self, platform: MemoryPlatform) -> None:
        self.builder: Builder = platform
        self.good, self.failing, self.slow = (Revision(letter * 40, "main") for letter in "abc")
        platform.failing_builds, platform.slow_builds = {"b"}, {"c"}
        self.service = Service("shop", Source("git", "shop"), BuildRecipe("local"), {})
        self._platform = platform

    def builds_begun(self) -> int:
        return sum(call.startswith("build ") for call in self._platform.calls)


class _GitSource:
    def __init__(self, platform: LocalPlatform, tmp_path: Path) -> None:
        self.code = platform.source
        repository = sample_repo(tmp_path)
        first = repository.first
        repository.tag("v1.0")
        repository.git("checkout", "--quiet", "-b", "side")
        side = repository.commit("Try something", side_txt="side")
        repository.git("checkout", "--quiet", "main")
        second = repository.commit("Second", a_txt="a")
        third = repository.commit("Third: größer & <besser>", b_txt="b")
        self.source = sample_service(repository).source
        self.shas = (first, second, third, side)


@pytest.fixture(params=["local", "memory"])
async def runtime_bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RuntimeBench]:
    if request.param == "memory":
        yield _MemoryRuntime(MemoryPlatform())
        return
    async with local_platform(tmp_path) as platform:
        yield _LocalRuntime(platform)


@pytest.fixture(params=["local", "memory"])
async def traffic_bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TrafficBench]:
    if request.param == "memory":
        yield _MemoryTraffic(MemoryPlatform())
        return
    async with local_platform(tmp_path) as platform:
        bench = _LocalTraffic(platform)
        await bench.open()
        yield bench
        await bench.close()


@pytest.fixture(params=["local", "memory"])
async def builder_bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BuilderBench]:
    if request.param == "memory":
        yield _MemoryBuilder(MemoryPlatform())
        return
    async with local_platform(tmp_path) as platform:
        yield _LocalBuilder(platform, tmp_path)


@pytest.fixture(params=["git"])
async def source_bench(tmp_path: Path) -> AsyncIterator[SourceBench]:
    async with local_platform(tmp_path) as platform:
        yield _GitSource(platform, tmp_path)
