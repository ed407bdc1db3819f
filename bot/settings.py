"""Secrets and addresses, from the environment, parsed once: each as `NAME`, or as `NAME_FILE` naming a file that holds it.

All that is missing or malformed is told at once, one clear line each. Nothing here opens a connection.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from bot.domain.errors import ShipbellError
from bot.domain.rollout import nearest_first

KNOWN: Mapping[str, str] = {
    "SLACK_BOT_TOKEN": "the bot's token (xoxb-…)",
    "SLACK_APP_TOKEN": "the app-level token of Socket Mode (xapp-…)",
    "SLACK_SIGNING_SECRET": "the signing secret of HTTP mode",
    "SLACK_API_URL": "the Web API's address (default https://slack.com/api/)",
    "SHIPBELL_MODE": "socket (default) or http",
    "SHIPBELL_CATALOG": "the catalog's file (default shipbell.yaml)",
    "SHIPBELL_DATABASE_URL": "sqlite:///PATH (default: in SHIPBELL_DATA) or postgresql://…",
    "SHIPBELL_DATA": "the folder for what this machine keeps (default var)",
    "SHIPBELL_REPLICA": "this replica's name, the same after a restart (default: the host's name)",
    "SHIPBELL_LISTEN": "HOST:PORT for health and HTTP mode (default 127.0.0.1:8421)",
    "SHIPBELL_POLICIES": "a folder with Cedar policies of your own",
    "SHIPBELL_COMMANDS": "slash commands beside or instead of the usual, such as /ship=deploy,/rollback=",
    "SHIPBELL_LOG": "json (default) or text",
}


class SettingsError(ShipbellError):
    """`problems`: one line each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Settings:
    """What `serve` needs. Secrets are kept out of repr; `database_url` may hold a password: print it by its store's address."""

    bot_token: str = field(repr=False)
    app_token: str = field(repr=False)
    signing_secret: str = field(repr=False)
    api_url: str
    mode: Literal["socket", "http"]
    catalog: Path
    data: Path
    database_url: str = field(repr=False)
    replica: str
    host: str
    port: int
    policies: Path | None
    commands: tuple[str, ...]
    log: Literal["json", "text"]

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def engine_url(self) -> str:
        """The engine's own database: a file beside ours on SQLite, a schema of its own on PostgreSQL."""
        if not self.is_sqlite:
            return self.database_url
        path = Path(self.database_url.split(":///", 1)[1]).absolute()
        return f"sqlite:///{path.with_name(path.stem + '-engine.sqlite')}"


