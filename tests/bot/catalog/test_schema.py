"""The JSON Schema is sound and says what our own reading says; docs/catalog.md says what the models say."""

import re
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from bot.catalog import CatalogError, parse_catalog, schema
from bot.catalog.schema import reference
from bot.domain.actions import ACTIONS, CHANGES
from bot.domain.operation import Kind

DOCS = Path(__file__).parents[3] / "docs" / "catalog.md"

START = """\
team: T0SHIPBELL
environments: {test: {channel: "#test", approvals: {count: 1}}}
people: {lee: {slack: U0LEE, roles: [lead]}}
groups: {S0LEADS: [lead]}
services:
  shop:
    source: {git: ./shop}
    build: {local: {command: make}}
    targets: {test: {local: {port: 8501}, strategy: {batch: 1, pause: 1s}}}
"""


def by_schema(text: str) -> bool:
    plain = YAML(typ="safe", pure=True).load(text)
    return jsonschema.Draft202012Validator(schema()).is_valid(plain)


def by_us(text: str) -> bool:
    try:
        parse_catalog(text.encode(), "shipbell.yaml")
    except CatalogError:
        return False
    return True


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["$schema"].endswith("2020-12/schema")


def test_every_key_is_described():
    mappings = [schema(), *schema()["$defs"].values()]
    keys = [(m["title"], key, value) for m in mappings for key, value in m["properties"].items()]
    assert len(keys) > 40
    assert [f"{title}: {key}" for title, key, value in keys if not value.get("description")] == []
    assert all(m["description"] and m["additionalProperties"] is False for m in mappings)


def test_no_key_takes_null():
    assert "null" not in re.findall(r"'type': '(\w+)'", str(schema()))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("services:", "service:"),
        ("local: {port: 8501}", "local: {prt: 8501}"),
        ("local: {port: 8501}", "docker: {}"),
        ("port: 8501", "port: 0"),
        ("port: 8501", "port: 8501, instances: 101"),
        ("pause: 1s", "pause: 1"),
        ("pause: 1s", "pause: 1m30s"),
        ("pause: 1s", "pause: 0"),
        ("pause: 1s", "on_failure: shrug"),
        ("pause: 1s", "health: /up"),
        ("pause: 1s", "health: {kind: tcp}"),
        ("pause: 1s", "health: {kind: udp}"),
        ("batch: 1", "batch: 25%"),
        ("batch: 1", "batch: x%"),
        ("U0LEE", "lee"),
        ("S0LEADS", "LEADS"),
        ("T0SHIPBELL", "shipbell"),
        ("count: 1", "count: 21"),
        ("count: 1", "kinds: [deploy, scale]"),
        ("count: 1", "kinds: [deploys]"),
        ("approvals: {count: 1}", "may: {deploy: [lead]}"),
        ("approvals: {count: 1}", "may: {fly: [lead]}"),
        ("slack: U0LEE, ", ""),
        ("command: make", ""),
        ("services:", "x-mine: [1, {a: b}]\nservices:"),
        ("    source:", "    configuration: {A: 1, B: yes, C: true, D: 1.5}\n    source:"),
        ("    source:", "    configuration: {A: [1]}\n    source:"),
        ("    source:", "    configuration: {'A B': 1}\n    source:"),
    ],
)
def test_both_readings_agree(before, after):
    text = START.replace(before, after, 1)
    assert by_schema(text) is by_us(text)


def test_the_actions_are_the_kinds_of_operations():
    assert tuple(Kind) == CHANGES
    assert len(set(ACTIONS)) == len(ACTIONS)


def documented() -> str:
    found = re.search(r"<!-- reference -->\n(.*)<!-- end -->", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found, "docs/catalog.md has no reference"
    return found.group(1).strip()


def test_the_documented_keys_are_the_models():
    assert documented() == reference().strip(), f"docs/catalog.md should have:\n{reference()}"


def test_the_documented_catalogs_are_good():
    blocks = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    whole = [block for block in blocks if "environments:" in block]
    assert whole
    for block in whole:
        parse_catalog(block.encode(), "shipbell.yaml")
        assert by_schema(block)
