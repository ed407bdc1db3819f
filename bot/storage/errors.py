"""What a database's errors mean, as sentences for a person. No vendor error leaves bot.storage, and no statement's values."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from typing import NoReturn

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.domain.errors import StorageError

_FREE_SPACE = "Free some space on the database's disk; Shipbell carries on by itself."
_MIGRATE = "Run `shipbell migrate`, or start Shipbell again, which migrates first."
_TRY_AGAIN = "It may work when tried again."

_SQLITE: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_FULL: ("The database's disk is full.", _FREE_SPACE),
    sqlite3.SQLITE_READONLY: (
        "The database can't be written: it is read-only.",
        "Make the database file and its folder writable for the account that Shipbell runs as.",
    ),
    sqlite3.SQLITE_BUSY: (
        "Another process held the database's lock for too long.",
        "Look for a second Shipbell or an SQL shell with an open transaction on the same file.",
    ),
    sqlite3.SQLITE_LOCKED: ("The database is locked.", _TRY_AGAIN),
    sqlite3.SQLITE_IOERR: (
        "The database's disk failed to read or write.",
        "Look at the disk and at the system's log; a full disk shows like this too.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "The database file can't be opened.",
        "Its folder must exist and be writable for the account that Shipbell runs as.",
    ),
    sqlite3.SQLITE_CORRUPT: ("The database file is damaged.", "Stop Shipbell and restore a backup."),
    sqlite3.SQLITE_NOTADB: (
        "The file is not an SQLite database.",
        "Name another file in SHIPBELL_DATABASE_URL.",
    ),
}

_POSTGRES: dict[str, tuple[str, str]] = {
    "53100": ("The database's disk is full.", _FREE_SPACE),
    "53300": ("The database has no connection left for Shipbell.", "Raise its max_connections."),
    "25006": (
        "The database can't be written: this server is read-only.",
        "Name the primary server in SHIPBELL_DATABASE_URL, not a standby.",
    ),
    "55P03": (
        "Another replica held the database's write lock for too long.",
        "Look for a hanging session in pg_stat_activity; Shipbell tries again.",
    ),
    "57014": ("The database took too long for a statement and gave it up.", _TRY_AGAIN),
    "25P03": ("This process was away in the middle of a transaction, and the database ended it.", _TRY_AGAIN),
    "40001": ("The database refused a transaction because of another one.", _TRY_AGAIN),
    "40P01": ("The database ended a transaction that waited for another one in a circle.", _TRY_AGAIN),
    "42501": ("The database user may not do that.", "Let the user own Shipbell's schema."),
    "42P01": ("The database has not Shipbell's tables.", _MIGRATE),
    "42703": ("The database has an older version's tables.", _MIGRATE),
}
_POSTGRES_CLASSES: dict[str, tuple[str, str]] = {
    "08": ("The connection to the database broke.", _TRY_AGAIN),
    "57": ("The database server is shutting down or starting.", _TRY_AGAIN),
    "53": ("The database server is out of memory, disk or connections.", "Look at the server."),
    "58": ("The database server failed.", "Look at the server's log."),
}

# libpq gives no code for what the server says while connecting: `connection failed: … FATAL:  database "x" does not exist`.
_REFUSAL = re.compile(r"FATAL:\s+(.+)")


def explained(error: SQLAlchemyError) -> StorageError:
    """The StorageError to raise from this error. The driver's own words are in it only where they name no values."""
    if isinstance(error, PoolTimeout):
        return StorageError("Every connection to the database was busy for too long.", _TRY_AGAIN)
    if isinstance(error, StatementError) and isinstance(error.orig, TypeError | ValueError):
        return StorageError(
            f"A value can't be stored: {error.orig}.", "This is a fault in Shipbell: report it."
        )
    if not isinstance(error, DBAPIError):
        return StorageError(f"The database layer failed ({type(error).__name__}).", _TRY_AGAIN)
    origin = error.orig
    if isinstance(origin, sqlite3.Error):
        return explained_sqlite(origin)
    state = getattr(origin, "sqlstate", None)
    if not state and (refusal := _REFUSAL.search(str(origin))):
        return StorageError(
            f"The database server refused the connection: {refusal.group(1)}.",
            "Correct SHIPBELL_DATABASE_URL, or what the server allows.",
        )
    if not state:
        return StorageError(
            "The database server doesn't answer.",
            "Look whether it runs and whether SHIPBELL_DATABASE_URL names its host and port.",
        )
    known = _POSTGRES.get(state) or _POSTGRES_CLASSES.get(state[:2])
    return StorageError(*known) if known else StorageError(f"The database refused: {_spoken(origin)}", "")


def explained_sqlite(error: sqlite3.Error) -> StorageError:
    """The same for an error of SQLite's own driver; its extended codes have the primary one in their low byte."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int) and (known := _SQLITE.get(code & 0xFF)):
        return StorageError(*known)
    said = str(error)
    if "no such table" in said or "no such column" in said:
        return StorageError("The database has not this version's tables.", _MIGRATE)
    return StorageError(f"The database refused: {said}.", "")


def cause(error: SQLAlchemyError) -> SQLAlchemyError | None:
    """What to raise the StorageError from: the error, or None where its text quotes a row."""
    origin = getattr(error, "orig", None)
    quotes = getattr(getattr(origin, "diag", None), "message_detail", None)
    return None if quotes or _is_about_a_value(origin) else error


def _is_about_a_value(origin: BaseException | None) -> bool:
    return str(getattr(origin, "sqlstate", None) or "").startswith("22")


def _spoken(origin: BaseException | None) -> str:
    """A PostgreSQL error's first line, unless that quotes a value; its DETAIL always does."""
    said = getattr(getattr(origin, "diag", None), "message_primary", None)
    return f"{type(origin).__name__ if said is None or _is_about_a_value(origin) else said}."


def violates(error: IntegrityError, constraint: str, columns: str) -> bool:
    """Whether this unique index refused the row. SQLite names its columns (`operations.service, operations.environment`),
    PostgreSQL the index."""
    diagnosis = getattr(error.orig, "diag", None)
    if diagnosis is not None:
        return bool(diagnosis.constraint_name == constraint)
    return str(error.orig).endswith(columns)


@contextlib.contextmanager
def spoken() -> Iterator[None]:
    """Turns what the database layer raises inside into StorageError."""
    try:
        yield
    except SQLAlchemyError as error:
        raise_explained(error)


def raise_explained(error: SQLAlchemyError) -> NoReturn:
    raise explained(error) from cause(error)