def read(environment: Mapping[str, str], *, needs_slack: bool = True) -> Settings:
    """Raises SettingsError with every problem at once. needs_slack: False where no call to Slack is made (migrate)."""
    reader = _Reader(environment)
    mode = reader.one_of("SHIPBELL_MODE", ("socket", "http"), "socket")
    data = Path(reader.text("SHIPBELL_DATA", "var")).absolute()
    bot_token = reader.token("SLACK_BOT_TOKEN", "xoxb-", needs_slack)
    app_token = reader.token("SLACK_APP_TOKEN", "xapp-", needs_slack and mode == "socket")
    signing_secret = reader.needed("SLACK_SIGNING_SECRET", needs_slack and mode == "http")
    database_url = reader.database(f"sqlite:///{data / 'shipbell.sqlite'}")
    host, port = reader.listen("127.0.0.1:8421")
    # A container's new hostname would orphan the work of its last life: on SQLite there is one process anyway.
    replica = "shipbell" if database_url.startswith("sqlite") else socket.gethostname()
    policies = reader.text("SHIPBELL_POLICIES", "")
    if policies and not Path(policies).is_dir():
        reader.problem(f"SHIPBELL_POLICIES names {policies}, which is no folder.")
    settings = Settings(
        bot_token=bot_token,
        app_token=app_token,
        signing_secret=signing_secret,
        api_url=reader.url("SLACK_API_URL", "https://slack.com/api/"),
        mode="http" if mode == "http" else "socket",
        catalog=Path(reader.text("SHIPBELL_CATALOG", "shipbell.yaml")),
        data=data,
        database_url=database_url,
        replica=reader.replica(replica),
        host=host,
        port=port,
        policies=Path(policies) if policies else None,
        commands=tuple(reader.text("SHIPBELL_COMMANDS", "").replace(",", " ").split()),
        log="text" if reader.one_of("SHIPBELL_LOG", ("json", "text"), "json") == "text" else "json",
    )
    reader.unknown()
    if reader.problems:
        raise SettingsError(tuple(reader.problems))
    return settings


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def problem(self, line: str) -> None:
        self.problems.append(line)

    def text(self, name: str, default: str) -> str:
        plain, file = self._environment.get(name), self._environment.get(f"{name}_FILE")
        if plain and file:
            self.problem(f"{name} and {name}_FILE are both set: keep one of them.")
            return default
        if file:
            try:
                return Path(file).read_text().strip() or default
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not text"
                self.problem(f"{name}_FILE names {file}, which can't be read: {reason}.")
                return default
        return plain.strip() if plain and plain.strip() else default

    def needed(self, name: str, is_needed: bool) -> str:
        value = self.text(name, "")
        had_trouble = any(line.startswith((f"{name} ", f"{name}_FILE ")) for line in self.problems)
        if not value and is_needed and not had_trouble:
            self.problem(f"{name} is missing: set it (or {name}_FILE) to {KNOWN[name]}.")
        return value

    def token(self, name: str, prefix: str, is_needed: bool) -> str:
        value = self.needed(name, is_needed)
        if value and not re.fullmatch(rf"{prefix}[A-Za-z0-9._-]+", value):
            self.problem(f"{name} is malformed: it should be {KNOWN[name]}.")
        return value

    def one_of(self, name: str, words: tuple[str, ...], default: str) -> str:
        value = self.text(name, default)
        if value not in words:
            near = nearest_first(value, words)[0]
            self.problem(f"{name} is “{value}”, and should be {' or '.join(words)}: did you mean {near}?")
            return default
        return value

    def url(self, name: str, default: str) -> str:
        value = self.text(name, default)
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            self.problem(f"{name} is malformed: it should be an http or https address.")
            return default
        return value if value.endswith("/") else value + "/"

    def database(self, default: str) -> str:
        value = self.text("SHIPBELL_DATABASE_URL", default)
        if value.startswith("sqlite:///") and len(value) > len("sqlite:///"):
            path = Path(value.removeprefix("sqlite:///"))
            return f"sqlite:///{path.absolute()}"
        if re.match(r"postgres(ql)?(\+psycopg)?://.", value):
            return value
        self.problem(f"SHIPBELL_DATABASE_URL is malformed: it should be {KNOWN['SHIPBELL_DATABASE_URL']}.")
        return default

    def listen(self, default: str) -> tuple[str, int]:
        value = self.text("SHIPBELL_LISTEN", default)
        host, _, port = value.rpartition(":")
        if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
            self.problem(f"SHIPBELL_LISTEN is “{value}”, and should be HOST:PORT, such as {default}.")
            return "127.0.0.1", 8421
        return host.strip("[]"), int(port)

    def replica(self, default: str) -> str:
        value = self.text("SHIPBELL_REPLICA", default)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", value):
            self.problem("SHIPBELL_REPLICA is malformed: letters, digits, dots and dashes, 63 at most.")
        return value

    def unknown(self) -> None:
        """A misspelt setting would be silence: name it."""
        for name in self._environment:
            plain = name.removesuffix("_FILE")
            if plain.startswith("SHIPBELL_") and plain not in KNOWN and plain not in OTHERS:
                near = nearest_first(plain, KNOWN)[0]
                self.problem(f"{name} is no setting of Shipbell's: did you mean {near}?")


OTHERS = frozenset({"SHIPBELL_WORKSPACE_URL"})
"""Read by the local workspace's clients, not by the bot."""
