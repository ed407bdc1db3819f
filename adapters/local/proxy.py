"""The proxy's process: `python -m adapters.local.proxy --data DIR`. Opens a front for each Target and hears routes from the agent.

Its routes are in DIR/routes.json, which only the agent writes: a proxy that was killed goes on with them. Forwarding is forward.py's.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from adapters.local.forward import Front
from adapters.local.wire import serve, socket_path

logger = logging.getLogger(__name__)

FINISH_WITHIN = 5.0
"""Seconds that requests in flight have when the proxy itself is asked to end."""


class Proxy:
    """`fronts`: Target -> its front; `errors`: Target -> why its port could not be opened."""

    def __init__(self) -> None:
        self._fronts: dict[str, Front] = {}
        self._servers: dict[str, tuple[int, asyncio.Server]] = {}
        self._errors: dict[str, str] = {}
        self._wanted: dict[str, int] = {}
        self._number = -1
        self._lock = asyncio.Lock()

    async def set_routes(self, routes: dict[str, Any]) -> dict[str, Any]:
        """{"number": grows with each change, "fronts": {target: {"port", "hold", "instances": {name: {"address", "state"}}}}}.
        Older ones than are known change nothing."""
        async with self._lock:
            if routes["number"] >= self._number:
                self._number = routes["number"]
                await self._apply(routes["fronts"])
        return {"errors": dict(self._errors), "number": self._number}

    async def inspect(self, _arguments: dict[str, Any]) -> dict[str, Any]:
        """Requests in flight, by Target and Instance."""
        return {
            "in_flight": {target: front.in_flight() for target, front in self._fronts.items()},
            "errors": dict(self._errors),
        }

    async def ping(self, _arguments: dict[str, Any]) -> dict[str, Any]:
        return {"pid": os.getpid(), "number": self._number}

    async def keep_trying(self) -> None:
        """Opens ports that were somebody else's as soon as they are free."""
        while True:
            await asyncio.sleep(1.0)
            if self._errors:
                async with self._lock:
                    for target in list(self._errors):
                        await self._open_port(target, self._fronts[target], self._wanted[target])

    async def close(self) -> None:
        for _port, server in self._servers.values():
            server.close()
        await asyncio.gather(*(front.close(FINISH_WITHIN) for front in self._fronts.values()))

    async def _apply(self, fronts: dict[str, Any]) -> None:
        for target in [target for target in self._fronts if target not in fronts]:
            await self._close_front(target)
        for target, wanted in fronts.items():
            front = self._fronts.setdefault(target, Front(target, wanted["hold"]))
            front.hold = wanted["hold"]
            front.set_routes(
                {
                    name: (instance["address"], instance["state"] == "enabled")
                    for name, instance in wanted["instances"].items()
                }
            )
            self._wanted[target] = wanted["port"]
            await self._open_port(target, front, wanted["port"])

    async def _open_port(self, target: str, front: Front, port: int) -> None:
        known = self._servers.get(target)
        if known is not None and known[0] == port:
            return
        try:
            server = await asyncio.get_running_loop().create_server(
                front.accept, "127.0.0.1", port, reuse_address=True, backlog=1024
            )
        except OSError as error:
            why = error.strerror or str(error)
            if self._errors.get(target) != why:
                logger.error("port %d for %s cannot be opened: %s", port, target, why)
            self._errors[target] = why
            return
        self._errors.pop(target, None)
        if known is not None:
            known[1].close()
        self._servers[target] = (port, server)

    async def _close_front(self, target: str) -> None:
        self._errors.pop(target, None)
        if known := self._servers.pop(target, None):
            known[1].close()
        await self._fronts.pop(target).close(FINISH_WITHIN)


async def run(data_dir: Path) -> None:
    proxy = Proxy()
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    routes = data_dir / "routes.json"
    if routes.exists():
        await proxy.set_routes(json.loads(routes.read_text()))
    verbs = {"set": proxy.set_routes, "inspect": proxy.inspect, "ping": proxy.ping}
    server = await serve(socket_path(data_dir, "proxy"), verbs)
    trying = asyncio.create_task(proxy.keep_trying())
    await ended.wait()
    trying.cancel()
    server.close()
    await proxy.close()


def main() -> int:
    parser = argparse.ArgumentParser(description="The local proxy of Shipbell; the local agent starts it.")
    parser.add_argument("--data", type=Path, required=True)
    data_dir: Path = parser.parse_args().data
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    lock = os.open(data_dir / "proxy.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        logger.error("another proxy already runs for this data folder")
        return 3
    asyncio.run(run(data_dir))
    return 0


if __name__ == "__main__":
    sys.exit(main())
