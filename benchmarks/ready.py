"""How long `shipbell serve` takes from its exec until `/readyz` answers 200, connected to Slack."""

from __future__ import annotations

import asyncio
import socket
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

from benchmarks.figures import BenchmarkError, Figure, note
from tests.support.company import Company, a_company

GOAL_SECONDS = 3.0
_WITHIN = 60.0


async def measure(folder: Path, times: int = 5) -> AsyncIterator[Figure]:
    """The median of so many starts in seconds. Before them the bot starts once, so that the database has its tables."""
    async with asyncio.timeout(300), a_company(folder) as company:
        await company.end_bots()
        starts = [await _one(company) for _ in range(times)]
    shown = ", ".join(f"{took:.2f} s ({worked:.2f} of the CPU)" for took, worked in starts)
    note(f"ready after {shown}")
    yield Figure("ready", round(statistics.median(took for took, _ in starts), 2), "s", GOAL_SECONDS)


async def _one(company: Company) -> tuple[float, float]:
    """Seconds until it was ready, and the seconds that it had the CPU until then."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    began = time.monotonic()
    bot = await company.start_bot(wait=False, more={"SHIPBELL_LISTEN": f"127.0.0.1:{port}"})
    while not await _is_ready(port):
        if time.monotonic() > began + _WITHIN:
            raise BenchmarkError(f"not ready within {_WITHIN:g} s:\n{company.log()}")
        await asyncio.sleep(0.01)
    took = time.monotonic() - began
    worked = psutil.Process(bot.pid).cpu_times()
    await company.end_bots()
    return took, worked.user + worked.system


async def _is_ready(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        return (await reader.readline()).split()[1:2] == [b"200"]
    except OSError:
        return False
    finally:
        writer.close()
