"""Retention and backups: what may go goes, what must stay stays, and a backup opens as a database."""

from __future__ import annotations

import asyncio
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.errors import StorageError
from bot.domain.messages import MessageKind, OutboxMessage
from bot.domain.operation import AuditEntry, State
from bot.storage import SqlStore, open_store
from tests.support.store import NOON, an_operation, fresh_store

MONTH = timedelta(days=30)


def ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


async def test_what_is_long_over_is_forgotten_and_nothing_else(store: SqlStore) -> None:
    async with store.transaction() as tx:
        ended = await tx.add_operation(an_operation(State.SUCCEEDED, ended_at=ago(31)))
        recent = await tx.add_operation(an_operation(State.SUCCEEDED, ended_at=ago(1)))
        running = await tx.add_operation(an_operation(State.ROLLING_OUT, created_at=ago(90)))
        for key, operation in {
            "ended": ended.number,
            "ended-unsent": ended.number,
            "recent": recent.number,
            "running": running.number,
            "notice": None,
            "notice-unsent": None,
        }.items():
            await tx.put_message(OutboxMessage(key, MessageKind.NOTICE, "#c", operation, created_at=ago(60)))
        await tx.put_message(OutboxMessage("new", MessageKind.NOTICE, "#c", created_at=ago(1)))
        await tx.add_audit(
            AuditEntry(NOON - timedelta(days=900), "dana", "request", ended.number, "long ago")
        )
    for key in ("ended", "recent", "running", "notice", "new"):
        await store.outbox.delivered(key, 1, "C1", "1.1")
    assert (await store.upkeep.prune(MONTH)).messages == 2
    async with store.view() as view:
        left = [key for key in ("ended", "notice") if await view.message(key)]
        kept = ("ended-unsent", "recent", "running", "notice-unsent", "new")
        assert left == []
        assert [key for key in kept if await view.message(key) is None] == []
        assert len(await view.audit()) == 1
        assert len(await view.operations()) == 3


async def test_finished_requests_are_forgotten_by_the_databases_clock(store: SqlStore) -> None:
    async with store.transaction() as tx:
        for request in ("finished", "open"):
            await tx.accept_request(request, "slash", {}, ago(90))
        await tx.finish_request("finished")
    assert (await store.upkeep.prune(MONTH)).requests == 0  # finished just now, however old it is
    await asyncio.sleep(0.01)
    assert (await store.upkeep.prune(timedelta(0))).requests == 1
    async with store.transaction() as tx:
        assert [request for request, *_ in await tx.unfinished_requests()] == ["open"]


async def test_replicas_long_dead_are_forgotten_and_fences_still_grow(store: SqlStore) -> None:
    fence = await store.replicas.begin("gone")
    await store.replicas.begin("here")
    await store.replicas.retire("gone")
    assert list(await store.replicas.declare_dead(MONTH)) == ["gone"]
    await asyncio.sleep(0.01)
    assert (await store.upkeep.prune(timedelta(0))).replicas == 1
    assert await store.replicas.dead() == []
    await store.replicas.beat("here")
    assert await store.replicas.begin("gone") > fence + 1


async def test_a_backup_is_a_database(tmp_path: Path) -> None:
    store = await fresh_store(tmp_path)
    async with store.transaction() as tx:
        await tx.add_operation(an_operation())
    backup = tmp_path / "backup.db"
    async with store.transaction() as tx:  # neither waits for the other, and what isn't committed isn't in it
        await tx.add_operation(an_operation())
        await store.upkeep.backup(backup)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.glob("*backup*")) == ["backup.db"]
    restored = await open_store(f"sqlite:///{backup}")
    async with restored.view() as view:
        assert [operation.number for operation in await view.operations()] == [1]
    await restored.close()
    await store.close()


async def test_a_backup_replaces_nothing(tmp_path: Path) -> None:
    store = await fresh_store(tmp_path)
    there = tmp_path / "there.db"
    there.write_text("mine")
    with pytest.raises(StorageError, match="exists already"):
        await store.upkeep.backup(there)
    assert there.read_text() == "mine"
    with pytest.raises(StorageError, match="can't be written"):
        await store.upkeep.backup(tmp_path / "nowhere" / "backup.db")
    await store.close()


@pytest.mark.postgres
async def test_postgresql_has_its_own_backups(store: SqlStore, store_url: str, tmp_path: Path) -> None:
    if store_url.startswith("sqlite"):
        pytest.skip("the tests above are SQLite's")
    with pytest.raises(StorageError, match="pg_dump"):
        await store.upkeep.backup(tmp_path / "backup.db")
