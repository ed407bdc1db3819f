"""One process per SQLite file, and the file's mode. The kernel frees the lock when its holder dies, however it dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.operations.engine.errors import EngineError, EngineUnavailable


class ProcessLock:
    """Held from `take` to `release`. The lock file stays: removing it would let two processes hold two files of one name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> None:
        """Raises EngineError when another process (or this one) has it, EngineUnavailable when the folder can't be written."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise EngineUnavailable(
                f"The lock file {self._path} can't be opened: {error.strerror}.",
                "Its folder must exist and be writable.",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise EngineError(
                f"Another process{f' (pid {holder})' if holder else ''} already runs on {self._path.with_suffix('')}.",
                "SQLite serves one process: stop the other one, or set SHIPBELL_DATABASE_URL to a PostgreSQL database,"
                " which serves several replicas.",
            ) from error
        # A full disk must not keep the bot from starting: the pid is only a courtesy to whoever is refused.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def use_wal(path: Path) -> None:
    """Makes the file if need be and has it keep a write-ahead log, which lasts: readers don't wait for writers, and a commit
    costs one sync instead of three."""
    with contextlib.closing(sqlite3.connect(path, timeout=10)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
