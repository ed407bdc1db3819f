"""How the bot speaks with the local agent, and how it starts one when there is none. No port and no meaning of a verb here."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from adapters.local.processes import plain_environment
from adapters.local.wire import ask, known_socket, now
from bot.domain.errors import TemporaryError

PROTOCOL = 1
"""Of the verbs and their values. An agent that speaks another one is asked to hand over to one of ours."""

START_WITHIN = 15.0
CALL_WITHIN = 10.0


class AgentClient:
    """Each call is a connection of its own, so that it may be made from any loop and after any kill."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.absolute()

    async def call(self, verb: str, arguments: dict[str, Any], *, timeout: float = CALL_WITHIN) -> Any:
        """Asks the agent, starting it when it isn't there. Raises TemporaryError or PermanentError."""
        for _attempt in range(3):
            with contextlib.suppress(OSError):
                return await ask(known_socket(self._data_dir, "agent"), verb, arguments, timeout=timeout)
            # Every verb may be repeated: what carries an effect has a key.
            await ensure_agent(self._data_dir)
        raise TemporaryError(
            "The local agent ends again and again.", f"Its log is {self._data_dir.name}/agent.log."
        )


async def ensure_agent(data_dir: Path) -> int:
    """Sees to it that an agent of this protocol answers, and returns its pid. Several may ask at once: one agent comes of it.
    Raises TemporaryError when none answers in time."""
    until = now() + START_WITHIN
    start_at = 0.0
    while True:
        answer = await _ping(data_dir)
        if answer is not None and answer["protocol"] == PROTOCOL and not answer["is_closing"]:
            return int(answer["pid"])
        if answer is not None and answer["protocol"] != PROTOCOL:
            await _hand_over(data_dir)
        if now() > until:
            raise TemporaryError(
                "The local agent does not start.",
                f"Its log is {data_dir.name}/agent.log; its data folder must be writable.",
            )
        if answer is None and now() > start_at:
            await asyncio.to_thread(_start, data_dir)
            # One that finds the lock taken ends at once, so asking again does no harm.
            start_at = now() + 3.0
        await asyncio.sleep(0.03)


async def shut_down_agent(data_dir: Path) -> None:
    """Ends the agent with all that it started, gracefully, and returns when it is gone; fine when there is none."""
    pid = agent_pid(data_dir)
    with contextlib.suppress(OSError):
        await ask(known_socket(data_dir, "agent"), "shutdown", {}, timeout=40.0)
        until = now() + 5.0
        while pid is not None and _is_running(pid) and now() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def agent_pid(data_dir: Path) -> int | None:
    """The pid that the agent of this folder wrote down, whether or not it still lives."""
    try:
        return int(json.loads((data_dir / "agent.lock").read_text())["pid"])
    except (OSError, ValueError, KeyError):
        return None


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


async def _ping(data_dir: Path) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = await ask(known_socket(data_dir, "agent"), "ping", {}, timeout=2.0)
    except OSError:
        return None
    return answer


async def _hand_over(data_dir: Path) -> None:
    with contextlib.suppress(OSError):
        await ask(known_socket(data_dir, "agent"), "hand_over", {}, timeout=5.0)


def _start(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = os.open(data_dir / "agent.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise TemporaryError(
            f"The local agent's data folder can't be written: {error.strerror}.",
            "Free some space, or correct its rights.",
        ) from error
    code = str(Path(__file__).resolve().parent.parent.parent)
    try:
        subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "adapters.local.agent", "--data", str(data_dir), "--detach"],
            # Not the bot's own environment: the agent hands its own down, and no secret may be in it.
            env={**plain_environment(), "PYTHONPATH": code},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=False,
            timeout=START_WITHIN,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TemporaryError("The local agent could not be started.", "Try again.") from error
    finally:
        os.close(log)
