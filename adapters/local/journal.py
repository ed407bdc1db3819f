"""The agent's memory: tables of JSON values in an append-only file, each line one change that holds as a whole or not at all.

A line is written and flushed to the disk before what it allows is done. A last line that was torn by a kill or a full disk is
dropped at the next load. No meaning of any table is known here.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bot.domain.errors import TemporaryError

logger = logging.getLogger(__name__)

Change = tuple[str, str, Any]
"""Table, id, value; None as value takes the row out."""

COMPACT_AT = 4 * 1024 * 1024
"""Bytes over which the file is written anew with only what still holds."""


class Journal:
    """`tables[table][id]` is what holds now. Values are to be replaced with `write`, never changed in place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unsaved: list[Change] = []
        self.tables: dict[str, dict[str, Any]] = {}
        self._load()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._compact_at = COMPACT_AT

    def table(self, name: str) -> dict[str, Any]:
        return self.tables.setdefault(name, {})

    def write(self, changes: Iterable[Change]) -> None:
        """An intent: holds once this returns. Raises TemporaryError, having changed nothing, when the disk takes no more."""
        changes = list(changes)
        try:
            self._append([*self._unsaved, *changes])
        except OSError as error:
            raise _cannot_write(error) from error
        self._unsaved.clear()
        self._apply(changes)
        self._compact_if_long()

    def note(self, changes: Iterable[Change]) -> None:
        """Something that has happened already: holds in any case, and reaches the disk when the disk takes it again."""
        changes = list(changes)
        self._apply(changes)
        self._unsaved.extend(changes)
        self.flush()

    def flush(self) -> None:
        """Tries once more to save what `note` could not."""
        if not self._unsaved:
            return
        try:
            self._append(self._unsaved)
        except OSError as error:
            logger.error("the journal cannot be written: %s", error.strerror)
            return
        self._unsaved.clear()

    def close(self) -> None:
        self.flush()
        os.close(self._file)

    def compact(self) -> None:
        """Writes the file anew. A failure leaves the old one in force."""
        fresh = self._path.with_suffix(".new")
        changes = [(name, key, value) for name, rows in self.tables.items() for key, value in rows.items()]
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                for change in changes:
                    stream.write(_line([change]))
                stream.flush()
                os.fsync(stream.fileno())
            fresh.replace(self._path)
        except OSError as error:
            logger.error("the journal cannot be written anew: %s", error.strerror)
            with contextlib.suppress(OSError):
                fresh.unlink()
            return
        _sync_folder(self._path.parent)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        os.close(self._file)
        self._file = descriptor
        self._unsaved.clear()

    def _compact_if_long(self) -> None:
        if os.fstat(self._file).st_size > self._compact_at:
            self.compact()
            # Where all of it still holds, writing it anew each time would cost more than it saves.
            self._compact_at = max(COMPACT_AT, 2 * os.fstat(self._file).st_size)

    def _append(self, changes: list[Change]) -> None:
        if not changes:
            return
        data = _line(changes)
        end = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, data)
            if written < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file)
        except OSError:
            # Half a line in the middle would make all that follows unreadable.
            os.ftruncate(self._file, end)
            raise

    def _apply(self, changes: Iterable[Change]) -> None:
        for name, key, value in changes:
            if value is None:
                self.table(name).pop(key, None)
            else:
                self.table(name)[key] = value

    def _load(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        good = 0
        for line in data.splitlines(keepends=True):
            try:
                changes = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                changes = None
            if changes is None:
                break
            self._apply(tuple(change) for change in changes)
            good += len(line)
        if good < len(data):
            logger.warning("the journal's last %d bytes were not whole and are dropped", len(data) - good)
            os.truncate(self._path, good)


def _line(changes: list[Change]) -> bytes:
    return json.dumps(changes, separators=(",", ":")).encode() + b"\n"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cannot_write(error: OSError) -> TemporaryError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return TemporaryError(
            "The disk with the local agent's data folder is full, so nothing was begun.",
            "Free some space and try again.",
        )
    return TemporaryError(
        f"The local agent cannot write its journal: {error.strerror}.", "See to its data folder."
    )
