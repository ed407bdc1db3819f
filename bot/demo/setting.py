"""The demo's catalog and the seed of its workspace: the same people, channels and words in both."""

from __future__ import annotations

import json
from pathlib import Path

from bot.catalog import load_catalog
from commands.complete import completion_words

TEAM = "T0ACME0001"
_PEOPLE = (
    ("dana", "U0DANA0001", "Dana Diaz", "Developer", "developer"),
    ("lee", "U0LEE00001", "Lee Larsen", "Lead", "lead"),
    ("tess", "U0TESS0001", "Tess Tanaka", "Tester", "tester"),
)
_CHANNELS = (
    ("C0DEPLOY01", "deploys", "Releases to production, as they happen"),
    ("C0RELEASE1", "releases", "Approvals for production"),
    ("C0TESTENV1", "test-env", "What is new on test"),
)
_HINTS = (
    ("dana", "deploys", "/deploy shop test"),
    ("dana", "deploys", "/deploy shop prod"),
    ("lee", "releases", "@shipbell status"),
    ("dana", "deploys", "/deploy shop@crash test"),
    ("dana", "deploys", "/rollback shop prod"),
)

CATALOG = """\
# The demo's catalog: one service on this machine, in a test and a production environment.
team: {team}
admins: "#deploys"
fallback: "#deploys"

environments:
  test:
    channel: "#test-env"
    tell: [tester]
  prod:
    channel: "#deploys"
    approvals: {{channel: "#releases", count: 1, roles: [lead], expires: 8h}}

people:
{people}

services:
  shop:
    description: A small shop, to release again and again
    source: {{git: shop, branch: main}}
    build:
      local: {{command: ./build.sh, output: dist, timeout: 5m}}
    strategy: {{batch: 1, bake: 5s, on_failure: rollback}}
    targets:
      test:
        local: {{port: {test_port}, instances: 2, command: ./run}}
        configuration: {{GREETING: "Hello from test"}}
      prod:
        local: {{port: {prod_port}, instances: 3, command: ./run}}
        configuration: {{GREETING: "Welcome"}}
"""


def write_catalog(path: Path, test_port: int, prod_port: int) -> None:
    """Writes it unless it is there: what somebody changed in it stays."""
    if path.exists():
        return
    people = "\n".join(
        f"  {name}: {{slack: {ident}, roles: [{role}]}}" for name, ident, _, _, role in _PEOPLE
    )
    path.write_text(
        CATALOG.format(team=TEAM, people=people, test_port=test_port, prod_port=prod_port), encoding="utf-8"
    )


def write_seed(path: Path, catalog: Path) -> None:
    """The workspace's seed, with the words for completion from the catalog."""
    everyone = [name for name, *_ in _PEOPLE] + ["shipbell"]
    names = {
        "/deploy": ("Deploy a service", "SERVICE[@REF] [to] ENV"),
        "/rollback": ("Bring an earlier version back", "SERVICE ENV [to VERSION]"),
        "/shipbell": ("Everything else", "VERB … (try: help)"),
    }
    seed = {
        "team": {"id": TEAM, "name": "Acme", "domain": "acme"},
        "users": [
            {
                "id": ident,
                "name": name,
                "real_name": real_name,
                "title": title,
                "is_admin": name == "lee",
            }
            for name, ident, real_name, title, _ in _PEOPLE
        ],
        "channels": [
            {"id": ident, "name": name, "members": everyone, "topic": topic}
            for ident, name, topic in _CHANNELS
        ],
        "app": {
            "commands": [
                {"command": name, "description": text, "usage_hint": hint}
                for name, (text, hint) in names.items()
            ],
            "shortcuts": [
                {"name": "Deploy a service", "callback_id": "deploy", "description": "Choose and deploy"}
            ],
        },
        "completion": completion_words(load_catalog(catalog)),
        "hints": [{"as": who, "channel": channel, "text": text} for who, channel, text in _HINTS],
    }
    path.write_text(json.dumps(seed, indent=1, ensure_ascii=False), encoding="utf-8")
