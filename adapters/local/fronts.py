"""The agent's side of traffic: which routes are wanted, and the proxy's process that is given them. Forwarding is the proxy's.

Routes are written down first and given to the proxy then; a verb returns when the proxy has them. A proxy that died meanwhile
starts with them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import signal
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from adapters.local import processes
from adapters.local.journal import Change, Journal
from adapters.local.processes import Running
from adapters.local.wire import ask, known_socket, now
from bot.domain.errors import AdapterError, PermanentError, TemporaryError

logger = logging.getLogger(__name__)

ANSWER_WITHIN = 2.0
START_WITHIN = 8.0
LONGEST_PAUSE = 5.0
LOG_LIMIT = 5 * 1024 * 1024


@dataclass(frozen=True)
class Front:
    """A Target's front as the journal keeps it. `instances`: name -> {"address", "state": "enabled" | "draining"}."""

    target: str
    port: int
    hold: float
    instances: dict[str, dict[str, str]] = field(default_factory=dict)

    def change(self) -> Change:
        return ("fronts", self.target, asdict(self))

    def with_instance(self, name: str, address: str, state: str) -> Front:
        return replace(self, instances={**self.instances, name: {"address": address, "state": state}})

    def without(self, name: str) -> Front:
        return replace(self, instances={n: value for n, value in self.instances.items() if n != name})


