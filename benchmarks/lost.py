"""How many requests people lose while the service is deployed again and again: kept connections, slow answers among them, no retries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import BenchmarkError, Figure, note
from tests.support.company import Company, a_company
from tests.support.load import load


@dataclass(frozen=True)
class Size:
    """`a_second`: quick requests; `slow_a_second`: requests whose answer takes a second."""

    deploys: int = 20
    a_second: float = 48.0
    slow_a_second: float = 2.0


async def measure(folder: Path, size: Size = Size()) -> AsyncIterator[Figure]:
    """Requests that got no answer, or another one than 200, from the first deploy's beginning to the last one's end."""
    async with asyncio.timeout(120 + 60 * size.deploys), a_company(folder, bake="1s") as company:
        company.repository.tag("v1")
        company.repository.commit("Sell umbrellas")
        company.repository.tag("v2")
        await _deploy(company, 1, "v2")
        front = await company.front()
        async with (
            load(front, rate=size.a_second, clients=12) as quick,
            load(front, path="/slow?seconds=1", rate=size.slow_a_second, clients=4) as slow,
        ):
            for number in range(size.deploys):
                await _deploy(company, number + 2, ("v1", "v2")[number % 2])
    note(f"quick: {quick.summary()}")
    note(f"slow: {slow.summary()}")
    if min(quick.answered, slow.answered) == 0:
        raise BenchmarkError("no request was answered at all")
    unseen = {"v1", "v2"} - set(quick.bodies) if size.deploys > 1 else set()
    flaw = f"{', '.join(sorted(unseen))} never answered" if unseen else ""
    yield Figure("lost", len(quick.lost) + len(slow.lost), "requests", 0, flaw)


async def _deploy(company: Company, number: int, version: str) -> None:
    await company.person("dana").say(f"/deploy shop@{version} test")
    ended = await company.settled(number)
    if ended.state != "succeeded":
        raise BenchmarkError(f"deploy {number} ended as {ended.state}: {ended.outcome}\n{company.log()}")
