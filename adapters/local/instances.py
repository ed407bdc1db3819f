"""The agent's Instances: what each is to be, and the loop that makes it so.

A verb only writes down what is wanted; `advance` starts, ends and restarts processes until it is so. That is why a kill of the
agent between the two loses nothing: the next agent reads what is wanted and goes on.

An Instance that ends before it was ever healthy since its `start` stays down (CRASHED); one that ends later is restarted, after a
pause that doubles, and counted.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import shlex
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from adapters.local import processes
from adapters.local.health import Check, Health, ask
from adapters.local.journal import Change, Journal
from adapters.local.processes import Running
from adapters.local.wire import now
from bot.domain.errors import AdapterError, PermanentError

logger = logging.getLogger(__name__)

PROBE_EVERY = 0.2
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
CALM_AFTER = 60.0
"""Seconds of running after which an ending no longer counts as another one in a row."""
LOG_LIMIT = 5 * 1024 * 1024
SETTLED_AFTER = 1.0
"""Seconds after which an Instance without a health check counts as started."""


@dataclass(frozen=True)
class Record:
    """An Instance as the journal keeps it. `pid` is None while no process is known; `stop_by` on the boot clock."""

    target: str
    name: str
    digest: str | None = None
    version: str = ""
    configuration: dict[str, str] = field(default_factory=dict)
    configuration_version: str | None = None
    command: str = "./run"
    health: dict[str, Any] | None = None
    is_wanted: bool = False
    port: int = 0
    token: str = ""
    pid: int | None = None
    started: float = 0.0
    started_at: float = 0.0
    is_ready: bool = False
    was_healthy: bool = False
    has_given_up: bool = False
    restarts: int = 0
    in_a_row: int = 0
    reason: str = ""
    stop_by: float = 0.0

    @property
    def id(self) -> str:
        return f"{self.target}/{self.name}"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def change(self) -> Change:
        return ("instances", self.id, asdict(self))


class Instances:
    """`folder_of(digest)` is where an Artifact lies, or None; `on_moved(target, instance, old, new)` hears of a new address."""

    def __init__(
        self,
        journal: Journal,
        data_dir: Path,
        agent: str,
        folder_of: Callable[[str], Path | None],
        on_moved: Callable[[str, str, str, str], None],
    ) -> None:
        self._journal = journal
        self._logs = data_dir / "logs"
        self._agent = agent
        self._folder_of = folder_of
        self._on_moved = on_moved
        self._records = {i: Record(**value) for i, value in journal.table("instances").items()}
        self._running: dict[str, Running] = {}
        self._asked: set[str] = set()
        self._restart_at: dict[str, float] = {}
        self._probes: dict[str, asyncio.Task[None]] = {}
        self._is_closing = False

    def adopt(self) -> None:
        """Finds again what an earlier agent of this folder started."""
        for record in list(self._records.values()):
            if record.pid is None and not record.is_wanted:
                continue
            found = processes.find(record.pid, record.started, record.token) if record.token else None
            if found is not None:
                self._running[record.id] = found
                if record.pid is None:
                    self._note(
                        replace(record, pid=found.pid, started=found.started, started_at=found.started)
                    )

    def get(self, target: str, name: str) -> Record | None:
        return self._records.get(f"{target}/{name}")

    def of_target(self, target: str) -> list[Record]:
        return [record for record in self._records.values() if record.target == target]

    def is_alive(self, record: Record) -> bool:
        """Until its end was noticed and what was left of its group ended, too; see `settle`."""
        return record.id in self._running

    def ports(self) -> set[int]:
        return {record.port for record in self._records.values()}

    def log_path(self, target: str, name: str) -> Path:
        return self._logs / quote(target, safe="@") / f"{quote(name, safe='')}.log"

    def stop(self, target: str, name: str, within: float, effect: Change) -> None:
        record = self.get(target, name)
        if record is None:
            self._journal.write([effect])
            return
        until = now() + within
        if not record.is_wanted and self.is_alive(record):
            until = min(until, record.stop_by)
        stopped = replace(record, is_wanted=False, has_given_up=False, reason="", stop_by=until)
        self._write(stopped, effect)
        self._advance(stopped)

    def update(self, wanted: Record, effect: Change) -> None:
        record = self.get(wanted.target, wanted.name)
        if record is not None and (self.is_alive(record) or (record.is_wanted and not record.has_given_up)):
            raise PermanentError(
                f"{record.name} on {record.target} must be stopped before it is updated.", "Stop it first."
            )
        port = record.port if record else 0
        self._write(replace(wanted, port=port), effect)

    def start(self, target: str, name: str, command: str, health: dict[str, Any], effect: Change) -> None:
        """Begins its process. Raises PermanentError when the command can't be run; the Instance then is CRASHED."""
        record = self.get(target, name)
        if record is None or record.digest is None:
            raise PermanentError(
                f"There is nothing to start: {name} on {target} has no Artifact yet.",
                "Deploy something first.",
            )
        if record.is_wanted and self.is_alive(record):
            self._write(replace(record, health=health), effect)
            return
        if self.is_alive(record):
            raise PermanentError(f"{name} on {target} is still stopping.", "Start it once it has stopped.")
        fresh = replace(
            record, command=command, health=health, is_wanted=True, has_given_up=False, was_healthy=False,
            restarts=0, in_a_row=0, reason="", port=self._port(record),
        )  # fmt: skip
        fresh = _with_new_token(fresh)
        self._restart_at.pop(record.id, None)
        self._write(fresh, effect)
        self._spawn(fresh)

    def remove(self, target: str, name: str, effect: Change) -> None:
        record = self.get(target, name)
        if record is None:
            self._journal.write([effect])
            return
        if self.is_alive(record) or (record.is_wanted and not record.has_given_up):
            raise PermanentError(
                f"{name} on {target} must be stopped before it is removed.", "Stop it first."
            )
        self._journal.write([("instances", record.id, None), effect])
        del self._records[record.id]
        log = self.log_path(target, name)
        for path in (log, log.with_name(log.name + ".1")):
            path.unlink(missing_ok=True)

    async def health(self, record: Record, check: Check) -> Health:
        """Asks a living Instance now."""
        health = await self._ask(record, check)
        if health.is_well and check.kind == Check.of(record.health).kind:
            self._became_ready(record)
        return health

    def settle(self, target: str) -> None:
        """Notices at once what has ended, so that nobody acts on what was true a moment ago."""
        for record in self.of_target(target):
            self._advance(record)

    def advance(self) -> None:
        """One round: compares what is wanted with what is, and begins what is missing."""
        for record in list(self._records.values()):
            self._advance(record)

    def cap_logs(self) -> None:
        for record in self._records.values():
            processes.cap_log(self.log_path(record.target, record.name), LOG_LIMIT)

    async def shut_down(self, grace: float) -> None:
        """Ends all processes. They remain wanted: the next agent of this folder starts them again."""
        self._is_closing = True
        for probe in self._probes.values():
            probe.cancel()
        until = now() + grace
        for running in self._running.values():
            running.signal_group(signal.SIGTERM)
        while any(running.is_alive() for running in self._running.values()):
            if now() > until:
                for running in self._running.values():
                    running.signal_group(signal.SIGKILL)
            await asyncio.sleep(0.02)
        for id_, running in list(self._running.items()):
            status = running.collect()
            record = self._records[id_]
            processes.note_in_log(
                self.log_path(record.target, record.name), f"{record.name} {processes.ending(status)}"
            )
            self._note(_with_new_token(record))
        self._running.clear()

    def _advance(self, record: Record) -> None:
        if self._is_closing:
            return
        running = self._running.get(record.id)
        if running is not None and not running.is_alive():
            self._on_ended(record, running)
            return
        if running is not None and not record.is_wanted:
            self._end(record, running)
        elif running is not None and not record.is_ready:
            self._probe(record)
        elif running is None and record.is_wanted and not record.has_given_up:
            if record.pid is not None:
                # It ended while no agent was there to see it.
                self._on_ended(record, Running(record.pid, record.started, record.token))
            elif now() >= self._restart_at.get(record.id, 0.0):
                self._restart_at.pop(record.id, None)
                self._respawn(record)

    def _end(self, record: Record, running: Running) -> None:
        if now() > record.stop_by:
            running.signal_group(signal.SIGKILL)
        elif record.id not in self._asked:
            self._asked.add(record.id)
            running.signal_group(signal.SIGTERM)

    def _on_ended(self, record: Record, running: Running) -> None:
        self._running.pop(record.id, None)
        self._asked.discard(record.id)
        if probe := self._probes.pop(record.id, None):
            probe.cancel()
        how = processes.ending(running.collect())
        processes.note_in_log(self.log_path(record.target, record.name), f"{record.name} {how}")
        gone = _with_new_token(record)
        if not record.is_wanted:
            self._note(gone)
        elif not record.was_healthy:
            self._note(
                replace(gone, has_given_up=True, reason=f"{record.name} {how} before it was ever healthy.")
            )
        else:
            lived = datetime.now(UTC).timestamp() - record.started_at
            in_a_row = 1 if lived > CALM_AFTER else record.in_a_row + 1
            pause = min(FIRST_PAUSE * 2 ** (in_a_row - 1), LONGEST_PAUSE)
            self._restart_at[record.id] = now() + pause
            reason = f"{record.name} {how} after {lived:.0f} s and is started again in {pause:g} s."
            self._note(replace(gone, in_a_row=in_a_row, reason=reason))

    def _respawn(self, record: Record) -> None:
        """Starts it again at its own port, so that its address stays; at another one when that is in somebody's hands, or when
        it ended again soon, for which its port may be the cause."""
        port = record.port
        if record.in_a_row > 2 or not processes.can_bind(port):
            port = self._port(record)
        fresh = replace(record, port=port, restarts=record.restarts + (1 if record.in_a_row else 0))
        try:
            self._write(fresh)
            self._spawn(fresh)
        except PermanentError:
            return
        except AdapterError as error:
            logger.error("%s is not started again yet: %s", record.id, error)
            self._restart_at[record.id] = now() + LONGEST_PAUSE
            return
        if fresh.address != record.address:
            self._on_moved(record.target, record.name, record.address, fresh.address)

    def _spawn(self, record: Record) -> None:
        folder = self._folder_of(record.digest or "")
        log = self.log_path(record.target, record.name)
        try:
            if folder is None:
                raise PermanentError(
                    f"The Artifact {str(record.digest)[:19]}… is not kept here any more.",
                    "Deploy its revision again.",
                )
            processes.note_in_log(
                log, f"{record.name} starts with version {record.version} at {record.address}"
            )
            running = processes.start(
                _words(record.command),
                cwd=folder,
                environment=self._environment(record),
                token=record.token,
                log=log,
            )
        except PermanentError as error:
            self._note(replace(record, has_given_up=True, reason=str(error)))
            raise
        self._running[record.id] = running
        self._note(
            replace(
                record, pid=running.pid, started=running.started, started_at=datetime.now(UTC).timestamp()
            )
        )

    def _probe(self, record: Record) -> None:
        if record.id not in self._probes:
            self._probes[record.id] = asyncio.create_task(self._probe_until_ready(record))

    async def _probe_until_ready(self, record: Record) -> None:
        check = Check.of(record.health)
        try:
            while (
                (current := self._records.get(record.id))
                and current.token == record.token
                and not current.is_ready
            ):
                if check.kind == "none":
                    await asyncio.sleep(SETTLED_AFTER)
                    if self.is_alive(record):
                        self._became_ready(record)
                elif (await self._ask(record, check)).is_well:
                    self._became_ready(record)
                else:
                    await asyncio.sleep(PROBE_EVERY)
        finally:
            if self._probes.get(record.id) is asyncio.current_task():
                del self._probes[record.id]

    async def _ask(self, record: Record, check: Check) -> Health:
        folder = self._folder_of(record.digest or "")
        if folder is None:
            return Health(False, "has lost its Artifact")
        return await ask(check, record.port, cwd=folder, environment=self._environment(record))

    def _became_ready(self, asked: Record) -> None:
        current = self._records.get(asked.id)
        # What answered is the process that was asked only while its token is the same.
        if current and current.token == asked.token and self.is_alive(current) and not current.is_ready:
            self._note(replace(current, is_ready=True, was_healthy=True, reason=""))

    def _environment(self, record: Record) -> dict[str, str]:
        return {
            **processes.plain_environment(),
            # An Artifact is never written to, also where the owner of its files could.
            "PYTHONDONTWRITEBYTECODE": "1",
            **record.configuration,
            "PORT": str(record.port),
            "SHIPBELL_INSTANCE": record.name,
            "SHIPBELL_VERSION": record.version,
            processes.AGENT: self._agent,
        }

    def _port(self, record: Record) -> int:
        others = {other.port for other in self._records.values() if other.id != record.id}
        return processes.free_port({*others, record.port})

    def _write(self, record: Record, *more: Change) -> None:
        self._journal.write([record.change(), *more])
        self._records[record.id] = record

    def _note(self, record: Record) -> None:
        self._journal.note([record.change()])
        self._records[record.id] = record


def _with_new_token(record: Record) -> Record:
    """Without a process, and ready for another one."""
    return replace(record, pid=None, started=0.0, is_ready=False, token=secrets.token_hex(16))


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise PermanentError(
            f"`{command}` can't be read as a command: {error}.", "Correct `command` in the catalog."
        ) from error
    if not words:
        raise PermanentError("The service's `command` is empty.", "Correct `command` in the catalog.")
    return words
