"""Where the workspace keeps its state: JSON documents and the feed of events, in one SQLite file.

No rule of the workspace lives here; the world is held in memory and written through, so a restart, or a kill, keeps every message.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from bot.workspace.errors import Json

FEED_KEPT = 5_000


class Busy(RuntimeError):
    """Another process has this data directory open."""


class Store:
    """One SQLite file in `directory`, which is made if need be and locked for this process."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(directory / "workspace.lock")
        # Autocommit: each put stands by itself. WAL with NORMAL survives a kill of the process without an fsync for each message.
        self._db = sqlite3.connect(directory / "workspace.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS docs (kind TEXT, key TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID"
        )
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS feed (seq INTEGER PRIMARY KEY, audience TEXT, body TEXT NOT NULL)"
        )

    def put(self, kind: str, key: str, body: Any) -> None:
        """Writes one document, or replaces it."""
        self._db.execute("INSERT OR REPLACE INTO docs VALUES (?, ?, ?)", (kind, key, json.dumps(body)))

    def drop(self, kind: str, key: str) -> None:
        """Forgets one document; no error when there is none."""
        self._db.execute("DELETE FROM docs WHERE kind = ? AND key = ?", (kind, key))

    def get(self, kind: str, key: str) -> Any:
        """One document, or None."""
        row = self._db.execute("SELECT body FROM docs WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return None if row is None else json.loads(row[0])

    def all(self, kind: str) -> Iterator[tuple[str, Any]]:
        """(key, document) pairs in the order of their keys."""
        rows = self._db.execute("SELECT key, body FROM docs WHERE kind = ? ORDER BY key", (kind,))
        for key, body in rows:
            yield key, json.loads(body)

    def append_feed(self, seq: int, audience: list[str] | None, body: Json) -> None:
        """Adds an event; `audience` None is everyone. Old events are pruned now and then."""
        wanted = None if audience is None else json.dumps(audience)
        self._db.execute("INSERT INTO feed VALUES (?, ?, ?)", (seq, wanted, json.dumps(body)))
        if seq % 1000 == 0:
            self._db.execute("DELETE FROM feed WHERE seq <= ?", (seq - FEED_KEPT,))

    def feed(self) -> Iterator[tuple[int, list[str] | None, Json]]:
        """(seq, audience, event), oldest first."""
        for seq, audience, body in self._db.execute("SELECT seq, audience, body FROM feed ORDER BY seq"):
            yield seq, None if audience is None else json.loads(audience), json.loads(body)

    def close(self) -> None:
        """Closes the file and gives the directory free."""
        self._db.close()
        self._lock.close()


def _lock(path: Path) -> TextIO:
    handle = path.open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as cause:
        handle.close()
        raise Busy(
            f"another workspace already runs with {path.parent}; stop it, or give this one a --data of its own"
        ) from cause
    return handle
