"""A small load on the sample, so that a lost request would be seen: keep-alive, no retries, a few requests a second."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import httpx

PER_SECOND = 10
_SLOW_EVERY = 25


@dataclass
class Load:
    """Counts answers by version. A front that never answered yet isn't counted: nothing runs behind it."""

    fronts: dict[str, str]
    answered: int = 0
    lost: int = 0
    last_problem: str = ""
    versions: dict[str, str] = field(default_factory=dict)

    async def run(self) -> None:
        """Until it is cancelled."""
        await asyncio.gather(*(self._one(name, url) for name, url in self.fronts.items()))

    async def _one(self, name: str, url: str) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=20, trust_env=False) as client:
            await self._first_answer(client)
            number = 0
            pending: set[asyncio.Task[None]] = set()
            while True:
                number += 1
                path = "/slow?seconds=1" if number % _SLOW_EVERY == 0 else "/version"
                task = asyncio.create_task(self._ask(client, name, path))
                pending.add(task)
                task.add_done_callback(pending.discard)
                await asyncio.sleep(1 / PER_SECOND)

    async def _first_answer(self, client: httpx.AsyncClient) -> None:
        while True:
            try:
                if (await client.get("/version")).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(1)

    async def _ask(self, client: httpx.AsyncClient, name: str, path: str) -> None:
        try:
            answer = await client.get(path)
        except httpx.HTTPError as error:
            self.lost += 1
            self.last_problem = f"{name}{path}: {type(error).__name__}"
            return
        if answer.status_code != 200:
            self.lost += 1
            self.last_problem = f"{name}{path}: {answer.status_code}"
            return
        self.answered += 1
        if path == "/version":
            self.versions[name] = answer.text.strip()
