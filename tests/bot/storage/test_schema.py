"""Migrations: from empty, again, at the same time, from a newer version; what they make is what `tables.py` says, and the
database itself holds the rules that no code may break.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import stat
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DatabaseError, IntegrityError

from bot.domain.errors import StorageError
from bot.domain.messages import OutboxMessage
from bot.domain.operation import HOLDS_TARGET, Approval, AuditEntry, StepRecord
from bot.domain.plan import Step
from bot.storage import SqlStore, migrate, open_store, tables
from bot.storage.database import create_migration_engine, parse
from bot.storage.migration import newest
from tests.support.store import NOON, a_step, an_operation


def engine_of(url: str) -> Engine:
    return create_migration_engine(parse(url))


def counted(url: str, table: str) -> int:
    with engine_of(url).begin() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


async def test_migrations_begin_with_nothing_and_can_be_run_again(empty_url: str) -> None:
    await migrate(empty_url)
    store = await open_store(empty_url)
    async with store.transaction() as tx:
        await tx.add_operation(an_operation())
    await store.close()
    await migrate(empty_url)
    store = await open_store(empty_url)
    async with store.view() as view:
        assert len(await view.operations()) == 1
    await store.close()


async def test_replicas_that_start_together_migrate_once(empty_url: str) -> None:
    await asyncio.gather(*(migrate(empty_url) for _ in range(4)))
    assert counted(empty_url, "alembic_version") == 1


async def test_migrations_make_what_the_tables_say(store_url: str) -> None:
    def differences(connection: Connection) -> Any:
        options = {"compare_type": True, "compare_server_default": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), tables.metadata)

    with engine_of(store_url).begin() as connection:
        assert differences(connection) == []
        # … and the comparison sees a difference when there is one:
        connection.execute(text("ALTER TABLE builds ADD COLUMN mood TEXT"))
        assert [kind for kind, *_ in differences(connection)] == ["remove_column"]
        connection.rollback()


async def test_the_index_of_held_targets_knows_the_domains_states(store_url: str) -> None:
    query = {
        "sqlite": "SELECT sql FROM sqlite_master WHERE name = :name",
        "postgresql": "SELECT indexdef FROM pg_indexes WHERE indexname = :name",
    }
    with engine_of(store_url).begin() as connection:
        found = connection.execute(text(query[connection.dialect.name]), {"name": tables.ONE_PER_TARGET})
        definition = found.scalar_one()
    assert set(re.findall(r"'(\w+)'", definition)) == HOLDS_TARGET
    assert "UNIQUE" in definition


def test_rows_of_columns_have_a_column_for_every_field() -> None:
    for kind, table in (
        (Step, tables.steps),
        (StepRecord, tables.steps),
        (Approval, tables.approvals),
        (AuditEntry, tables.audit),
        (OutboxMessage, tables.outbox),
    ):
        assert {field.name for field in fields(kind)} - {"step"} <= set(table.columns.keys()), kind


async def test_an_unmigrated_database_is_not_opened(empty_url: str) -> None:
    with pytest.raises(StorageError, match="shipbell migrate"):
        await open_store(empty_url)


async def test_a_newer_versions_database_is_neither_opened_nor_migrated(store_url: str) -> None:
    with engine_of(store_url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for use in (open_store, migrate):
        with pytest.raises(StorageError, match=f"newer Shipbell.*9999.*{newest()}"):
            await use(store_url)


async def test_a_migration_that_fails_leaves_the_old_schema(empty_url: str) -> None:
    with engine_of(empty_url).begin() as connection:
        connection.execute(
            text("CREATE TABLE steps (mine INTEGER)")
        )  # in the first migration's way, near its end
    with pytest.raises(StorageError):
        await migrate(empty_url)
    for table in ("operations", "alembic_version"):
        with pytest.raises(DatabaseError):
            counted(empty_url, table)


async def test_a_database_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "100% mine.db"
    await migrate(f"sqlite:///{path}")
    store = await open_store(f"sqlite:///{path}")
    async with store.transaction() as tx:
        await tx.add_operation(an_operation())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.with_name(f"{path.name}-wal").stat().st_mode) == 0o600
    await store.close()


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nowhere doesn't exist"):
        await migrate(f"sqlite:///{tmp_path / 'nowhere' / 'shipbell.db'}")


# What the database holds by itself


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET summary = 'nothing happened'",
        "UPDATE audit SET summary = summary WHERE id = 1",
        "DELETE FROM audit WHERE id = 1",
        "TRUNCATE audit",
        "INSERT OR REPLACE INTO audit SELECT id, at, actor, what, operation, 'nothing happened', detail FROM audit",
    ],
)
async def test_the_audit_only_grows(store: SqlStore, store_url: str, change: str) -> None:
    is_sqlite = store_url.startswith("sqlite")
    if change.startswith("TRUNCATE" if is_sqlite else "INSERT OR"):
        pytest.skip("not this database's grammar")
    async with store.transaction() as tx:
        await tx.add_audit(AuditEntry(NOON, "dana", "request", None, "deployed"))
    with (
        pytest.raises(DatabaseError, match="the audit only grows"),
        engine_of(store_url).begin() as connection,
    ):
        connection.execute(text(change))
    async with store.view() as view:
        assert [entry.summary for entry in await view.audit()] == ["deployed"]


async def test_a_number_is_never_given_twice(store: SqlStore, store_url: str) -> None:
    for _ in range(2):
        async with store.transaction() as tx:
            await tx.add_operation(an_operation())
    with engine_of(store_url).begin() as connection:
        connection.execute(text("DELETE FROM operations WHERE number = 2"))
    async with store.transaction() as tx:
        assert (await tx.add_operation(an_operation())).number == 3


async def test_one_operation_a_target_also_for_those_who_go_around_the_store(
    store: SqlStore, store_url: str
) -> None:
    for _ in range(2):
        async with store.transaction() as tx:
            await tx.add_operation(an_operation())
    with pytest.raises(IntegrityError), engine_of(store_url).begin() as connection:
        connection.execute(text("UPDATE operations SET state = 'undoing'"))


async def test_steps_need_their_operation(store: SqlStore) -> None:
    with pytest.raises(StorageError):
        async with store.transaction() as tx:
            await tx.put_steps(1, [a_step(1)])
            # SQLite refuses at once, PostgreSQL too; nothing may come here.
            pytest.fail("steps of nothing were taken")


async def test_sqlite_connections_are_as_safe_as_they_should_be(tmp_path: Path) -> None:
    await migrate(f"sqlite:///{tmp_path / 'shipbell.db'}")
    store = await open_store(f"sqlite:///{tmp_path / 'shipbell.db'}")
    found: dict[str, Any] = {}
    async with store._engines.write.begin() as connection:
        for pragma in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout"):
            found[pragma] = (await connection.exec_driver_sql(f"PRAGMA {pragma}")).scalar_one()
        # BEGIN IMMEDIATE: nobody else can begin to write while this transaction has only read.
        other = sqlite3.connect(tmp_path / "shipbell.db", timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10000}
    with pytest.raises(StorageError, match="read-only"):
        async with store._engines.reading() as session:
            await session.execute(text("DELETE FROM operations"))
    await store.close()
