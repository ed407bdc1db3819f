"""A second process on the same store, for tests of races: `StoreProcess` in the test, `main` in the child.

The child reads a JSON request a line (`{"do": "lease", …}`) and answers with a JSON line. The database's URL comes by its
environment. It ends when its stdin does.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.storage import SqlStore, open_store
from tests.support.store import an_operation

_ROOT = Path(__file__).parents[2]


class StoreProcess:
    """`process = await StoreProcess.started(url)` … `await process.ask(do="lease", replica="a", ttl=1)` … `await process.kill()`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def started(cls, url: str) -> StoreProcess:
        made = cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.support.store_process",
                cwd=_ROOT,
                env={**os.environ, "STORE_URL": url},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        )
        assert await made._answer() == "ready"
        return made

    async def ask(self, **request: object) -> Any:
        """The answer, within 60 s."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        await self._process.stdin.drain()
        return await self._answer()

    def stop(self) -> None:
        """As a paused machine: it holds what it holds. `wake` undoes it."""
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 60)
        assert line, "the child ended; its traceback is above"
        return json.loads(line)


async def main() -> None:
    store = await open_store(os.environ["STORE_URL"])
    _say("ready")
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        _say(await _do(store, request.pop("do"), **request))
    await store.close()


async def _do(store: SqlStore, verb: str, **request: Any) -> Any:
    match verb:
        case "lease":
            return await store.outbox.lease(request["replica"], timedelta(seconds=request["ttl"]))
        case "declare_dead":
            return list(await store.replicas.declare_dead(timedelta(0)))
        case "increment":
            for _ in range(request["times"]):
                async with store.transaction() as tx:
                    operation = await tx.operation(1)
                    assert operation is not None
                    await tx.save_operation(replace(operation, leg=operation.leg + 1))
            return "done"
        case "begin_and_hold":
            async with store.transaction() as tx:
                added = await tx.add_operation(an_operation())
                _say(added.number)
                await asyncio.to_thread(sys.stdin.readline)
            return "committed"
    raise AssertionError(verb)


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
