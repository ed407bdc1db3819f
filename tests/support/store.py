"""A store for tests that need one and don't test it: the real one, on an SQLite file in the test's folder."""

from __future__ import annotations

from pathlib import Path

from bot.storage import SqlStore, migrate, open_store


async def fresh_store(tmp_path: Path) -> SqlStore:
    """An empty, migrated store, the caller's to close: `store = await fresh_store(tmp_path)` … `await store.close()`. Called again
    with the same folder it opens the same database, as a restarted bot does."""
    url = f"sqlite:///{tmp_path / 'shipbell.db'}"
    await migrate(url)
    return await open_store(url)
