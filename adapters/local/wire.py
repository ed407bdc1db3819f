"""What goes over the agent's and the proxy's Unix sockets: one JSON object a line, one answer a line. No meaning of it.

A request: {"verb", "arguments", "before"}; `before` is a moment on this machine's boot clock after which the asker no longer
waits, so that a request which lay in a stopped agent's socket is not carried out behind the asker's back.
An answer: {"ok": value} or {"error": {"kind": "temporary" | "permanent", "what", "todo"}}.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from bot.domain.errors import AdapterError, PermanentError, TemporaryError

LIMIT = 16 * 1024 * 1024
"""Bytes of one line."""

SOCKET_PATH_LIMIT = 100
"""Bytes of a socket's path; the kernel's own limit is 108, macOS's 104."""

Verb = Callable[[dict[str, Any]], Awaitable[Any]]


def now() -> float:
    """Seconds on a clock that all processes of this machine share and that never runs backwards."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def socket_path(data_dir: Path, name: str) -> Path:
    """Where a server makes its socket: in the data folder, or in a private folder of its own when that path is too long.
    The folder is recorded in the data folder, so that everybody finds the same."""
    path = data_dir / f"{name}.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return path
    record = data_dir / "sockets"
    with contextlib.suppress(FileNotFoundError):
        folder = Path(record.read_text().strip())
        if is_private(folder):
            return folder / f"{name}.sock"
    folder = Path(tempfile.mkdtemp(prefix="shipbell-"))
    if len(os.fsencode(folder / f"{name}.sock")) > SOCKET_PATH_LIMIT:
        folder = Path(tempfile.mkdtemp(prefix="shipbell-", dir="/tmp"))
    fresh = record.with_name(f"sockets.{os.getpid()}")
    fresh.write_text(str(folder))
    fresh.replace(record)
    return folder / f"{name}.sock"


def forget_sockets(data_dir: Path) -> None:
    """Takes the private folder away that `socket_path` may have made, once nobody answers there any more."""
    record = data_dir / "sockets"
    with contextlib.suppress(OSError):
        folder = Path(record.read_text().strip())
        if is_private(folder) and folder.name.startswith("shipbell-"):
            shutil.rmtree(folder)
        record.unlink()


def known_socket(data_dir: Path, name: str) -> Path:
    """Where a client looks for it; never makes anything. Raises FileNotFoundError when no server has settled where yet."""
    path = data_dir / f"{name}.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return path
    folder = Path((data_dir / "sockets").read_text().strip())
    if not is_private(folder):
        raise FileNotFoundError(f"{folder} is not there, or not this user's alone")
    return folder / f"{name}.sock"


def is_private(folder: Path) -> bool:
    """Whether it is a folder of this user's that nobody else can enter."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


async def ask(path: Path, verb: str, arguments: dict[str, Any], *, timeout: float) -> Any:
    """Asks once and returns the value. Raises the error that was answered, OSError when nobody is there,
    TemporaryError when no answer came within `timeout` seconds."""
    before = now() + timeout
    try:
        async with asyncio.timeout(timeout):
            return await _ask(path, {"verb": verb, "arguments": arguments, "before": before})
    except TimeoutError as error:
        raise TemporaryError(
            f"The local {path.stem} did not answer `{verb}` within {timeout:g} s.", "Try again."
        ) from error


async def _ask(path: Path, request: dict[str, Any]) -> Any:
    reader, writer = await asyncio.open_unix_connection(str(path), limit=LIMIT)
    try:
        writer.write(json.dumps(request).encode() + b"\n")
        await writer.drain()
        line = await reader.readline()
    finally:
        writer.close()
    if not line.endswith(b"\n"):
        raise ConnectionResetError(f"{path.stem} ended before it answered")
    answer = json.loads(line)
    if (said := answer.get("error")) is not None:
        kind = PermanentError if said["kind"] == "permanent" else TemporaryError
        raise kind(said["what"], said["todo"])
    return answer["ok"]


async def serve(path: Path, verbs: Mapping[str, Verb]) -> asyncio.Server:
    """Answers on a socket that only this user can open. Whoever calls it holds the lock that makes it the only one."""

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ValueError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                writer.write(json.dumps(await _answer(verbs, line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    path.unlink(missing_ok=True)
    mask = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(on_connection, str(path), limit=LIMIT)
    finally:
        os.umask(mask)
    return server


async def _answer(verbs: Mapping[str, Verb], line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
        verb, arguments, before = request["verb"], request["arguments"], float(request["before"])
    except (ValueError, KeyError, TypeError):
        return _error("permanent", "That is no request.")
    if now() > before:
        return _error("temporary", "The request came too late: whoever asked no longer waits.")
    if verb not in verbs:
        return _error(
            "permanent", f"There is no verb `{verb}` here.", "The bot and its local agent differ in age."
        )
    try:
        return {"ok": await verbs[verb](arguments)}
    except PermanentError as error:
        return _error("permanent", error.what, error.todo)
    except AdapterError as error:
        return _error("temporary", error.what, error.todo)
    except OSError as error:
        return _error(
            "temporary", f"The local agent met a problem: {error.strerror or error}.", "See its agent.log."
        )


def _error(kind: str, what: str, todo: str = "") -> dict[str, Any]:
    return {"error": {"kind": kind, "what": what, "todo": todo}}
