"""How long people's commands wait for their acknowledgement, and how many times longer than at a bare Bolt app on the same server.

The workspace measures: from the moment it has an envelope for the app to the moment the acknowledgement has been read.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.figures import BenchmarkError, Figure, note, percentile
from tests.support.company import Company, a_company
from tests.support.workspace import ROOT, Refused

GOAL_MS = 100.0
GOAL_RATIO = 10.0


@dataclass(frozen=True)
class Size:
    """`seconds`: how long commands are sent to the bot; `bare_seconds`: to the bare app before it."""

    a_second: float = 50.0
    seconds: float = 60.0
    bare_seconds: float = 20.0


async def measure(folder: Path, size: Size = Size()) -> AsyncIterator[Figure]:
    """The 99th percentile in milliseconds, and its ratio to the bare app's."""
    async with asyncio.timeout(300), a_company(folder, bot=False) as company:
        bare = await _of_bare_app(company, size)
        await company.start_bot()
        await company.person("dana").say("/deploy shop test")
        if (await company.settled(1)).state != "succeeded":
            raise BenchmarkError(f"the first deploy failed:\n{company.log()}")
        seen = await _under_load(company, size.a_second, size.seconds)
    note(f"bare Bolt: {bare}; Shipbell: {seen}")
    flaw = f"{seen.failed} of {len(seen.ms) + seen.failed} were not acknowledged" if seen.failed else ""
    yield Figure("ack", seen.p99, "ms", GOAL_MS, flaw)
    yield Figure("ack_ratio", round(seen.p99 / bare.p99, 2), "times bare Bolt", GOAL_RATIO, flaw)


@dataclass(frozen=True)
class Seen:
    """Milliseconds of each command that was acknowledged, and how many were not."""

    ms: list[float]
    failed: int

    @property
    def p99(self) -> float:
        return percentile(self.ms, 0.99)

    def __str__(self) -> str:
        return f"p50 {percentile(self.ms, 0.5):.1f} ms, p99 {self.p99:.1f} ms, most {max(self.ms):.1f} ms of {len(self.ms)}"


async def _of_bare_app(company: Company, size: Size) -> Seen:
    log = (company.folder / "hello.log").open("ab")
    with log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "benchmarks.hello",
            cwd=ROOT,
            env=company.environment(),
            stdout=log,
            stderr=log,
        )
    try:
        await company.workspace.connected()
        return await _under_load(company, size.a_second, size.bare_seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await company._forgotten()


async def _under_load(company: Company, a_second: float, seconds: float) -> Seen:
    """Sends commands at their times, whatever became of those before (an open loop: a slow answer doesn't spare it the next)."""
    before = len(await company.workspace.envelopes())
    loop = asyncio.get_running_loop()
    began = loop.time()
    tasks: set[asyncio.Task[bool]] = set()
    for number in range(int(a_second * seconds)):
        await asyncio.sleep(max(0.0, began + number / a_second - loop.time()))
        tasks.add(asyncio.create_task(_say(company, number)))
    failed = sum(not ok for ok in await asyncio.gather(*tasks))
    took = loop.time() - began
    envelopes = (await company.workspace.envelopes())[before:]
    seen = [one for one in envelopes if one["type"] == "slash_commands"]
    good = [float(one["ms"]) for one in seen if one["ms"] is not None and not one["error"]]
    if len(good) + failed < len(tasks) or not good:
        raise BenchmarkError(f"of {len(tasks)} commands {len(good)} were acknowledged and {failed} failed")
    note(f"sent {len(tasks)} commands in {took:.1f} s")
    return Seen(good, failed)


async def _say(company: Company, number: int) -> bool:
    who, text = command(number)
    try:
        await company.person(who).say(text)
    except (Refused, httpx.HTTPError):
        return False
    return True


def command(number: int) -> tuple[str, str]:
    """Who says what: half of it looks, a third is misspelt, every three hundredth is a deploy."""
    if number % 300 == 10:
        return "dana", "/deploy shop test"
    who = ("dana", "lee", "max", "tess")[number % 4]
    mix = (
        "/shipbell status shop test",
        "/deploy shpo test",
        "/shipbell status shop test",
        "/shipbell whoami",
        "/shipbell status shop test",
        "/deploy shop tset",
        "/shipbell status shop test",
        "/deploy umbrella prod",
        "/shipbell status shop test",
        "/shipbell whoami",
    )
    return who, mix[number % len(mix)]
