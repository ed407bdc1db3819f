"""Where the engine keeps its records and who it is. Parsed and checked here, before anything is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bot.operations.engine.errors import EngineError

_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")


@dataclass(frozen=True)
class EngineSettings:
    """system_database_url: `sqlite:////absolute/engine.sqlite`, a file of the engine's own (DBOS's migrations and our write
    engine can't share one), or `postgresql://…`, the same database as our tables: the engine keeps to its own schema there.
    replica: unique among the replicas that share the database, and the same after a restart, or the work of the last life
    waits for a takeover. drain: seconds that `close` gives running steps to end by themselves; stop: seconds for the rest.
    retry_first, retry_most: seconds before a run that the engine's database broke off is carried on, doubling in between.
    pool: connections to PostgreSQL at most, beside those of our own tables.
    """

    system_database_url: str
    replica: str
    schema: str = "dbos"
    drain: float = 3.0
    stop: float = 5.0
    retry_first: float = 1.0
    retry_most: float = 15.0
    pool: int = 8

    def __post_init__(self) -> None:
        if not self.replica.strip():
            raise EngineError(
                "The engine's replica has no name.", "Set SHIPBELL_REPLICA, for example to bot-1."
            )
        url = self.system_database_url
        scheme = url.split(":", 1)[0]
        if scheme.startswith("sqlite"):
            if not url.startswith(_SQLITE) or not Path(url.removeprefix(_SQLITE).split("?")[0]).is_absolute():
                raise EngineError(
                    f"The engine's database {self.printable_url} is no absolute path of a file.",
                    "Four slashes make one.",
                    nearest=["sqlite:////var/lib/shipbell/engine.sqlite"],
                )
        elif scheme not in _POSTGRES:
            raise EngineError(
                f"The engine can't keep its records in a database of the kind {scheme!r}.",
                "It knows SQLite and PostgreSQL.",
                nearest=[
                    "sqlite:////var/lib/shipbell/engine.sqlite",
                    "postgresql://shipbell@db.example/shipbell",
                ],
            )

    @property
    def sqlite_file(self) -> Path | None:
        """The engine's file, or None on PostgreSQL."""
        if not self.system_database_url.startswith(_SQLITE):
            return None
        return Path(self.system_database_url.removeprefix(_SQLITE).split("?")[0])

    @property
    def address(self) -> str:
        """The URL to connect to: a server that doesn't answer is given up after seconds, not after the kernel's two minutes."""
        url = self.system_database_url
        if self.sqlite_file is not None or "connect_timeout=" in url:
            return url
        return f"{url}{'&' if '?' in url else '?'}connect_timeout=10"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must not appear in messages and logs: the password, as written and decoded."""
        try:
            parts = urlsplit(self.system_database_url)
            written = [parts.password or ""]
        except ValueError:  # no URL at all: nothing will connect with it
            return ()
        written += [
            value for _, found, value in (o.partition("password=") for o in parts.query.split("&")) if found
        ]
        return tuple(dict.fromkeys(form for text in written for form in (text, unquote(text)) if form))

    @property
    def printable_url(self) -> str:
        return self.hide(self.system_database_url)

    def hide(self, text: str) -> str:
        """The text without the database's password."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text
