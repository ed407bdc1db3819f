"""URLs, secrets, and what is said when the database is full, read-only, away, refusing or broken."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import traceback
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.domain.errors import StorageError
from bot.domain.operation import AuditEntry
from bot.storage import SqlStore, migrate, open_store
from bot.storage.database import create_engines, create_migration_engine, parse
from tests.support.store import NOON, an_operation

SECRET = "s3cr3t-Pa%40ss"
PLAIN = "s3cr3t-Pa@ss"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///shipbell.db", "SQLite shipbell.db"),
        ("sqlite:////var/lib/shipbell/shipbell.db", "SQLite /var/lib/shipbell/shipbell.db"),
        ("sqlite+aiosqlite:///shipbell.db", "SQLite shipbell.db"),
        ("postgresql://bot:x@db.example:5433/shipbell", "PostgreSQL db.example:5433/shipbell"),
        ("postgresql+psycopg://bot:x@db.example/shipbell", "PostgreSQL db.example/shipbell"),
        ("postgresql+asyncpg://db.example/shipbell", "PostgreSQL db.example/shipbell"),
        ("postgres://bot:x@db.example/shipbell?sslmode=require", "PostgreSQL db.example/shipbell"),
        ("postgresql:///shipbell", "PostgreSQL local socket/shipbell"),
    ],
)
def test_urls_that_can_be_read(url: str, shown: str) -> None:
    assert str(parse(url)) == shown


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shipbell.db",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://u:p@h/d",
        "oracle://h",
        "postgresql://h:port/d",
    ],
)
def test_urls_that_cannot_name_what_would_work(url: str) -> None:
    with pytest.raises(StorageError, match=r"sqlite:///shipbell\.db") as caught:
        parse(url)
    assert caught.value.nearest
    assert "u:p@" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://bot:{SECRET}@127.0.0.1:1/shipbell",
        f"postgresql://bot@127.0.0.1:1/shipbell?password={SECRET}&sslpassword={SECRET}",
    ],
)
async def test_a_password_is_in_no_error_repr_or_log(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    engines = create_engines(url)
    said = [repr(engines), repr(parse(url)), str(parse(url)), repr(engines.write), repr(engines.read.url)]
    for use in (open_store, migrate):
        with pytest.raises(StorageError) as caught:
            await use(url)
        said.append("".join(traceback.format_exception(caught.value)))
    said.append(caplog.text)
    for words in said:
        assert "s3cr3t" not in words
    await engines.close()


@pytest.mark.postgres
async def test_the_password_that_is_refused_is_not_said(postgres_url: str) -> None:
    password = parse(postgres_url).url.password
    assert isinstance(password, str)
    wrong = postgres_url.replace(password, SECRET)
    with pytest.raises(StorageError, match="password authentication failed") as caught:
        await open_store(wrong)
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.postgres
async def test_a_password_in_the_query_works(postgres_url: str) -> None:
    password = parse(postgres_url).url.password
    await migrate(f"{postgres_url.replace(f':{password}@', '@')}?password={password}")
    store = await open_store(f"{postgres_url.replace(f':{password}@', '@')}?password={password}")
    assert str(password) not in repr(store)
    await store.close()


async def test_a_server_that_is_away_is_named_as_such() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(StorageError, match="doesn't answer"):
        await open_store(f"postgresql://bot:x@127.0.0.1:{port}/shipbell")


@pytest.mark.postgres
async def test_a_database_that_does_not_exist_is_named(postgres_url: str) -> None:
    with pytest.raises(StorageError, match="does not exist"):
        await migrate(postgres_url.replace("/test_", "/none_"))


async def test_values_are_in_no_error(store: SqlStore, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(StorageError) as caught:
        async with store.transaction() as tx:
            await tx.add_audit(AuditEntry(NOON, None, "request", None, "s3cr3t"))  # type: ignore[arg-type]
    said = "".join(traceback.format_exception(caught.value))
    assert "s3cr3t" not in said.replace('"s3cr3t"', "")  # the line of this test that the traceback shows
    assert "s3cr3t" not in caplog.text


# What goes wrong in use


async def sqlite_store(tmp_path: Path) -> SqlStore:
    await migrate(f"sqlite:///{tmp_path / 'shipbell.db'}")
    return await open_store(f"sqlite:///{tmp_path / 'shipbell.db'}")


async def set_pragma(store: SqlStore, pragma: str) -> None:
    async with store._engines.write.connect() as connection:
        await connection.exec_driver_sql(f"PRAGMA {pragma}")


async def test_a_full_disk_is_said_and_got_over(tmp_path: Path) -> None:
    store = await sqlite_store(tmp_path)
    await set_pragma(store, "max_page_count=1")  # SQLite takes the least that the file has already
    with pytest.raises(StorageError, match="disk is full") as caught:
        for _ in range(100):
            async with store.transaction() as tx:
                await tx.add_operation(an_operation(outcome="x" * 5000))
    assert "Free some space" in caught.value.todo
    async with store.view() as view:
        before = len(await view.operations(limit=1000))
    await set_pragma(store, "max_page_count=1000000")
    async with store.transaction() as tx:
        await tx.add_operation(an_operation(outcome="x" * 5000))
    async with store.view() as view:
        assert len(await view.operations(limit=1000)) == before + 1
    await store.close()


async def test_a_body_that_swallows_a_storage_error_keeps_nothing(tmp_path: Path) -> None:
    """SQLite rolls back by itself when the disk is full; what the body writes after it would be committed one by one."""
    store = await sqlite_store(tmp_path)
    await set_pragma(store, "max_page_count=1")
    with pytest.raises(StorageError, match="disk is full"):
        async with store.transaction() as tx:
            await tx.add_audit(AuditEntry(NOON, "dana", "request", None, "before"))
            for _ in range(50):
                try:
                    await tx.add_operation(an_operation(outcome="x" * 9000))
                except StorageError:
                    break
            await set_limit_within(tx)
            try:
                await tx.add_audit(AuditEntry(NOON, "dana", "request", None, "after"))
            except StorageError:
                pass
    async with store.view() as view:
        assert await view.audit() == []
        assert await view.operations() == []
    await store.close()


async def set_limit_within(tx: object) -> None:
    """Lets the rest of the transaction write again, as when somebody frees space at this moment."""
    session = tx._session  # type: ignore[attr-defined]
    await session.execute(text("PRAGMA max_page_count=1000000"))


async def test_a_read_only_database_is_said(tmp_path: Path) -> None:
    store = await sqlite_store(tmp_path)
    await set_pragma(store, "query_only=ON")
    with pytest.raises(StorageError, match="read-only"):
        async with store.transaction() as tx:
            await tx.add_operation(an_operation())
    async with store.view() as view:
        assert await view.operations() == []
    await store.close()


async def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "shipbell.db"
    path.write_text("dear diary, " * 500)
    for use in (open_store, migrate):
        with pytest.raises(StorageError, match="not an SQLite database"):
            await use(f"sqlite:///{path}")


async def test_a_second_writer_is_waited_for(tmp_path: Path) -> None:
    store = await sqlite_store(tmp_path)
    engine = create_migration_engine(parse(f"sqlite:///{tmp_path / 'shipbell.db'}"))
    with engine.begin():
        task = asyncio.create_task(_add(store))
        done, _ = await asyncio.wait({task}, timeout=0.3)
        assert not done
    await task
    await store.close()


async def _add(store: SqlStore) -> None:
    async with store.transaction() as tx:
        await tx.add_operation(an_operation())


@pytest.mark.postgres
async def test_a_connection_that_broke_is_made_anew(postgres_url: str) -> None:
    await migrate(postgres_url)
    store = await open_store(postgres_url)
    await _add(store)
    end_all = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid()"
    )
    engine = create_migration_engine(parse(postgres_url))
    with engine.begin() as connection:
        connection.execute(end_all)
    await _add(store)  # between transactions nobody notices
    with pytest.raises(StorageError, match=r"shutting down|broke|doesn't answer"):
        async with store.transaction() as tx:
            await tx.add_operation(an_operation())
            with engine.begin() as connection:
                connection.execute(end_all)
            await tx.add_operation(an_operation())
    await _add(store)
    async with store.view() as view:
        assert len(await view.operations()) == 3
    await store.close()


@pytest.mark.postgres
async def test_a_server_that_hangs_does_not_hold_who_gives_up(postgres_url: str) -> None:
    """The heartbeat gives up after a third of its lease; it must be let go, and not find the same dead connection again."""
    await migrate(postgres_url)
    store = await open_store(postgres_url)
    fence = await store.replicas.begin("one")
    with create_migration_engine(parse(postgres_url)).begin() as connection:
        hung = connection.execute(
            text(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid()"
            )
        ).scalars()
        pids = list(hung)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(20):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(store.replicas.beat("one"), 0.2)
            assert await store.replicas.beat("one") == fence
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    await store.close()


@pytest.mark.postgres
async def test_a_reader_cannot_write_on_postgresql(postgres_url: str) -> None:
    await migrate(postgres_url)
    store = await open_store(postgres_url)
    with pytest.raises(StorageError, match="read-only"):
        async with store._engines.reading() as session:
            await session.execute(text("DELETE FROM operations"))
    await store.close()


async def test_no_connection_is_left_open(tmp_path: Path) -> None:
    store = await sqlite_store(tmp_path)
    await _add(store)
    await store.close()
    still = [link for link in Path("/proc/self/fd").iterdir() if str(tmp_path) in _target(link)]
    assert still == []


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""
