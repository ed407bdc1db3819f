"""What the engine's tests need: its database seen from behind, and child processes that a test may kill, stop and wake."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from bot.operations.engine import Engine

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests" / "integration" / "engine" / "replica.py"


@dataclass
class EngineDatabase:
    """kind: sqlite or postgres."""

    kind: str
    url: str

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Behind the engine's back. Tables are named `dbos.NAME`."""
        if self.kind == "sqlite":
            with sqlite3.connect(self.url.removeprefix("sqlite:///"), timeout=10) as connection:
                return connection.execute(statement.replace("dbos.", "")).fetchall()
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def empty(self) -> None:
        """What a restored backup of our own tables alone would find."""
        for table in ("operation_outputs", "workflow_input", "workflow_output", "workflow_status"):
            self.execute(f"DELETE FROM dbos.{table}")


@dataclass
class Child:
    replica: str
    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def said(self) -> str:
        return self.log.read_text(errors="replace")


@dataclass
class Stage:
    """The folder in which children leave marks and the test opens gates."""

    folder: Path
    children: list[Child] = field(default_factory=list)

    def spawn(
        self,
        url: str,
        replica: str,
        *,
        start: list[tuple[str, str, dict[str, object]]] | None = None,
        take_over: list[str] | None = None,
        ttl: float = 0.0,
        full: str = "",
        wrap: Callable[[list[str]], list[str]] = list,
    ) -> Child:
        for mark in self.folder.glob(f"{replica}.*"):
            mark.unlink()
        orders = {
            "url": url,
            "replica": replica,
            "folder": str(self.folder),
            "start": start or [],
            "take_over": take_over or [],
            "ttl": ttl,
            "full": full,
        }
        command = wrap([sys.executable, str(PROGRAM), json.dumps(orders)])
        log = self.folder / f"log-{len(self.children)}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        child = Child(replica, process, log)
        self.children.append(child)
        return child

    def open_gate(self, name: str) -> None:
        (self.folder / f"open-{name}").touch()

    def journal(self) -> list[str]:
        path = self.folder / "journal"
        return path.read_text().splitlines() if path.exists() else []

    async def mark(self, replica: str, what: str, seconds: float = 20) -> None:
        await self.until(lambda: (self.folder / f"{replica}.{what}").exists(), f"{replica} {what}", seconds)

    async def ended(self, workflow_id: str, seconds: float = 20) -> list[str]:
        """The journal once the workflow has ended."""
        await self.until(
            lambda: any(line.endswith(f" {workflow_id} end") for line in self.journal()),
            f"the end of {workflow_id}",
            seconds,
        )
        return self.journal()

    async def until(self, holds: Callable[[], bool], what: str, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                logs = "\n".join(
                    f"--- {child.replica} (exit {child.process.poll()})\n{child.said()[-3000:]}"
                    for child in self.children
                )
                pytest.fail(f"waited {seconds:g} s for {what}; journal {self.journal()}\n{logs}")
            await asyncio.sleep(0.01)


async def reaches(engine: Engine, workflow_id: str, state: str | None, seconds: float = 15) -> None:
    """Waits until the workflow is in the state."""
    deadline = time.monotonic() + seconds
    while (now := await engine.status(workflow_id)) != state:
        assert time.monotonic() < deadline, f"{workflow_id} is {now} after {seconds:g} s, not {state}"
        await asyncio.sleep(0.01)
