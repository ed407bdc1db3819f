"""Asking one Instance whether it works: http, tcp or a command of its own. What follows from the answer is not decided here."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Check:
    """`kind`: http, tcp, command or none; `timeout` in seconds."""

    kind: str = "none"
    path: str = "/"
    command: str = ""
    timeout: float = 2.0

    @classmethod
    def of(cls, value: Mapping[str, Any] | None) -> Check:
        return cls(**value) if value else cls()


@dataclass(frozen=True)
class Health:
    """`is_well` is None when there is nothing to ask; `reason`: the end of a sentence that begins with the Instance's name."""

    is_well: bool | None
    reason: str = ""


async def ask(check: Check, port: int, *, cwd: Path, environment: dict[str, str]) -> Health:
    """Asks once. Never raises for what the Instance does."""
    try:
        async with asyncio.timeout(check.timeout):
            if check.kind == "http":
                return await _http(check.path, port)
            if check.kind == "tcp":
                return await _tcp(port)
            if check.kind == "command":
                return await _command(check.command, cwd, environment)
    except TimeoutError:
        return Health(False, f"did not answer its health check within {check.timeout:g} s")
    except (OSError, ValueError, asyncio.IncompleteReadError) as error:
        return Health(False, _refusal(error, port))
    return Health(None)


async def _http(path: str, port: int) -> Health:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: shipbell-health\r\nConnection: close\r\n\r\n"
        writer.write(request.encode("latin-1"))
        await writer.drain()
        words = (await reader.readline()).split(None, 2)
    finally:
        writer.transport.abort()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return Health(False, f"answered {path} with something that isn't HTTP")
    status = int(words[1])
    return Health(200 <= status < 400, "" if 200 <= status < 400 else f"answered {path} with {status}")


async def _tcp(port: int) -> Health:
    _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.transport.abort()
    return Health(True)


async def _command(command: str, cwd: Path, environment: dict[str, str]) -> Health:
    words = shlex.split(command)
    if not words:
        return Health(False, "has an empty health command")
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=cwd,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        process_group=0,
    )
    try:
        status = await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Health(status == 0, "" if status == 0 else f"failed its health command with exit status {status}")


def _refusal(error: Exception, port: int) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"does not listen on its port {port}"
    if isinstance(error, OSError) and error.strerror:
        return f"could not be asked for its health: {error.strerror}"
    return "broke off its answer to the health check"
