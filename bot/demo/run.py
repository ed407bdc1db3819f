"""Running the demo: what is started in which order, what is said at the terminal, and how all of it ends."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from bot import app
from bot.catalog import load_catalog
from bot.demo.load import Load
from bot.demo.processes import Child
from bot.demo.repository import make_repository
from bot.demo.setting import write_catalog, write_seed
from bot.domain.errors import ShipbellError

_WITHIN = 30.0


class DemoError(ShipbellError):
    """The demo can't run here as asked."""


async def demo(data: Path, port: int, *, load: bool = True) -> int:
    """Runs until Ctrl-C (or SIGTERM), then ends everything that it started. The exit status."""
    data = data.absolute()
    data.mkdir(parents=True, exist_ok=True)
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    with _only_one(data):
        return await _demo(data, port, load, told)


async def _demo(data: Path, port: int, load: bool, told: asyncio.Event) -> int:
    catalog = data / "shipbell.yaml"
    await asyncio.to_thread(make_repository, data / "shop")
    write_catalog(catalog, _free_port(8501), _free_port(8502))
    write_seed(data / "seed.json", catalog)
    workspace = Child("workspace", _workspace_words(data, port), os.environ, data)
    earlier_bot = Child("bot", (), {}, data)
    for child in (earlier_bot, workspace):
        await asyncio.to_thread(child.end_earlier)
    try:
        info = await _start_workspace(workspace, data, port, told)
        bot = Child("bot", ("bot.cli", "serve"), _bot_environment(data, catalog, info), data)
        async with _kept_running(bot):
            await _ready(bot, data, told)
            sampling = Load(_fronts(catalog))
            _banner(info["url"], bot, data)
            requests = asyncio.create_task(sampling.run()) if load else None
            telling = asyncio.create_task(_tell(sampling, bot)) if load else None
            await told.wait()
            for task in filter(None, (requests, telling)):
                task.cancel()
    except _Ended:
        pass
    finally:
        print("\nEnding everything …", flush=True)
        await workspace.end()
        await app.end_local_platform(data / "bot")
    return 0


# --- the processes


def _workspace_words(data: Path, port: int) -> tuple[str, ...]:
    folder = data / "workspace"
    return (
        "bot.workspace",
        "serve",
        "--port",
        str(port),
        "--data",
        str(folder),
        "--seed",
        str(data / "seed.json"),
    )


async def _start_workspace(workspace: Child, data: Path, port: int, told: asyncio.Event) -> dict[str, Any]:
    written = data / "workspace" / "workspace.json"
    written.unlink(missing_ok=True)
    (data / "workspace").mkdir(exist_ok=True)
    await workspace.start()
    ended = asyncio.create_task(workspace.wait())
    try:
        until = time.monotonic() + _WITHIN
        async with httpx.AsyncClient(trust_env=False) as client:
            while time.monotonic() < until:
                _stop_if(told)
                if ended.done():
                    said = workspace.last_lines(1)
                    if "already in use" in said:
                        raise DemoError(
                            f"The port {port} is in use.", "Take another, or any.", ["shipbell demo --port 0"]
                        )
                    raise DemoError(f"The workspace did not start: {said}")
                with contextlib.suppress(OSError, ValueError, httpx.HTTPError):
                    info: dict[str, Any] = json.loads(written.read_text())
                    if (await client.get(f"{info['url']}/control/health")).status_code == 200:
                        return info
                await asyncio.sleep(0.1)
    finally:
        ended.cancel()
    raise DemoError(
        "The workspace did not answer in time.", f"Its log is {workspace.log.name} in the data folder."
    )


def _bot_environment(data: Path, catalog: Path, info: Mapping[str, Any]) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SHIPBELL_", "SLACK_"))}
    return kept | {
        "SLACK_BOT_TOKEN": info["bot_token"],
        "SLACK_APP_TOKEN": info["app_token"],
        "SLACK_API_URL": info["api_url"],
        "SHIPBELL_CATALOG": str(catalog),
        "SHIPBELL_DATA": str(data / "bot"),
        "SHIPBELL_LISTEN": f"127.0.0.1:{_free_port(8421)}",
        "SHIPBELL_LOG": "text",
    }


@asynccontextmanager
async def _kept_running(bot: Child) -> AsyncIterator[None]:
    """The bot, started again when it ends: kill it with -9 and see what becomes of a rollout."""

    async def keep() -> None:
        while True:
            status = await bot.wait()
            print(f"The bot ended ({status}); starting it again.", flush=True)
            await asyncio.sleep(0.5)
            await bot.start()

    await bot.start()
    keeping = asyncio.create_task(keep())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await bot.end()


async def _ready(bot: Child, data: Path, told: asyncio.Event) -> None:
    until = time.monotonic() + _WITHIN
    async with httpx.AsyncClient(trust_env=False) as client:
        while time.monotonic() < until:
            _stop_if(told)
            with contextlib.suppress(httpx.HTTPError):
                if (
                    await client.get(f"http://{bot.environment['SHIPBELL_LISTEN']}/readyz")
                ).status_code == 200:
                    return
            await asyncio.sleep(0.1)
    raise DemoError(
        f"The bot did not get ready:\n{bot.last_lines()}", f"Its log is {bot.log.name} in {data.name}."
    )


class _Ended(Exception):
    """Told to end while it was starting."""


def _stop_if(told: asyncio.Event) -> None:
    if told.is_set():
        raise _Ended


# --- the terminal


def _banner(url: str, bot: Child, data: Path) -> None:
    print(
        f"""
  Shipbell's demo is ready.

    dana (developer)  {url}/?as=dana
    lee  (lead)       {url}/?as=lee
    tess (tester)     {url}/?as=tess

  In #deploys, as dana:     /deploy shop test
                            /deploy shop prod      then approve it as lee, in #releases
                            /rollback shop prod
  A version that crashes:   /deploy shop@crash test
  A bot that is killed:     kill -9 {bot.pid}          it starts again and carries on
  Catalog and logs:         {_short(data)}

  Ctrl-C ends everything.
""",
        flush=True,
    )


async def _tell(load: Load, bot: Child) -> None:
    """One line that is written over again, on a terminal; else a line whenever a version changes or a request is lost."""
    before = ""
    while True:
        await asyncio.sleep(1)
        versions = ", ".join(f"{name} {version}" for name, version in sorted(load.versions.items()))
        if not versions:
            continue
        problem = f" (last: {load.last_problem})" if load.lost else ""
        line = f"load on the sample: {load.answered} answered, {load.lost} lost{problem} | {versions} | bot {bot.pid}"
        if sys.stdout.isatty():
            print(f"\r\x1b[2K  {line}", end="", flush=True)
        elif (state := f"{versions} {load.lost}") != before:
            before = state
            print(line, flush=True)


def _short(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


# --- small things


def _fronts(catalog: Path) -> dict[str, str]:
    found = load_catalog(catalog)
    return {
        target.environment: f"http://127.0.0.1:{target.options['port']}"
        for service in found.services.values()
        for target in service.targets.values()
        if target.options.get("port")
    }


def _free_port(wanted: int) -> int:
    """`wanted` if it is free, else any."""
    for port in (wanted, 0):
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(("127.0.0.1", port))
            return int(tried.getsockname()[1])
    raise DemoError("No port is free on 127.0.0.1.")


@contextlib.contextmanager
def _only_one(data: Path) -> Iterator[None]:
    """One demo per folder."""
    with (data / "demo.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DemoError(
                f"A demo runs in {_short(data)} already.",
                "End it, or use another folder.",
                ["shipbell demo --data DIR"],
            ) from None
        yield
