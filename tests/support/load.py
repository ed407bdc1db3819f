"""A load of real HTTP requests over kept connections, without any retry: what it counts as lost was lost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

ANSWER_WITHIN = 10.0


@dataclass
class Load:
    """What became of the requests. `lost`: a sentence for each that got no answer or another one than 200."""

    sent: int = 0
    answered: int = 0
    lost: list[str] = field(default_factory=list)
    bodies: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0

    def summary(self) -> str:
        return f"{self.answered} of {self.sent} answered, longest {self.longest:.2f} s, {dict(self.bodies)}, lost: {self.lost[:5]}"


@contextlib.asynccontextmanager
async def load(
    url: str, *, path: str = "/version", rate: float = 100.0, clients: int = 20
) -> AsyncIterator[Load]:
    """Sends GETs to `url` (`http://127.0.0.1:8501`) at `rate` per second, spread over `clients` kept connections, until the
    context ends; then waits for the last answers. Every tenth request is a POST."""
    found = Load()
    port = int(url.rpartition(":")[2])
    is_over = asyncio.Event()
    tasks = [
        asyncio.create_task(_client(port, path, clients / rate, number, found, is_over))
        for number in range(clients)
    ]
    try:
        yield found
    finally:
        is_over.set()
        await asyncio.gather(*tasks)


async def _client(
    port: int, path: str, every: float, number: int, found: Load, is_over: asyncio.Event
) -> None:
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    due = time.monotonic() + every * number / 20
    count = number
    while not is_over.is_set():
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        due = max(due + every, time.monotonic())
        count += 1
        found.sent += 1
        began = time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                if connection is None:
                    connection = await asyncio.open_connection("127.0.0.1", port)
                status, body, stays = await _request(*connection, path, is_post=count % 10 == 0)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError) as error:
            found.lost.append(f"{type(error).__name__}: {error} after {time.monotonic() - began:.2f} s")
            if connection is not None:
                connection[1].close()
            connection = None
            continue
        found.longest = max(found.longest, time.monotonic() - began)
        if status == 200:
            found.answered += 1
            found.bodies[body.split()[0] if body else ""] += 1
        else:
            found.lost.append(f"{status}: {body.strip()}")
        if not stays:
            connection[1].close()
            connection = None
    if connection is not None:
        connection[1].close()


async def _request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, *, is_post: bool
) -> tuple[int, str, bool]:
    if is_post:
        writer.write(f"POST {path} HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nload".encode())
    else:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    lines = head.split("\r\n")
    length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
    body = await reader.readexactly(length)
    return int(lines[0].split()[1]), body.decode(), "connection: close" not in head
