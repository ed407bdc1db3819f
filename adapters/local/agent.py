"""The local agent's process: `python -m adapters.local.agent --data DIR`. One for each data folder, held by a lock.

It parents Instances, builds and the proxy, and answers the bot on a Unix socket. SIGTERM, SIGINT and the verb `shutdown` end all
that it started; the verb `hand_over` ends only the agent, for a newer one to adopt the rest, as it does after a kill.
Here: the verbs, from the wire's values to calls. What they do is in instances.py, builds.py and fronts.py.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import fcntl
import hashlib
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from adapters.local import builds, instances, processes
from adapters.local.artifacts import ArtifactStore
from adapters.local.builds import Builds
from adapters.local.client import PROTOCOL
from adapters.local.fronts import Fronts
from adapters.local.health import Check
from adapters.local.health import Health as HealthAnswer
from adapters.local.instances import Instances
from adapters.local.journal import Journal
from adapters.local.ledger import Asked, Ledger
from adapters.local.wire import Verb, forget_sockets, serve, socket_path
from bot.domain.errors import AdapterError, PermanentError

logger = logging.getLogger(__name__)

ROUND = 0.05
"""Seconds between two looks at all processes."""
SHUTDOWN_GRACE = 10.0
LOG_LIMIT = 5 * 1024 * 1024


class Agent:
    def __init__(self, data_dir: Path) -> None:
        name = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
        self._data_dir = data_dir
        self._journal = Journal(data_dir / "journal.jsonl")
        self._journal.compact()
        self._ledger = Ledger(self._journal)
        self._store = ArtifactStore(data_dir)
        self._fronts = Fronts(self._journal, data_dir, name, code_folder())
        self._instances = Instances(self._journal, data_dir, name, self._store.folder_of, self._fronts.moved)
        self._builds = Builds(self._journal, data_dir, name, self._store)
        self._ended = asyncio.Event()
        self._is_shutting_down = False
        self._down = asyncio.Event()

    def verbs(self) -> dict[str, Verb]:
        return {
            "ping": self.ping,
            "shutdown": self.shutdown,
            "hand_over": self.hand_over,
            "doctor": self.doctor,
            "instances": self.inspect_instances,
            "stop": self.stop,
            "update": self.update,
            "start": self.start,
            "remove": self.remove,
            "logs": self.logs,
            "reconcile": self.reconcile,
            "traffic": self.inspect_traffic,
            "enable": self.enable,
            "drain": self.drain,
            "forget": self.forget,
            "reconcile_traffic": self.reconcile_traffic,
            "front": self.front,
            "build": self.build,
            "build_report": self.build_report,
            "build_log": self.build_log,
            "build_cancel": self.build_cancel,
        }

    async def run(self) -> None:
        """Until it is asked to end."""
        self._fronts.adopt()
        self._instances.adopt()
        self._builds.clear_up()
        server = await serve(socket_path(self._data_dir, "agent"), self.verbs())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask_to_shut_down)
        keeping = asyncio.create_task(self._keep_all())
        await self._ended.wait()
        keeping.cancel()
        server.close()
        if self._is_shutting_down:
            await self._shut_down()
        self._journal.close()
        self._down.set()
        # Whoever asked for the end is answered now.
        await asyncio.sleep(0.05)

    async def ping(self, _arguments: dict[str, Any]) -> dict[str, Any]:
        return {"pid": os.getpid(), "protocol": PROTOCOL, "is_closing": self._ended.is_set()}

    async def shutdown(self, _arguments: dict[str, Any]) -> None:
        self._ask_to_shut_down()
        await self._down.wait()

    async def hand_over(self, _arguments: dict[str, Any]) -> None:
        self._ended.set()
        await self._down.wait()

    async def doctor(self, _arguments: dict[str, Any]) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "is_proxy_alive": self._fronts.is_alive(),
            "errors": await self._fronts.errors(),
        }

    async def inspect_instances(self, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        check = Check.of(arguments["health"])
        self._instances.settle(arguments["target"])
        records = self._instances.of_target(arguments["target"])
        return list(await asyncio.gather(*(self._describe(record, check) for record in records)))

    async def stop(self, arguments: dict[str, Any]) -> None:
        asked = self._asked("stop", arguments)
        if self._ledger.is_new(asked):
            self._instances.stop(
                asked.target, asked.instance, float(arguments["within"]), Ledger.begun(asked)
            )

    async def update(self, arguments: dict[str, Any]) -> None:
        asked = self._asked("update", arguments)
        if not self._ledger.is_new(asked):
            return
        artifact, configuration = arguments["artifact"], arguments["configuration"]
        if self._store.folder_of(artifact["digest"]) is None:
            raise PermanentError(
                f"The Artifact {artifact['digest'][:19]}… ({artifact['version']}) is not kept on this machine.",
                "Deploy its revision again, so that it is built again.",
            )
        for name, value in configuration["values"].items():
            if not name or "=" in name or "\0" in name + value:
                raise PermanentError(f"The configuration value `{name}` can't be an environment variable.")
        wanted = instances.Record(
            target=asked.target,
            name=asked.instance,
            digest=artifact["digest"],
            version=artifact["version"],
            configuration=configuration["values"],
            configuration_version=configuration["version"],
        )
        self._instances.update(wanted, Ledger.begun(asked))

    async def start(self, arguments: dict[str, Any]) -> None:
        asked = self._asked("start", arguments)
        if not self._ledger.is_new(asked):
            return
        try:
            self._instances.start(
                asked.target, asked.instance, arguments["command"], arguments["health"], Ledger.begun(asked)
            )
        except AdapterError as error:
            self._journal.note([Ledger.begun(asked, error)])
            raise

    async def remove(self, arguments: dict[str, Any]) -> None:
        asked = self._asked("remove", arguments)
        if self._ledger.is_new(asked):
            self._instances.remove(asked.target, asked.instance, Ledger.begun(asked))

    async def logs(self, arguments: dict[str, Any]) -> list[str]:
        path = self._instances.log_path(arguments["target"], arguments["instance"])
        return processes.tail(path, int(arguments["lines"]))

    async def reconcile(self, arguments: dict[str, Any]) -> str:
        asked = self._asked("reconcile", arguments)
        self._ledger.see(asked.target, asked.fence)
        known = self._ledger.known(asked.key, ("stop", "update", "start", "remove"))
        if known is None or "error" in known:
            return "not_done"
        record = self._instances.get(asked.target, asked.instance)
        is_ending = record is not None and not record.is_wanted and self._instances.is_alive(record)
        return "under_way" if known["verb"] == "stop" and is_ending else "done"

    async def inspect_traffic(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return await self._fronts.inspect(arguments["target"])

    async def enable(self, arguments: dict[str, Any]) -> None:
        asked = Asked.of("enable", arguments)
        if not self._ledger.is_new(asked):
            await self._fronts.push()
            return
        await self._fronts.enable(
            asked.target,
            asked.instance,
            arguments["address"],
            port=int(arguments["port"]),
            hold=float(arguments["hold"]),
            taken=self._instances.ports(),
            effect=Ledger.begun(asked),
        )

    async def drain(self, arguments: dict[str, Any]) -> None:
        asked = Asked.of("drain", arguments)
        if not self._ledger.is_new(asked):
            await self._fronts.push()
            return
        await self._fronts.drain(asked.target, asked.instance, Ledger.begun(asked))

    async def forget(self, arguments: dict[str, Any]) -> None:
        asked = Asked.of("forget", arguments)
        if self._ledger.is_new(asked):
            await self._fronts.remove(asked.target, asked.instance, Ledger.begun(asked))

    async def reconcile_traffic(self, arguments: dict[str, Any]) -> str:
        asked = Asked.of("reconcile", arguments)
        self._ledger.see(asked.target, asked.fence)
        known = self._ledger.known(asked.key, ("drain", "enable", "forget"))
        if known is None or "error" in known:
            return "not_done"
        state = (await self._fronts.inspect(asked.target)).get(asked.instance)
        is_draining = state is not None and state["state"] == "draining" and state["in_flight"] > 0
        return "under_way" if known["verb"] == "drain" and is_draining else "done"

    async def front(self, arguments: dict[str, Any]) -> str | None:
        front = self._fronts.get(arguments["target"])
        return f"http://127.0.0.1:{front.port}" if front else None

    async def build(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return self._builds.start(builds.Record(**arguments))

    async def build_report(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return self._builds.report(arguments["key"])

    async def build_log(self, arguments: dict[str, Any]) -> list[str]:
        return self._builds.log(arguments["key"], int(arguments["lines"]))

    async def build_cancel(self, arguments: dict[str, Any]) -> None:
        self._builds.cancel(arguments["key"])

    def _asked(self, verb: str, arguments: dict[str, Any]) -> Asked:
        asked = Asked.of(verb, arguments)
        self._instances.settle(asked.target)
        return asked

    async def _describe(self, record: instances.Record, check: Check) -> dict[str, Any]:
        is_alive = self._instances.is_alive(record)
        health = HealthAnswer(None)
        if is_alive and record.is_wanted:
            health = await self._instances.health(record, check)
            # Asking takes a while, in which it may have ended or been stopped.
            self._instances.settle(record.target)
            record = self._instances.get(record.target, record.name) or record
            is_alive = self._instances.is_alive(record)
        state = _state(record, is_alive)
        is_down = state == "crashed"
        return {
            "name": record.name,
            "state": state,
            "artifact_digest": record.digest,
            "configuration_version": record.configuration_version,
            "healthy": False if is_down else (health.is_well if state in ("starting", "running") else None),
            "address": record.address if is_alive else None,
            "started_at": record.started_at if is_alive else None,
            "restarts": record.restarts,
            "reason": record.reason if is_down or not health.reason else f"{record.name} {health.reason}.",
            "log_tail": processes.tail(self._instances.log_path(record.target, record.name), 20)
            if is_down
            else [],
        }

    async def _keep_all(self) -> None:
        rounds = 0
        while True:
            rounds += 1
            try:
                self._instances.advance()
                await self._fronts.keep()
                if rounds % 100 == 0:
                    self._journal.flush()
                    self._instances.cap_logs()
                    self._builds.cap_logs()
                    processes.cap_log(self._data_dir / "agent.log", LOG_LIMIT)
            except (AdapterError, OSError) as error:
                logger.error("a round failed: %s", error)
            await asyncio.sleep(ROUND)

    async def _shut_down(self) -> None:
        await self._builds.shut_down()
        await self._fronts.shut_down()
        await self._instances.shut_down(SHUTDOWN_GRACE)
        forget_sockets(self._data_dir)

    def _ask_to_shut_down(self) -> None:
        self._is_shutting_down = True
        self._ended.set()


def code_folder() -> Path:
    """The folder that holds our packages, for processes that must find them too."""
    return Path(__file__).resolve().parent.parent.parent


def _state(record: instances.Record, is_alive: bool) -> str:
    if is_alive:
        if not record.is_wanted:
            return "stopping"
        return "running" if record.is_ready else "starting"
    if not record.is_wanted:
        return "stopped"
    # Wanted and not there: it crashed, or is about to be started for the first time since the agent came back.
    return "crashed" if record.has_given_up or record.reason else "starting"


def main() -> int:
    parser = argparse.ArgumentParser(
        description="The local agent of Shipbell; the bot starts it when it needs it."
    )
    parser.add_argument("--data", type=Path, required=True, help="the data folder")
    parser.add_argument("--detach", action="store_true", help="go to the background, in a session of its own")
    arguments = parser.parse_args()
    data_dir: Path = arguments.data.absolute()
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if arguments.detach:
        # The first child leads a new session, the second, which goes on, can never get a terminal back.
        if os.fork():
            os._exit(0)
        os.setsid()
        if os.fork():
            os._exit(0)
    os.umask(0o077)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    lock = os.open(data_dir / "agent.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        logger.info("another agent already runs for this data folder")
        return 3
    os.ftruncate(lock, 0)
    os.write(lock, json.dumps({"pid": os.getpid()}).encode())
    asyncio.run(Agent(data_dir).run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
