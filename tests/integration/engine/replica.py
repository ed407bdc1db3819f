"""The program of the suite's child processes: one replica with an engine, and workflows whose effects go into a journal.

The journal is the other side: a file that no database of ours can roll back, one line an effect, `REPLICA WORKFLOW STEP`. Steps
wait for gates, files that the test makes; so a test kills or stops a replica exactly where it wants to.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from bot.domain.errors import LeaseLost
from bot.operations.engine import Engine, EngineSettings, Json, step
from bot.operations.lease import LeaseKeeper

LOST = 75  # exit status of a replica that lost its lease


@dataclass(frozen=True)
class Orders:
    """What the test wants of a replica. start: [name, workflow id, argument] each. take_over: dead replicas, swept for again
    and again once the gate `take-over` is open. ttl: of the lease, 0 for none. full: a small file system that the workflow
    `fill` fills."""

    url: str
    replica: str
    folder: str
    start: list[tuple[str, str, dict[str, Json]]]
    take_over: list[str]
    ttl: float = 0.0
    full: str = ""


class Replica:
    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._folder = Path(orders.folder)
        self._keeper = LeaseKeeper(self._beat, orders.ttl) if orders.ttl else None
        self._loop = asyncio.get_running_loop()
        self._loop_bound = asyncio.Event()
        settings = EngineSettings(orders.url, orders.replica, retry_first=0.1, retry_most=0.5)
        workflows = {"rollout": self._rollout, "fill": self._fill, "loop": self._bound_to_loop}
        self._engine = Engine(settings, workflows, guard=self._keeper.check if self._keeper else lambda: None)

    async def live(self) -> None:
        if self._keeper is not None:
            await self._keeper.begin()
            asyncio.create_task(self._exit_when_lost(self._keeper), name="lease")  # noqa: RUF006 - lives as long as the process
        await self._engine.launch()
        self.mark("ready")
        for name, workflow_id, argument in self._orders.start:
            await self._engine.start(name, workflow_id, argument)
        self.mark("started")
        while True:
            if (self._folder / "open-take-over").exists():
                for dead in self._orders.take_over:
                    await self._engine.take_over(dead)
            if self._engine.trouble:
                (self._folder / f"{self._orders.replica}.trouble").write_text(self._engine.trouble)
            self._loop_bound.set()
            await asyncio.sleep(0.05)

    async def _beat(self) -> int:
        return 1

    async def _exit_when_lost(self, keeper: LeaseKeeper) -> None:
        with contextlib.suppress(LeaseLost):
            await keeper.keep()
        os._exit(LOST)

    def mark(self, what: str) -> None:
        (self._folder / f"{self._orders.replica}.{what}").touch()

    # --- workflows

    async def _rollout(self, argument: dict[str, Json]) -> None:
        """Steps 0 to steps-1. A gate `before-N` is waited for before effect N, if the argument names N in `before`; likewise
        `after-N`, between the effect and its record."""
        workflow_id = str(argument["id"])
        for number in range(int(str(argument["steps"]))):

            async def effect(number: int = number) -> int:
                await self._gate("before", workflow_id, number, argument)
                if self._keeper is not None:
                    self._keeper.check()
                self._journal(workflow_id, str(number))
                await self._gate("after", workflow_id, number, argument)
                return number

            assert await step(f"effect-{number}", effect) == number

        await step("end", self._end, workflow_id)

    async def _end(self, workflow_id: str) -> None:
        self._journal(workflow_id, "end")

    async def _gate(self, when: str, workflow_id: str, number: int, argument: dict[str, Json]) -> None:
        gated = argument.get(when)
        if not isinstance(gated, list) or number not in gated:
            return
        self.mark(f"{when}-{number}")
        while not (self._folder / f"open-{when}-{number}").exists():
            await asyncio.sleep(0.01)

    def _journal(self, workflow_id: str, what: str) -> None:
        with (self._folder / "journal").open("a") as journal:
            journal.write(f"{self._orders.replica} {workflow_id} {what}\n")

    async def _fill(self, argument: dict[str, Json]) -> None:
        """Leaves no room for the engine's record, and makes room when the gate `room` opens."""

        async def fill() -> None:
            self._journal("fill", "fill")
            if not (self._folder / "filled").exists():
                _leave_no_room(Path(self._orders.full) / "filler")
                (self._folder / "filled").touch()

        watcher = asyncio.create_task(self._make_room())
        await step("before", self._end, "fill")
        await step("fill", fill)
        await step("after", self._end, "fill")
        await watcher

    async def _make_room(self) -> None:
        while not (self._folder / "open-room").exists():
            await asyncio.sleep(0.02)
        (Path(self._orders.full) / "filler").unlink(missing_ok=True)

    async def _bound_to_loop(self, argument: dict[str, Json]) -> None:
        """Something that works on the loop it was made on and on no other: an event that the app's loop sets."""

        async def which() -> str:
            await self._gate("before", "loop", 0, {"before": [0]})
            await asyncio.wait_for(self._loop_bound.wait(), 5)
            return "app" if asyncio.get_running_loop() is self._loop else "another"

        self._journal("loop", await step("which", which))


def _leave_no_room(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)


async def main() -> None:
    data = json.loads(sys.argv[1])
    await Replica(Orders(**data)).live()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    asyncio.run(main())
