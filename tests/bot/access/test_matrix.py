"""Who may what: the whole table of the shipped policies, as it stands in docs/access.md."""

import re
from pathlib import Path

from bot.access import CedarAccess
from bot.catalog import parse_catalog
from bot.domain.actions import ADMINISTERS, CHANGES, JUDGES, READS, STEERS
from bot.domain.identity import ROLES, Actor
from bot.ports import Permission

DOCS = Path(__file__).parents[3] / "docs" / "access.md"

CATALOG = parse_catalog(
    b"""
environments:
  test: {channel: "#test-env"}
  prod: {channel: "#deploys", approvals: {roles: [lead]}}
people:
  lee: {slack: U0LEE, roles: [lead]}
services:
  shop:
    source: {git: ./shop}
    build: {local: {command: make}}
    targets: {test: {local: {}}, prod: {local: {}}}
""",
    "shipbell.yaml",
)
SHORT = {"own": "own Operation", "": "", "other": "somebody else's"}


def rows():
    for action in (*READS, *CHANGES):
        yield action, ""
    for action in (*STEERS, *JUDGES):
        yield action, "own"
        yield action, "other"
    for action in ADMINISTERS:
        yield action, ""


def matrix() -> str:
    access = CedarAccess()
    lines = [
        f"| action | {' | '.join((*ROLES, 'no role'))} |",
        f"|---|{'---|' * (len(ROLES) + 1)}",
    ]
    for action, whose in rows():
        requester = {"own": "me", "other": "somebody", "": ""}[whose]
        cells = []
        for role in (*ROLES, ""):
            actor = Actor("me", "Me", frozenset({role} if role else ()), "U0ME")
            places = (
                [("shop", name) for name in CATALOG.environments] if action not in ADMINISTERS else [("", "")]
            )
            yes = [
                environment or "yes"
                for service, environment in places
                if access.decide(actor, Permission(action, service, environment, requester), CATALOG).is_yes
            ]
            cells.append("yes" if len(yes) == len(places) else ", ".join(yes) or "–")
        title = f"`{action}`" + (f" {SHORT[whose]}" if whose else "")
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def test_the_documented_table_is_what_cedar_says():
    found = re.search(r"<!-- matrix -->\n(.*?)\n<!-- end -->", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found, "docs/access.md has no table"
    assert found.group(1) == matrix(), f"docs/access.md should have:\n{matrix()}"


def test_the_documented_policies_are_the_shipped_ones():
    documented = re.findall(
        r"^\| `([a-z-]+)` \| (?:permit|forbid) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(documented) == sorted(CedarAccess().policy_ids)
