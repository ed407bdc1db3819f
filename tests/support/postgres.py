"""A real PostgreSQL for tests: started by the test session itself, on a loopback port, gone when the session is.

Fixtures: `postgres_server` (one a session), `postgres_url` (a fresh database a test). A conftest imports both by name. Where
PostgreSQL isn't installed the tests are skipped, but fail under CI=true. The server is a child of the test process and told by
the kernel to quit when that dies; folders that a killed session left are removed by the next one.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

_PREFIX = "shipbell-postgres-"
_INSTALLED = Path("/usr/lib/postgresql")  # where Debian puts one folder a version
_PR_SET_PDEATHSIG = 1
# A test's server: nothing on it has to survive a power cut, only the death of the processes that use it.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "autovacuum": "off",
}


class PostgresMissing(Exception):
    """PostgreSQL isn't installed here."""


@dataclass
class PostgresServer:
    """port: on 127.0.0.1. password: of the superuser `shipbell`, random in each session."""

    folder: Path
    port: int
    password: str
    process: subprocess.Popen[bytes]

    def url(self, database: str) -> str:
        return f"postgresql://shipbell:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Ends its connections, whoever holds them, and removes it."""
        name = url.rsplit("/", 1)[1]
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def stop(self) -> None:
        """The server goes away: connections end, new ones are refused. Only for a server of one's own (`running_postgres`)."""
        _stop(self.process)

    def start_again(self) -> None:
        """After `stop`: the same server, port and data."""
        self.process = _start(binaries(), self.folder, self.port, _account())
        _wait_until_ready(self)


def binaries() -> Path:
    """The folder with initdb and postgres, of the newest version there is. Raises PostgresMissing."""
    versions = [found.parent for found in _INSTALLED.glob("*/bin/initdb")]
    if on_path := shutil.which("initdb"):
        versions.append(Path(on_path).resolve().parent)
    usable = [folder for folder in versions if (folder / "postgres").exists()]
    if not usable:
        raise PostgresMissing("PostgreSQL isn't installed: apt-get install postgresql brings it.")
    return max(
        usable, key=lambda folder: [int(part) for part in folder.parent.name.split(".") if part.isdigit()]
    )


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A server of one's own, for tests that stop or fill it. Raises PostgresMissing."""
    programs = binaries()
    _remove_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    # Held as long as this process lives: by it the next session knows whether the folder is a leftover.
    with (folder / "owner.lock").open("w") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        server: PostgresServer | None = None
        try:
            account = _account()
            if account is not None:
                os.chown(folder, account.pw_uid, account.pw_gid)
            password = secrets.token_urlsafe(12)
            _initialise(programs, folder, password, account)
            port = _free_port()
            server = PostgresServer(folder, port, password, _start(programs, folder, port, account))
            _wait_until_ready(server)
            yield server
        finally:
            if server is not None:
                _stop(server.process)
            shutil.rmtree(folder, ignore_errors=True)


_shared: tuple[contextlib.ExitStack, PostgresServer] | None = None
_users = 0


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's server, shared by every conftest that imports this fixture."""
    global _shared, _users
    if _shared is None:
        stack = contextlib.ExitStack()
        try:
            _shared = (stack, stack.enter_context(running_postgres()))
        except PostgresMissing as missing:
            if os.environ.get("CI") == "true":
                pytest.fail(str(missing))
            pytest.skip(str(missing))
    _users += 1
    yield _shared[1]
    _users -= 1
    if _users == 0:
        stack, _ = _shared
        _shared = None
        stack.close()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """`postgresql://user:password@127.0.0.1:port/name` of a database that only this test has."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


def _account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: then it runs as `postgres`, which Debian's package makes."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _initialise(programs: Path, folder: Path, password: str, account: pwd.struct_passwd | None) -> None:
    secret = folder / "password"
    secret.write_text(password)
    if account is not None:
        os.chown(secret, account.pw_uid, account.pw_gid)
    command = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "shipbell", "-A", "scram-sha-256"]
    command += ["-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions", f"--pwfile={secret}"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=folder,
        env=_environment(folder),
        check=False,
        **_identity(account),
    )
    secret.unlink()
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed: {done.stderr}")


def _start(
    programs: Path, folder: Path, port: int, account: pwd.struct_passwd | None
) -> subprocess.Popen[bytes]:
    command = [str(programs / "postgres"), "-D", str(folder / "data"), "-p", str(port)]
    for name, value in _SETTINGS.items():
        command += ["-c", f"{name}={value}"]
    libc = ctypes.CDLL(None)

    def quit_with_parent() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)

    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,  # Ctrl-C is for the tests; they stop the server
            preexec_fn=quit_with_parent,  # runs after the change of user, which would undo it
            **_identity(account),
        )


def _wait_until_ready(server: PostgresServer) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=2).close()
            return
        except psycopg.OperationalError as error:
            if server.process.poll() is not None or time.monotonic() > deadline:
                said = (server.folder / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"PostgreSQL didn't start: {error}\n{said}") from error
            time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)  # fast: ends connections, doesn't wait for them
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.wait(10)


def _identity(account: pwd.struct_passwd | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of the caller's PG* variables."""
    return {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "LC_ALL": "C.UTF-8"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _remove_leftovers() -> None:
    """Folders whose test process is gone. Their server got SIGQUIT with it; one that is still there is ended by its pid."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            owner = (folder / "owner.lock").open("r+")
        except OSError:
            continue  # just being made, or being removed
        with owner:
            try:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            _end_orphan(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _end_orphan(folder: Path) -> None:
    try:
        pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError, IndexError):
        return
    if str(folder).encode() not in command:  # the number belongs to somebody else by now
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGQUIT)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.05)
