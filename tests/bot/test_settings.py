"""Settings: each from NAME or NAME_FILE, every problem at once, secrets in no text."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.settings import KNOWN, Settings, SettingsError, read

GOOD = {"SLACK_BOT_TOKEN": "xoxb-1-secret", "SLACK_APP_TOKEN": "xapp-1-secret"}


def problems(environment: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as error:
        read(environment)
    return error.value.problems


def test_two_tokens_suffice() -> None:
    settings = read(GOOD)
    assert (settings.mode, settings.api_url, settings.replica) == (
        "socket",
        "https://slack.com/api/",
        "shipbell",
    )
    assert settings.database_url == f"sqlite:///{Path('var/shipbell.sqlite').absolute()}"
    assert settings.engine_url == f"sqlite:///{Path('var/shipbell-engine.sqlite').absolute()}"


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("xoxb-from-file\n")
    assert (
        read({"SLACK_APP_TOKEN": "xapp-1", "SLACK_BOT_TOKEN_FILE": str(file)}).bot_token == "xoxb-from-file"
    )


def test_secrets_are_in_no_text() -> None:
    settings: Settings = read(
        GOOD
        | {"SLACK_SIGNING_SECRET": "hush", "SHIPBELL_DATABASE_URL": "postgresql://bot:hidden@db/shipbell"}
    )
    for secret in ("xoxb-1-secret", "xapp-1-secret", "hush", "hidden"):
        assert secret not in repr(settings)
    found = problems(
        GOOD | {"SLACK_BOT_TOKEN": "wrong-secret", "SHIPBELL_DATABASE_URL": "mysql://bot:hidden@db/x"}
    )
    assert not any("secret" in line or "hidden" in line for line in found)


def test_every_problem_at_once() -> None:
    found = problems(
        {
            "SHIPBELL_MODE": "sokcet",
            "SHIPBELL_LISTEN": "nowhere",
            "SHIPBELL_DATABSE_URL": "sqlite:///x",
            "SHIPBELL_REPLICA": "a b",
            "SLACK_API_URL": "ftp://x",
        }
    )
    assert found == (
        "SHIPBELL_MODE is “sokcet”, and should be socket or http: did you mean socket?",
        "SLACK_BOT_TOKEN is missing: set it (or SLACK_BOT_TOKEN_FILE) to the bot's token (xoxb-…).",
        "SLACK_APP_TOKEN is missing: set it (or SLACK_APP_TOKEN_FILE) to the app-level token of Socket Mode (xapp-…).",
        "SHIPBELL_LISTEN is “nowhere”, and should be HOST:PORT, such as 127.0.0.1:8421.",
        "SLACK_API_URL is malformed: it should be an http or https address.",
        "SHIPBELL_REPLICA is malformed: letters, digits, dots and dashes, 63 at most.",
        "SHIPBELL_DATABSE_URL is no setting of Shipbell's: did you mean SHIPBELL_DATABASE_URL?",
    )


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"SLACK_BOT_TOKEN": "xoxp-1"}, "SLACK_BOT_TOKEN is malformed"),
        ({"SHIPBELL_MODE": "http"}, "SLACK_SIGNING_SECRET is missing"),
        ({"SLACK_BOT_TOKEN_FILE": "nowhere"}, "SLACK_BOT_TOKEN and SLACK_BOT_TOKEN_FILE are both set"),
        (
            {"SHIPBELL_POLICIES": "no-such-folder"},
            "SHIPBELL_POLICIES names no-such-folder, which is no folder",
        ),
        ({"SHIPBELL_LISTEN": "127.0.0.1:70000"}, "SHIPBELL_LISTEN is"),
        ({"SHIPBELL_DATABASE_URL": "sqlite:///"}, "SHIPBELL_DATABASE_URL is malformed"),
    ],
)
def test_one_problem(more: dict[str, str], line: str) -> None:
    assert [found for found in problems(GOOD | more) if found.startswith(line)]


def test_a_file_that_cannot_be_read_is_named() -> None:
    found = problems({"SLACK_APP_TOKEN": "xapp-1", "SLACK_BOT_TOKEN_FILE": "no-such-file"})
    assert found == (
        "SLACK_BOT_TOKEN_FILE names no-such-file, which can't be read: No such file or directory.",
    )


def test_migrate_needs_no_slack() -> None:
    assert read({}, needs_slack=False).bot_token == ""


def test_the_readme_names_every_setting() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert [name for name in KNOWN if f"`{name}`" not in readme] == []
