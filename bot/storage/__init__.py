"""The tables that people read, on SQLite and PostgreSQL: `bot.ports.Store`, its schema and its upkeep.

What must not be here: decisions about Operations, and anything of DBOS, which keeps its own tables in a database of its own.
`await migrate(url)` brings the schema up to date, `await open_store(url)` opens it, `store.upkeep` prunes and backs up.
"""

from bot.storage.migration import migrate
from bot.storage.store import SqlStore, open_store

__all__ = ["SqlStore", "migrate", "open_store"]
