"""Processes that the agent started: begun, found again, ended, and never mistaken for anybody else's.

Each is the leader of a session and a process group of its own and carries a random token in its environment. After the agent was killed, a
process is known again by its pid together with its start time or its token. Not here: why one is to run.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shlex
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from bot.domain.errors import PermanentError, TemporaryError

TOKEN = "SHIPBELL_TOKEN"  # noqa: S105 - the name of a variable
AGENT = "SHIPBELL_AGENT"
_PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_PORTS = range(20000, 30000)
"""Below the ports that kernels give to outgoing connections, which could otherwise take one before its Instance does."""


def plain_environment() -> dict[str, str]:
    """What a process of ours may know of our own environment: no secret of the bot's is ever in it."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {"PATH": os.defpath, **kept}


@dataclass
class Running:
    """A process that was alive when this was made. `started`: its start time as psutil says it; `child` unless adopted."""

    pid: int
    started: float
    token: str
    child: subprocess.Popen[bytes] | None = None

    def is_alive(self) -> bool:
        if self.child is not None:
            return not _has_exited(self.pid)
        return _matches(self.pid, self.started, self.token)

    def signal_group(self, number: int) -> None:
        """Signals it and all that it started in its group. Nothing happens when it is gone."""
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def collect(self) -> int | None:
        """Once it has ended: ends what is left of its group and returns its status as Popen has it; None when nobody can know."""
        if self.child is None:
            for process in by_token(self.token):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process, signal.SIGKILL)
            return None
        # It is not yet reaped, so its number, and its group's, can't be anybody else's.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        return self.child.wait()


def start(
    command: list[str], *, cwd: Path, environment: dict[str, str], token: str, log: Path | int
) -> Running:
    """Starts it, with both outputs appended to the file. Raises PermanentError for a command that can't be run."""
    descriptor = log if isinstance(log, int) else open_log(log)
    try:
        child = subprocess.Popen(  # noqa: S603 - running a service's own command is what this is for
            [_program(command[0], cwd), *command[1:]],
            cwd=cwd,
            env={**environment, TOKEN: token},
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            # A session of its own, not only a group: members of a group that are stopped when the agent dies get a SIGHUP.
            start_new_session=True,
        )
    except OSError as error:
        shown = shlex.join(command)
        if error.errno in (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE):
            raise TemporaryError(f"`{shown}` can't be started: {error.strerror}.", "Try again.") from error
        raise PermanentError(
            f"`{shown}` can't be started: {error.strerror}.",
            "Correct `command` in the catalog, or see that the build leaves that file and makes it executable.",
        ) from error
    finally:
        if not isinstance(log, int):
            os.close(descriptor)
    try:
        started = psutil.Process(child.pid).create_time()
    except psutil.Error:
        started = 0.0
    return Running(child.pid, started, token, child)


def find(pid: int | None, started: float, token: str) -> Running | None:
    """A process that an earlier agent started, when it still runs. Without a pid (the agent died before it could write it
    down) the token alone is looked for."""
    if pid is not None:
        return Running(pid, started, token) if _matches(pid, started, token) else None
    for found in by_token(token):
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            if os.getpgid(found) == found:
                return Running(found, psutil.Process(found).create_time(), token)
    return None


def by_token(token: str) -> list[int]:
    """All living processes that have this token in their environment."""
    return [pid for pid, environment in _environments() if environment.get(TOKEN) == token]


def by_agent(agent: str) -> dict[int, str]:
    """Process -> token of all living processes that some life of this agent started."""
    return {
        pid: environment.get(TOKEN, "")
        for pid, environment in _environments()
        if environment.get(AGENT) == agent
    }


def free_port(taken: set[int]) -> int:
    """A port on 127.0.0.1 that nobody listens on now and that is in none of our own plans."""
    for port in random.sample(_PORTS, 200):
        if port not in taken and can_bind(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def can_bind(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def can_listen(port: int) -> bool:
    """Whether a server could open it now: unlike `can_bind`, false also where somebody listens with the address reused."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True


def open_log(path: Path) -> int:
    """A file to append to, whatever was there. When the disk takes no new file, what is written goes nowhere."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def cap_log(path: Path, limit: int) -> None:
    """Keeps a log that is appended to below `limit` bytes and its forerunner `….1` too. Whoever writes goes on with the same
    open file; a line written in the very moment may be lost."""
    with contextlib.suppress(OSError):
        if path.stat().st_size <= limit:
            return
        with path.open("rb") as stream:
            stream.seek(-limit, os.SEEK_END)
            path.with_name(path.name + ".1").write_bytes(stream.read())
        os.truncate(path, 0)


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a log and its forerunner, oldest first."""
    found: list[str] = []
    for file in (path, path.with_name(path.name + ".1")):
        with contextlib.suppress(OSError), file.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - 400 * max(lines, 50)))
            text = stream.read().decode(errors="replace").splitlines()
            found = text + found
        if len(found) >= lines:
            break
    return found[-lines:] if lines > 0 else []


def note_in_log(path: Path, text: str) -> None:
    descriptor = open_log(path)
    try:
        with contextlib.suppress(OSError):
            os.write(descriptor, f"[shipbell] {text}\n".encode())
    finally:
        os.close(descriptor)


def ending(status: int | None) -> str:
    """How a process ended, as the end of a sentence that begins with its name."""
    if status is None:
        return "ended (nobody was there to see with which status)"
    if status < 0:
        try:
            return f"was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"was ended by signal {-status}"
    return f"ended with exit status {status}"


def _program(word: str, cwd: Path) -> str:
    # With a slash in it, it is a file of the artifact's, whatever folder the agent runs in.
    return str(cwd / word) if "/" in word and not word.startswith("/") else word


def _has_exited(pid: int) -> bool:
    """Whether our child has ended, without reaping it."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _matches(pid: int, started: float, token: str) -> bool:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if abs(process.create_time() - started) < 0.02:
            return True
        # A clock that was set in between moves the start time; the token stays.
        return process.environ().get(TOKEN) == token
    except psutil.Error:
        return False


def _environments() -> list[tuple[int, dict[str, str]]]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append((process.pid, process.environ()))
    return found
