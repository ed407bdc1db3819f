"""The command line as a person at a terminal meets it: real processes, exit statuses, one clear line for what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "local.yaml"


def shipbell(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SHIPBELL_", "SLACK_"))}
    return subprocess.run(
        [sys.executable, "-m", "bot.cli", *words],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_serve_without_settings_is_clear_lines_and_status_2() -> None:
    done = shipbell("serve")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "shipbell: SLACK_BOT_TOKEN is missing: set it (or SLACK_BOT_TOKEN_FILE) to the bot's token (xoxb-…).",
        "shipbell: SLACK_APP_TOKEN is missing: set it (or SLACK_APP_TOKEN_FILE) to the app-level token of Socket Mode (xapp-…).",
    ]


def test_serve_with_a_bad_catalog_names_its_line(tmp_path: Path) -> None:
    bad = tmp_path / "shipbell.yaml"
    bad.write_text(EXAMPLE.read_text().replace("tell: [tester]", "tell: [testr]"))
    done = shipbell(
        "serve",
        SLACK_BOT_TOKEN="xoxb-1",
        SLACK_APP_TOKEN="xapp-1",
        SHIPBELL_CATALOG=str(bad),
        SHIPBELL_DATA=str(tmp_path / "data"),
    )
    assert done.returncode == 2
    assert "shipbell.yaml:10:" in done.stderr
    assert "tester" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("style", ["json", "text"])
def test_no_trace_in_the_log_shows_what_a_variable_held(style: str) -> None:
    program = (
        "import logging, sys\n"
        "from bot import cli\n"
        "cli._log(sys.argv[1])\n"
        "def call(token):\n"
        "    raise ValueError('it went wrong')\n"
        "try:\n"
        "    call('xoxb-' + 'secret')\n"
        "except ValueError:\n"
        "    logging.getLogger('bot').exception('the call failed')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, style], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "the call failed" in done.stderr
    assert "it went wrong" in done.stderr
    assert "xoxb-secret" not in done.stderr


def test_check_good_and_bad(tmp_path: Path) -> None:
    assert shipbell("check", str(EXAMPLE)).returncode == 0
    bad = tmp_path / "bad.yaml"
    bad.write_text("services: {shop: {sorce: 1}}\n")
    done = shipbell("check", str(bad))
    assert done.returncode == 1
    assert "sorce" in done.stdout
    assert "source" in done.stdout


def test_schema_is_json() -> None:
    assert json.loads(shipbell("schema").stdout)["type"] == "object"


def test_manifest_adds_commands() -> None:
    found = json.loads(shipbell("manifest", "--json", "--command", "/ship=deploy").stdout)
    names = [command["command"] for command in found["features"]["slash_commands"]]
    assert names == ["/deploy", "/rollback", "/shipbell", "/ship"]
    assert shipbell("manifest", "--command", "/x=nonsense").returncode != 0


def test_migrate_and_version(tmp_path: Path) -> None:
    done = shipbell("migrate", SHIPBELL_DATA=str(tmp_path / "data"))
    assert (done.returncode, done.stdout) == (0, "The tables are up to date.\n")
    assert (tmp_path / "data" / "shipbell.sqlite").is_file()
    assert shipbell("version").stdout.strip() == "0.1.0"


def test_backup_copies_to_a_new_file_only(tmp_path: Path) -> None:
    where = {"SHIPBELL_DATA": str(tmp_path / "data")}
    assert shipbell("migrate", **where).returncode == 0
    copy = tmp_path / "copy.sqlite"
    assert shipbell("backup", str(copy), **where).returncode == 0
    assert copy.stat().st_size > 0
    again = shipbell("backup", str(copy), **where)
    assert again.returncode == 1
    assert "Traceback" not in again.stderr


@pytest.mark.parametrize("words", [(), ("nonsense",), ("demo", "--port", "99999")])
def test_wrong_words_are_status_2(words: tuple[str, ...]) -> None:
    done = shipbell(*words)
    assert done.returncode == 2
    assert "usage: shipbell" in done.stderr


def test_doctor_says_a_line_a_connection(tmp_path: Path) -> None:
    done = shipbell(
        "doctor",
        SLACK_BOT_TOKEN="xoxb-1",
        SLACK_APP_TOKEN="xapp-1",
        SLACK_API_URL="http://127.0.0.1:9/api/",
        SHIPBELL_CATALOG=str(EXAMPLE),
        SHIPBELL_DATA=str(tmp_path / "data"),
    )
    try:
        assert done.returncode == 1
        lines = done.stdout.splitlines()
        assert any(line.startswith("ok   database") for line in lines)
        assert any(line.startswith("FAIL Slack") for line in lines)
        assert any("local agent" in line for line in lines)
    finally:
        subprocess.run(
            [
                sys.executable,
                "-c",
                "import asyncio, sys; from pathlib import Path; from bot.app import end_local_platform;"
                "asyncio.run(end_local_platform(Path(sys.argv[1])))",
                str(tmp_path / "data"),
            ],
            cwd=ROOT,
            timeout=60,
            check=True,
        )