class Fronts:
    def __init__(self, journal: Journal, data_dir: Path, agent: str, code: Path) -> None:
        self._journal = journal
        self._data_dir = data_dir
        self._agent = agent
        self._code = code
        self._fronts = {target: Front(**value) for target, value in journal.table("fronts").items()}
        self._proxy: Running | None = None
        self._start_at = 0.0
        self._failures = 0
        self._is_given = True
        self._pushing = asyncio.Lock()
        self._is_closing = False

    def adopt(self) -> None:
        value = self._journal.table("proxy").get("proxy")
        if value is not None:
            self._proxy = processes.find(value["pid"], value["started"], value["token"])
        if self._fronts:
            self._write_routes()

    def ports(self) -> set[int]:
        return {front.port for front in self._fronts.values()}

    def get(self, target: str) -> Front | None:
        return self._fronts.get(target)

    async def enable(
        self, target: str, name: str, address: str, *, port: int, hold: float, taken: set[int], effect: Change
    ) -> None:
        """Opens the front if need be: at `port`, or for 0 at one that is chosen and kept."""
        front = self._front(target, port, hold, taken).with_instance(name, address, "enabled")
        self._write(front, effect)
        errors = await self.push()
        if why := errors.get(target):
            raise TemporaryError(
                f"Port {front.port} of {target} cannot be opened: {why}.",
                "Free it, or choose another `port`.",
            )

    async def drain(self, target: str, name: str, effect: Change) -> None:
        front = self._fronts.get(target)
        if front is None or name not in front.instances:
            self._journal.write([effect])
            return
        self._write(front.with_instance(name, front.instances[name]["address"], "draining"), effect)
        await self.push()

    async def remove(self, target: str, name: str, effect: Change) -> None:
        front = self._fronts.get(target)
        if front is None or name not in front.instances:
            self._journal.write([effect])
            return
        state = (await self.inspect(target))[name]
        if state["state"] != "draining" or state["in_flight"]:
            raise PermanentError(
                f"{name} on {target} still has traffic, so the proxy can't forget it.", "Drain it first."
            )
        # Asking took a moment: what else changed meanwhile stays.
        self._write(self._fronts[target].without(name), effect)
        await self.push()

    async def inspect(self, target: str) -> dict[str, dict[str, Any]]:
        """Instance -> {"address", "state", "in_flight"}."""
        front = self._fronts.get(target)
        if front is None:
            return {}
        if not self._is_given:
            await self.push()
        found = await self._ask_proxy("inspect", {})
        counts = found["in_flight"].get(target, {})
        return {name: {**value, "in_flight": counts.get(name, 0)} for name, value in front.instances.items()}

    def moved(self, target: str, name: str, old: str, new: str) -> None:
        """An Instance was started again at another address: its traffic follows it."""
        front = self._fronts.get(target)
        known = front.instances.get(name) if front else None
        if front is None or known is None or known["address"] != old:
            return
        moved = front.with_instance(name, new, known["state"])
        self._journal.note([moved.change()])
        self._fronts[target] = moved
        self._write_routes()

    async def push(self) -> dict[str, str]:
        """Gives the proxy the routes; returns Target -> why its port is not open. Raises TemporaryError when it can't be reached."""
        async with self._pushing:
            self.supervise()
            answer = await self._ask_proxy("set", self._routes())
            if answer["number"] > self._number():
                # Ours was lost (a full disk, a restored folder): what we want is newer all the same.
                self._journal.note([("proxy", "number", answer["number"] + 1)])
                answer = await self._ask_proxy("set", self._routes())
            self._is_given = True
            errors: dict[str, str] = answer["errors"]
            return errors

    async def keep(self) -> None:
        """One round: sees that the proxy runs and has the routes."""
        if self._is_closing or not self._fronts:
            return
        self.supervise()
        if not self._is_given:
            try:
                await self.push()
            except AdapterError as error:
                logger.error("the proxy has not got its routes yet: %s", error)
        processes.cap_log(self._data_dir / "proxy.log", LOG_LIMIT)

    def supervise(self) -> None:
        """Starts the proxy when there is something to route and it doesn't run."""
        if self._is_closing or not self._fronts or (self._proxy is not None and self._proxy.is_alive()):
            return
        if self._proxy is not None:
            logger.warning("the proxy %s and is started again", processes.ending(self._proxy.collect()))
            self._proxy = None
            self._failures += 1
            self._start_at = now() + min(0.1 * 2 ** (self._failures - 1), LONGEST_PAUSE) - 0.1
        if now() < self._start_at:
            return
        token = secrets.token_hex(16)
        self._journal.note([("proxy", "proxy", {"pid": None, "started": 0.0, "token": token})])
        environment = {
            **processes.plain_environment(),
            processes.AGENT: self._agent,
            "PYTHONPATH": str(self._code),
        }
        command = [sys.executable, "-m", "adapters.local.proxy", "--data", str(self._data_dir)]
        self._proxy = processes.start(
            command,
            cwd=self._data_dir,
            environment=environment,
            token=token,
            log=self._data_dir / "proxy.log",
        )
        value = {"pid": self._proxy.pid, "started": self._proxy.started, "token": token}
        self._journal.note([("proxy", "proxy", value)])
        self._is_given = False

    def is_alive(self) -> bool:
        return self._proxy is not None and self._proxy.is_alive()

    async def errors(self) -> dict[str, str]:
        """Target -> why its port is not open."""
        if not self._fronts:
            return {}
        errors: dict[str, str] = (await self._ask_proxy("inspect", {}))["errors"]
        return errors

    async def shut_down(self) -> None:
        """Lets requests in flight finish for a few seconds and ends the proxy."""
        self._is_closing = True
        if self._proxy is None:
            return
        self._proxy.signal_group(signal.SIGTERM)
        until = now() + 8.0
        while self._proxy.is_alive():
            if now() > until:
                self._proxy.signal_group(signal.SIGKILL)
            await asyncio.sleep(0.02)
        self._proxy.collect()
        self._journal.note([("proxy", "proxy", None)])

    def _front(self, target: str, port: int, hold: float, taken: set[int]) -> Front:
        known = self._fronts.get(target)
        if known is not None and port in (0, known.port):
            return replace(known, hold=hold)
        owner = next(
            (f.target for f in self._fronts.values() if port and f.port == port and f.target != target), None
        )
        if owner is not None:
            raise PermanentError(
                f"Port {port} is {owner}'s already.", f"Give {target} another `port` in the catalog."
            )
        if port and not processes.can_listen(port):
            raise PermanentError(
                f"Port {port} for {target} is in use by another program.",
                "Choose another `port` in the catalog, or end it.",
            )
        chosen = port or processes.free_port(self.ports() | taken)
        return replace(known, port=chosen, hold=hold) if known else Front(target, chosen, hold)

    def _routes(self) -> dict[str, Any]:
        fronts = {
            target: {"port": front.port, "hold": front.hold, "instances": front.instances}
            for target, front in self._fronts.items()
        }
        return {"number": self._number(), "fronts": fronts}

    def _number(self) -> int:
        return int(self._journal.table("proxy").get("number", 0))

    def _write(self, front: Front, effect: Change) -> None:
        self._journal.write([front.change(), effect])
        self._fronts[front.target] = front
        self._write_routes()

    def _write_routes(self) -> None:
        self._is_given = False
        self._journal.note([("proxy", "number", self._number() + 1)])
        fresh = self._data_dir / "routes.new"
        try:
            fresh.write_text(json.dumps(self._routes()))
            fresh.replace(self._data_dir / "routes.json")
        except OSError as error:
            # The proxy is given them anyway; only one that starts at this very moment would miss them, until it is asked next.
            logger.error("the routes cannot be written: %s", error.strerror)

    async def _ask_proxy(self, verb: str, arguments: dict[str, Any]) -> Any:
        until = now() + START_WITHIN
        while True:
            self.supervise()
            try:
                answer = await ask(
                    known_socket(self._data_dir, "proxy"), verb, arguments, timeout=ANSWER_WITHIN
                )
            except OSError as error:
                if now() > until or self._is_closing:
                    raise TemporaryError(
                        "The local proxy does not start.", f"Its log is {self._data_dir.name}/proxy.log."
                    ) from error
            except TemporaryError:
                if now() > until:
                    raise
            else:
                self._failures = 0
                return answer
            await asyncio.sleep(0.03)
