"""What a good catalog means: defaults, paths, text that stays as it was written, aliases; and that no text makes reading it crash."""

import contextlib
import hashlib
import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.catalog import CatalogError, parse_catalog
from bot.catalog.words import duration, duration_text
from bot.domain.catalog import ApprovalRule, BatchSize, Health, HealthKind, Strategy

SMALL = """\
environments: {test: {channel: "#test"}}
services:
  shop:
    source: {git: ./shop}
    build: {local: {command: make}}
    targets: {test: {local: {}}}
"""


def parse(text: str, path: Path | str = "/srv/shipbell/shipbell.yaml"):
    return parse_catalog(text.encode(), path)


def strategy(words: str, more: str = "") -> Strategy:
    text = SMALL.replace("{local: {}}", f"{{local: {{}}, strategy: {words}}}") + more
    return parse(text).services["shop"].targets["test"].strategy


def test_what_is_left_out_has_the_domains_defaults():
    catalog = parse(SMALL)
    target = catalog.services["shop"].targets["test"]
    assert target.strategy == Strategy()
    assert target.instances == 1
    assert target.options == {"command": "./run", "hold": 5.0}
    assert catalog.services["shop"].build.options == {"command": "make", "output": "dist", "timeout": 600.0}
    assert catalog.services["shop"].source.branch == "main"
    assert catalog.environments["test"].approval is None
    assert catalog.environments["test"].approvals_channel == "#test"
    approvals = '{channel: "#test", approvals: {}}'
    with_people = (
        SMALL.replace('{channel: "#test"}', approvals) + "people: {lee: {slack: U01, roles: [lead]}}\n"
    )
    assert parse(with_people).environments["test"].approval == ApprovalRule()


def test_the_digest_is_the_contents():
    assert parse(SMALL).digest == hashlib.sha256(SMALL.encode()).hexdigest()
    assert parse(SMALL).digest != parse(SMALL + "# more\n").digest


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("./shop", "/srv/shipbell/shop"),
        ("../repos/shop.git", "/srv/repos/shop.git"),
        ("shop.git", "/srv/shipbell/shop.git"),
        ("/var/git/shop.git", "/var/git/shop.git"),
        ("https://git.example/shop.git", "https://git.example/shop.git"),
        ("git@git.example:shop.git", "git@git.example:shop.git"),
        ("ssh://git@git.example:2222/shop.git", "ssh://git@git.example:2222/shop.git"),
        ("file:///var/git/shop.git", "file:///var/git/shop.git"),
    ],
)
def test_a_relative_path_begins_at_the_catalogs_folder(written, meant):
    assert parse(SMALL.replace("./shop", written)).services["shop"].source.url == meant


def test_text_stays_as_it_was_written():
    values = "{A: no, B: yes, C: 1.10, D: 010, E: 0x1F, F: 2024-01-01, G: true, H: 1_000, I: '', J: 'null', K: off, L: 1e3}"
    text = SMALL.replace("    targets:", f"    configuration: {values}\n    targets:")
    found = parse(text).services["shop"].targets["test"].configuration.values
    assert "".join(f"{k}={v};" for k, v in found.items()) == (
        "A=no;B=yes;C=1.10;D=010;E=0x1F;F=2024-01-01;G=true;H=1_000;I=;J=null;K=off;L=1e3;"
    )


def test_a_country_and_an_environment_called_no_keep_their_name():
    text = SMALL.replace("test: {channel", "no: {channel").replace("{test: {local", "{no: {local")
    assert list(parse(text).environments) == ["no"]


def test_aliases_and_merge_keys():
    text = (
        'x-base: &base {channel: "#deploys", tell: [tester]}\n'
        "environments:\n  test: *base\n"
        '  prod: {<<: *base, channel: "#prod"}\n'
    )
    environments = parse(text).environments
    assert environments["test"].channel == "#deploys"
    assert environments["prod"].channel == "#prod"
    assert environments["prod"].tell == {"tester"}


def test_the_file_may_come_from_windows():
    assert parse_catalog(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode(), "x.yaml").services["shop"]


def test_one_person_in_two_workspaces_is_two_people():
    people = "people: {a: {slack: U01, roles: []}, b: {slack: U01, roles: [], team: T02}}\n"
    assert set(parse(SMALL + people).people) == {"a", "b"}


def test_a_name_written_in_two_unicode_forms_is_one_name():
    text = SMALL.replace("shop:", "caf\u0065\u0301:", 1).replace("strategies", "x")
    assert list(parse(text).services) == ["caf\u00e9"]


@pytest.mark.parametrize(
    ("words", "health"),
    [
        ("{health: /up}", Health(HealthKind.HTTP, "/up")),
        ("{health: tcp}", Health(HealthKind.TCP)),
        ("{health: none}", Health(HealthKind.NONE)),
        ("{health: {command: ./ok}}", Health(HealthKind.COMMAND, command="./ok")),
        ("{health: {start_within: 2m}}", Health(start_within=timedelta(minutes=2))),
        (
            "{like: named, health: {timeout: 1s}}",
            Health(HealthKind.HTTP, "/ping", timeout=timedelta(seconds=1)),
        ),
        ("{like: named, health: tcp}", Health(HealthKind.TCP, "/ping")),
    ],
)
def test_health_in_few_words(words, health):
    assert strategy(words, "strategies: {named: {health: /ping}}\n").health == health


def test_a_targets_strategy_goes_over_its_services():
    text = SMALL.replace("    targets:", "    strategy: {batch: 3, bake: 1m}\n    targets:").replace(
        "{local: {}}", "{local: {}, strategy: {batch: 50%}}"
    )
    found = parse(text).services["shop"].targets["test"].strategy
    assert (found.batch, found.bake) == (BatchSize(percent=50), timedelta(minutes=1))


@given(st.integers(0, 30 * 24 * 3600 * 1000 - 1))
def test_durations_read_what_they_write(millis):
    value = timedelta(milliseconds=millis)
    assert duration(duration_text(value)) == value


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_make_reading_crash(data):
    with contextlib.suppress(CatalogError):
        parse_catalog(data, "x.yaml")


_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 99999),
    st.text("ab#:{}[]&*!|>'\"% -\n", max_size=6),
    st.sampled_from(["test", "prod", "shop", "lead", "U01", "#x", "5s", "25%", "careful", "{nearest}", "é"]),
)
WORDS = """environments services people groups roles strategies team channel approvals count may deploy tell slack like source git
build local command port targets test prod shop strategy batch health kind path configuration x-y docker"""
_keys = st.sampled_from(WORDS.split()) | st.text(max_size=5)
_trees = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(_keys, _trees, max_size=5))
def test_no_tree_of_the_catalogs_own_words_makes_reading_crash(tree):
    """JSON is YAML: whatever stands where, the answer is a catalog or problems that have places in the file."""
    text = json.dumps(tree, indent=1, ensure_ascii=False)
    try:
        parse_catalog(text.encode(), "x.yaml")
    except CatalogError as error:
        lines = text.count("\n") + 1
        assert error.problems
        assert all(0 <= problem.line <= lines and problem.what.strip() for problem in error.problems)
        assert all("{what}" not in problem.what for problem in error.problems)
