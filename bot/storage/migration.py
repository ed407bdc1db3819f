"""Bringing the schema up to date: Alembic's migrations of `migrations/versions`, run from inside the program.

A migration is one transaction under the write lock, so replicas that start together migrate once, and one that is killed in the
middle leaves the old schema. To write one: change `tables.py`, add `versions/NNNN_words.py`, and let tests/bot/storage say
what still differs.
"""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from bot.domain.errors import StorageError
from bot.storage.database import WRITERS, Address, create_migration_engine, parse
from bot.storage.errors import raise_explained

_FOLDER = Path(__file__).parent / "migrations"
# Alembic keeps the migration under way in module globals.
_one_at_a_time = threading.Lock()


async def migrate(url: str) -> None:
    """Brings the database to this version's schema, from empty or from any earlier one; nothing happens when it is there.
    An SQLite file is made, readable by its owner only. Raises StorageError: away, not allowed, or written by a newer Shipbell."""
    await asyncio.to_thread(_migrate, parse(url))


def check_current(connection: Connection) -> None:
    """Raises StorageError unless the database has exactly this version's schema."""
    found = MigrationContext.configure(connection).get_current_revision()
    if found == newest():
        return
    if found is not None and found not in _known():
        raise _newer(found)
    raise StorageError(
        "The database has not this version's tables."
        if found is None
        else "The database has an older schema.",
        "Run `shipbell migrate`, or start Shipbell, which migrates first.",
    )


def newest() -> str:
    """The revision of this version's schema."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def _migrate(address: Address) -> None:
    if address.is_sqlite:
        _make_private(address.path)
    engine = create_migration_engine(address)
    try:
        with _one_at_a_time, engine.begin() as connection:
            if address.is_sqlite:
                _upgrade(connection)
                if connection.execute(text("PRAGMA foreign_key_check")).first() is not None:
                    raise StorageError(
                        "The migration would leave rows that point nowhere, and was undone.",
                        "Report it with the version that you came from.",
                    )
            else:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({WRITERS})"))
                _upgrade(connection)
    except SQLAlchemyError as error:
        raise_explained(error)
    finally:
        engine.dispose()


def _upgrade(connection: Connection) -> None:
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found not in _known():
        raise _newer(found)
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StorageError(
            f"The migration failed: {error}", "Report it with the version you came from."
        ) from error


def _config() -> Config:
    config = Config()
    # Alembic reads % in its options as the start of a name.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _known() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _newer(found: str) -> StorageError:
    return StorageError(
        f"The database was written by a newer Shipbell (its schema is {found}, and this version knows {newest()}).",
        "Start that version again, or restore the backup from before its start.",
    )


def _make_private(path: Path) -> None:
    """The rows hold what people typed and what instances are told: nobody else's to read. SQLite gives its -wal the same mode."""
    if not path.parent.is_dir():
        raise StorageError(
            f"The database's folder {path.parent} doesn't exist.", "Create it, or name another file."
        )
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StorageError(
            f"The database file {path} can't be opened: {error.strerror}.",
            "Its folder must be writable for the account that Shipbell runs as.",
        ) from error
