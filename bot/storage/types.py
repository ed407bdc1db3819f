"""Column types that mean the same on SQLite and PostgreSQL: text, JSON, times in UTC, and the database's own clock."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.types import TypeDecorator

Number = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts only an INTEGER primary key by itself; it holds 64 bits there too."""


def clean(text: str) -> str:
    """Text that both databases can hold: PostgreSQL knows no NUL, neither takes half of a surrogate pair. Log lines have both."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def plain(value: object) -> Any:
    """JSON words as plain dicts, lists and clean texts. Raises TypeError or ValueError for what JSON has no word for."""
    if isinstance(value, str):
        return clean(str(value))
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        json.dumps(
            value, allow_nan=False
        )  # raises ValueError: NaN is no JSON, and PostgreSQL would refuse it
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"JSON objects are keyed by text, not by {type(key).__name__}")
        return {clean(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [plain(item) for item in value]
    raise TypeError(f"JSON has no word for {type(value).__name__}")


class CleanText(TypeDecorator[str]):
    """Text of any length."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else clean(str(value))


class Json(TypeDecorator[Any]):
    """JSON kept as it was written, with the order of its keys: `json` on PostgreSQL, not `jsonb`, so that both databases
    give back the same."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return plain(value)


class UtcTime(TypeDecorator[datetime]):
    """A moment: aware on both sides, UTC in the database and on the way back. SQLite keeps it as text that sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the time {value.isoformat()} doesn't say its zone: pass an aware one")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class DatabaseClock(ColumnElement[datetime]):
    """The database's clock at the moment of the statement (not of its transaction), moved by `by`."""

    inherit_cache = False

    def __init__(self, by: timedelta = timedelta(0)) -> None:
        self.type = UtcTime()
        self.seconds = by.total_seconds()


@compiles(DatabaseClock, "sqlite")
def _sqlite_clock(element: DatabaseClock, compiler: Any, **words: Any) -> str:
    # %f has milliseconds; three more digits make it the text that SQLAlchemy writes, so that both sort together.
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', '{element.seconds:+.3f} seconds')"


@compiles(DatabaseClock, "postgresql")
def _postgresql_clock(element: DatabaseClock, compiler: Any, **words: Any) -> str:
    return f"(clock_timestamp() + interval '{element.seconds:.6f} seconds')"
