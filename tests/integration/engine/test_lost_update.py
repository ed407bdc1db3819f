"""Reading and then writing by a hundred at once loses nothing: what our write engine exists for. With SQLAlchemy's default engine
on SQLite, 20 of 100 increments were kept, without an error."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from bot.storage.database import create_engines
from tests.support.engine import EngineDatabase


async def test_a_hundred_increments_at_once_are_a_hundred(database: EngineDatabase) -> None:
    engines = create_engines(database.url.replace("engine.sqlite", "ours.sqlite"))

    async def increment() -> None:
        async with engines.writing() as connection:
            before = (await connection.execute(text("SELECT n FROM counter"))).scalar_one()
            await asyncio.sleep(0)  # whoever could come in between, does
            await connection.execute(text("UPDATE counter SET n = :n"), {"n": before + 1})

    try:
        async with engines.writing() as connection:
            await connection.execute(text("CREATE TABLE counter (n INTEGER NOT NULL)"))
            await connection.execute(text("INSERT INTO counter VALUES (0)"))
        await asyncio.gather(*(increment() for _ in range(100)))
        async with engines.reading() as connection:
            assert (await connection.execute(text("SELECT n FROM counter"))).scalar_one() == 100
    finally:
        await engines.close()
