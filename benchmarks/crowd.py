"""Many Operations in flight in one process: what memory the bot takes, and how soon all of them go on after it was killed.

Each is a deploy of a Target of its own with an Instance of its own, brought into its bake time, in which the rollout workflow asks for
the Instance's health twice a second. That question, as the Instance itself hears it, is how it is known that a workflow goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.figures import BenchmarkError, Figure, note, percentile
from bot.domain.operation import FINAL, State
from bot.storage import migrate, open_store
from tests.support.company import Company
from tests.support.local import LocalPlatform, SampleRepository, processes_of
from tests.support.workspace import start_workspace

NAMES = ("memory", "resume")
GOAL_MB = 400.0
GOAL_SECONDS = 5.0
_SETTLE = 10.0
_RESUME_WITHIN = 60.0
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Size:
    """`services` × `environments` Operations. `hold`: seconds for which memory is looked at once all are in flight."""

    services: int = 20
    environments: int = 10
    hold: float = 10.0

    @property
    def count(self) -> int:
        return self.services * self.environments


async def measure(folder: Path, names: Sequence[str] = NAMES, size: Size = Size()) -> AsyncIterator[Figure]:
    """`memory`: the most resident memory of the bot's process in MB (10⁶ bytes), from the first request on until `hold` seconds
    after all were in flight. `resume`: seconds from the bot's start after kill -9 to the last Instance's being looked at again."""
    async with asyncio.timeout(1200), _crowd(folder, size) as company:
        bot = await company.start_bot()
        most = [0]
        watching = asyncio.create_task(_watch_memory(bot.pid, most))
        try:
            await _ask_for_all(company, size)
            await _until_all_verify(company, size.count)
            await asyncio.sleep(size.hold)
        finally:
            watching.cancel()
        note(f"{size.count} Operations in flight; the bot's memory at most {most[0] / 1e6:.0f} MB")
        if "memory" in names:
            yield Figure("memory", round(most[0] / 1e6, 1), "MB", GOAL_MB)
        if "resume" in names:
            yield await _resume(company, folder / "marks", size.count)


async def _ask_for_all(company: Company, size: Size) -> None:
    """Ten a second, in chat as anybody would."""
    dana = company.person("dana")
    for environment in range(size.environments):
        for service in range(size.services):
            await dana.say(f"/deploy s{service} e{environment}", channel=f"#e{environment}")
            await asyncio.sleep(0.1)


async def _until_all_verify(company: Company, count: int) -> None:
    until = time.monotonic() + 60 + 4 * count
    while True:
        async with company.store.view() as view:
            found = await view.operations(limit=5000)
        if lost := [op for op in found if op.state in FINAL or op.state is State.ASKING]:
            first = lost[0]
            raise BenchmarkError(f"#{first.number} is {first.state}: {first.outcome}\n{company.log()}")
        verifying = sum(op.state is State.VERIFYING for op in found)
        if verifying == count:
            return
        if time.monotonic() > until:
            raise BenchmarkError(f"only {verifying} of {count} got into their bake time:\n{company.log()}")
        await asyncio.sleep(0.5)


async def _watch_memory(pid: int, most: list[int]) -> None:
    process = psutil.Process(pid)
    while True:
        most[0] = max(most[0], process.memory_info().rss)
        await asyncio.sleep(0.1)


async def _resume(company: Company, marks: Path, count: int) -> Figure:
    await company.kill_bot()
    await _until_nobody_looks(marks)
    began = time.time()
    await company.start_bot(wait=False)
    while len(list(marks.iterdir())) < count and time.time() < began + _RESUME_WITHIN:  # noqa: ASYNC110 - files set no event
        await asyncio.sleep(0.05)
    looks = sorted(mark.stat().st_mtime - began for mark in marks.iterdir())
    if not looks:
        raise BenchmarkError(f"nothing went on within {_RESUME_WITHIN:g} s:\n{company.log()}")
    note(
        f"{len(looks)} went on: the first after {looks[0]:.2f} s, half of them after {percentile(looks, 0.5):.2f} s"
    )
    flaw = f"{count - len(looks)} of {count} did not go on" if len(looks) < count else ""
    # That they only went on to fail would be no resuming.
    await _until_all_verify(company, count)
    return Figure("resume", round(looks[-1], 2), "s", GOAL_SECONDS, flaw)


async def _until_nobody_looks(marks: Path) -> None:
    """Clears the marks until a second passes without a new one: what the killed bot had asked the agent for has been answered."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for mark in marks.iterdir():
            mark.unlink()
        await asyncio.sleep(1)
        if not list(marks.iterdir()):
            return
    raise BenchmarkError(
        "Instances are asked for their health although the bot is dead: nothing can be told from it"
    )


# --- the setting


@asynccontextmanager
async def _crowd(folder: Path, size: Size) -> AsyncIterator[Company]:
    """A company without its bot. At the end nothing of it is left running."""
    (folder / "marks").mkdir()
    (folder / "bot").mkdir()
    repository = SampleRepository(folder / "shop.git.d")
    repository.commit("Shrink the shop", shop_py=(_HERE / "tiny.py").read_text())
    catalog = folder / "shipbell.yaml"
    catalog.write_text(_catalog(size, repository.path, folder / "marks"))
    url = f"sqlite:///{folder / 'bot' / 'shipbell.sqlite'}"
    await migrate(url)
    store = await open_store(url)
    workspace = await start_workspace(folder, _seed(size))
    platform = LocalPlatform(folder / "bot" / "local")
    company = Company(folder, workspace, repository, platform, store, url, catalog)
    try:
        yield company
    finally:
        await company.end_bots()
        await workspace.stop()
        await store.close()
        await _end(platform)


async def _end(platform: LocalPlatform) -> None:
    """So many processes may take longer to end than the platform's own patience; a second look decides."""
    until = time.monotonic() + _SETTLE
    while processes_of(platform.data_dir) and time.monotonic() < until:
        with contextlib.suppress(AssertionError):
            await platform.close()
    if left := processes_of(platform.data_dir):
        raise BenchmarkError(f"left behind: {left}")


def _catalog(size: Size, repository: Path, marks: Path) -> str:
    lines = ["team: T0ACME0001", 'admins: "#e0"', "environments:"]
    lines += [f'  e{number}: {{channel: "#e{number}"}}' for number in range(size.environments)]
    lines += ["people:", "  dana: {slack: U0DANA0001, roles: [developer]}", "services:"]
    for service in range(size.services):
        lines += [
            f"  s{service}:",
            f"    source: {{git: {repository}, branch: main}}",
            "    build: {local: {command: sh build.sh, output: dist, timeout: 5m}}",
            "    strategy: {bake: 2h, on_failure: stop, health: {path: /healthz, timeout: 30s, start_within: 5m}}",
            "    targets:",
        ]
        for environment in range(size.environments):
            mark = marks / f"s{service}-e{environment}"
            lines += [
                f"      e{environment}:",
                "        local: {instances: 1}",
                f"        configuration: {{MARK: {mark}}}",
            ]
    return "\n".join(lines) + "\n"


def _seed(size: Size) -> dict[str, Any]:
    members = ["dana", "shipbell"]
    commands = ("/deploy", "/rollback", "/shipbell")
    return {
        "users": [{"id": "U0DANA0001", "name": "dana", "real_name": "Dana Diaz"}],
        "channels": [
            {"id": f"C0ENV{number:05}", "name": f"e{number}", "members": members}
            for number in range(size.environments)
        ],
        "app": {"commands": [{"command": name} for name in commands]},
    }
