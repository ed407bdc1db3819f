"""The commands of `shipbell`. They parse their words, call one thing, and turn its errors into one clear line and a status.

Statuses: 0 well, 1 something is not well, 2 wrong words or settings, 75 the lease is lost (start again).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import runpy
import sys
import tomllib
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from bot import app
from bot.access import CedarAccess
from bot.access.policies import PolicyError
from bot.catalog import CatalogError, check_report, schema
from bot.demo.run import demo
from bot.domain.errors import ShipbellError
from bot.settings import Settings, SettingsError, read
from bot.slack.manifest import as_json, as_yaml, command_names, manifest
from bot.storage import migrate

CLIENTS = ("say", "click", "read", "workspace")
"""Handed to the local workspace, which knows nothing of the bot: `python -m bot.workspace`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in CLIENTS:
        return _workspace(words[1:] if words[0] == "workspace" else words)
    parsed = _parser().parse_args(words)
    run: Callable[[argparse.Namespace], int] = parsed.run
    try:
        return run(parsed)
    except SettingsError as error:
        for problem in error.problems:
            _say(problem)
        return 2
    except (CatalogError, PolicyError) as error:
        _say(str(error))
        return 2
    except ShipbellError as error:
        _say(str(error))
        for text in error.nearest[:3]:
            print(f"    {text}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="shipbell", description="The deploy bot between chat and production."
    )
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    def verb(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    verb("serve", _serve, "run the bot; settings come from the environment")
    found = verb("demo", _demo, "a workspace in the browser with a real bot and a sample service")
    found.add_argument("--port", type=_port, default=8420, help="of the page on 127.0.0.1 (default 8420)")
    found.add_argument("--data", type=Path, help="folder to keep everything in (default: var/demo)")
    found.add_argument("--no-load", action="store_true", help="send the sample no requests")
    found = verb("check", _check, "read a catalog and name every problem")
    found.add_argument("file", type=Path, nargs="?", default=Path("shipbell.yaml"))
    verb("schema", _schema, "print the catalog's JSON Schema")
    verb("doctor", _doctor, "try every connection, one line each")
    verb("migrate", _migrate, "bring the database's tables up to date")
    found = verb("backup", _backup, "copy the SQLite database to a new file, also while the bot runs")
    found.add_argument("file", type=Path)
    found = verb("manifest", _manifest, "print the Slack app's manifest")
    found.add_argument(
        "--command", action="append", default=[], metavar="NAME", help="a slash command; repeatable"
    )
    found.add_argument("--json", action="store_true", help="JSON instead of YAML")
    found.add_argument("--request-url", help="for HTTP mode: the bot's public address")
    verb("version", _version, "print the version")
    for name in CLIENTS:
        verbs.add_parser(name, help="for the local workspace; see --help of it")
    return parser


def _serve(_: argparse.Namespace) -> int:
    settings = read(os.environ)
    _log(settings.log)
    status = asyncio.run(app.serve(settings))
    if status:
        # All of ours is closed; a thread of the engine's may hang in a database that is away and would keep the process.
        sys.stderr.flush()
        os._exit(status)
    return status


def _demo(parsed: argparse.Namespace) -> int:
    return asyncio.run(demo(parsed.data or Path("var/demo"), parsed.port, load=not parsed.no_load))


def _check(parsed: argparse.Namespace) -> int:
    policies = os.environ.get("SHIPBELL_POLICIES")
    access = CedarAccess(Path(policies) if policies else None)
    is_good, text = check_report(parsed.file, access.problems)
    print(text)
    return 0 if is_good else 1


def _schema(_: argparse.Namespace) -> int:
    print(json.dumps(schema(), indent=2, ensure_ascii=False))
    return 0


def _doctor(_: argparse.Namespace) -> int:
    settings = read(os.environ)
    logging.disable(logging.WARNING)
    lines = asyncio.run(app.doctor(settings))
    width = max(len(line.name) for line in lines)
    for line in lines:
        mark = "ok  " if line.is_well else "FAIL"
        hint = f"  -> {line.hint}" if line.hint and not line.is_well else ""
        print(f"{mark} {line.name.ljust(width)}  {line.detail}{hint}")
    return 0 if all(line.is_well for line in lines) else 1


def _migrate(_: argparse.Namespace) -> int:
    settings: Settings = read(os.environ, needs_slack=False)
    if settings.is_sqlite:
        settings.data.mkdir(parents=True, exist_ok=True)
    asyncio.run(migrate(settings.database_url))
    print("The tables are up to date.")
    return 0


def _backup(parsed: argparse.Namespace) -> int:
    asyncio.run(app.backup(read(os.environ, needs_slack=False), parsed.file))
    print(f"Copied to {parsed.file}.")
    return 0


def _manifest(parsed: argparse.Namespace) -> int:
    found = manifest(command_names(parsed.command), http_url=parsed.request_url)
    print(as_json(found) if parsed.json else as_yaml(found))
    return 0


def _version(_: argparse.Namespace) -> int:
    try:
        print(version("shipbell"))
    except PackageNotFoundError:
        print(
            tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]["version"]
        )
    return 0


def _workspace(words: list[str]) -> int:
    sys.argv = ["shipbell", *words]
    try:
        runpy.run_module("bot.workspace", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def _port(text: str) -> int:
    if not text.isdigit() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port (0 to 65535)")
    return int(text)


def _log(style: str) -> None:
    """Structured logging of our own and of the libraries' loggers, to standard error. Traces never show local variables, as
    structlog's own do: there are tokens, passwords and people's texts in them."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = (
        [
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
        if style == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for noisy in ("slack_bolt", "slack_sdk", "dbos", "uvicorn", "sqlalchemy", "alembic", "aiosqlite"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _say(line: str) -> None:
    print(f"shipbell: {line}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
