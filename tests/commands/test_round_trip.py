"""What a command says can be written as a command again, and is understood as the same, also as phones and Slack bend it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.operation import Choice
from commands import parsed as said
from commands.grammar import Grammar
from commands.parsed import Parsed
from commands.registry import SPECS, command_line, command_text, spec_of
from commands.text import normalise
from tests.support.desk import catalog

CATALOG = catalog({"shop": ("test", "prod"), "münze": ("test",), "to": ("on",)}, ("test", "prod", "on"))
GRAMMAR = Grammar(SPECS, CATALOG)

TARGETS = st.sampled_from(
    [(s.name, t.environment) for s in CATALOG.services.values() for t in s.targets.values()]
)
NAME = st.from_regex(r"[a-zA-Z0-9ü][\w./:+-]{0,12}", fullmatch=True).map(normalise).filter(bool)
NUMBER = st.integers(1, 999_999_999)
RELEASE = st.one_of(NAME, NUMBER.map(lambda n: f"#{n}"))
ONLY = st.lists(NAME, max_size=3, unique=True).map(tuple)
BATCH = st.one_of(st.integers(1, 999).map(str), st.integers(1, 100).map(lambda n: f"{n}%"))
REASON = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["--force", 'a "b" c', "it's\\", '\\"', "&lt;b&gt; & <c>", "— so", "`x`", "'"]),
).map(normalise)


def on_target(kind: type, **fields: st.SearchStrategy[object]) -> st.SearchStrategy[Parsed]:
    return st.tuples(TARGETS, st.fixed_dictionaries(fields)).map(
        lambda drawn: kind(service=drawn[0][0], environment=drawn[0][1], **drawn[1])
    )


VALUES: st.SearchStrategy[Parsed] = st.one_of(
    on_target(
        said.Deploy,
        ref=st.none() | RELEASE,
        only=ONLY,
        batch=st.none() | BATCH,
        plan=st.booleans(),
        reason=REASON,
    ),
    on_target(said.Rollback, to=st.none() | RELEASE),
    on_target(said.Restart, only=ONLY),
    on_target(said.Stop, only=ONLY),
    on_target(said.Start, only=ONLY),
    on_target(said.Scale, replicas=st.integers(1, 1000)),
    on_target(said.History),
    on_target(said.Logs, instance=st.none() | NAME, lines=st.none() | st.integers(1, 200)),
    on_target(said.Why),
    on_target(said.Status),
    st.sampled_from([said.Status(), said.Status("shop"), said.Status(None, "prod"), said.History("shop")]),
    st.builds(
        said.Approve,
        NUMBER,
        REASON,
        st.none() | st.text("0123456789abcdef", min_size=12, max_size=64),
    ),
    st.builds(said.Reject, NUMBER, REASON),
    st.builds(said.Abort, NUMBER, REASON),
    st.builds(said.Answer, NUMBER, st.integers(0, 999_999), st.sampled_from(list(Choice))),
    st.just(said.WhoAmI()),
    st.sampled_from([said.Help(), said.Help("deploy")]),
)


@settings(max_examples=2000, deadline=None, derandomize=True)
@given(VALUES)
def test_a_command_written_down_is_read_as_the_same(value: Parsed) -> None:
    assert GRAMMAR.parse(normalise(command_text(value))) == (spec_of(value), value)
    assert normalise(command_text(value)) == command_line(value)


def bent(text: str) -> list[str]:
    """A wire text as phones, keyboards and Slack bend it."""
    outside = re.sub(r' "(?:[^"\\]|\\.)*"', lambda found: found[0].replace(" ", "\0"), text)
    return [
        text.replace(" --", " —"),
        text.replace(" --", " –"),
        re.sub(r' "((?:[^"\\]|\\.)*)"', r" “\1”", text),
        text[:1].upper() + text[1:],
        outside.replace(" ", "\n").replace("\0", " "),
        outside.replace(" ", "\u00a0\u200b").replace("\0", " "),
        f" `{text}` ",
        "".join(chr(ord(c) + 0xFEE0) if "a" <= c <= "z" else c for c in text),
        re.sub(r"(\S+@[\w.]+)", r"<mailto:\1|\1>", text),
    ]


PLAIN_WORDS = st.from_regex(r"[a-z]{1,8}( [a-z]{1,8}){0,3}", fullmatch=True)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    on_target(
        said.Deploy,
        ref=st.none() | st.from_regex(r"v[0-9]\.[a-z]{2}", fullmatch=True),
        only=st.sampled_from([(), ("shop-1",), ("shop-1", "shop-2")]),
        batch=st.sampled_from([None, "2", "50%"]),
        plan=st.booleans(),
        reason=PLAIN_WORDS,
    )
)
def test_bent_text_is_understood_as_what_was_typed(value: Parsed) -> None:
    for text in bent(command_text(value)):
        assert GRAMMAR.parse(normalise(text))[1] == value, text


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("deploy shop to test", said.Deploy("shop", "test")),
        ("deploy shop ON prod", said.Deploy("shop", "prod")),
        ("deploy to on", said.Deploy("to", "on")),
        ("deploy to to on", said.Deploy("to", "on")),
        ("deploy --plan shop --batch=2 test", said.Deploy("shop", "test", batch="2", plan=True)),
        (
            "deploy shop test --only shop-1, shop-2, shop-1",
            said.Deploy("shop", "test", only=("shop-1", "shop-2")),
        ),
        ("deploy shop test --BATCH 50%", said.Deploy("shop", "test", batch="50%")),
        ('deploy "shop" test --reason=\'it\'s "fine"\'', said.Deploy("shop", "test", reason='it\'s "fine"')),
        ("deploy shop@#7 test", said.Deploy("shop", "test", ref="#7")),
        ("deploy shop@release/1@2 test", said.Deploy("shop", "test", ref="release/1@2")),
        ("rollback shop prod TO v1", said.Rollback("shop", "prod", "v1")),
        ("status on", said.Status(None, "on")),
        ("approve 12", said.Approve(12)),
        ("approve #12 it's fine -really", said.Approve(12, "it's fine -really")),
        ('abort #12 "too slow" and late', said.Abort(12, '"too slow" and late')),
        ("answer #12 3 Roll-Back", said.Answer(12, 3, Choice.ROLL_BACK)),
        ("HELP Deploy", said.Help("deploy")),
    ],
)
def test_ways_to_say_it(typed: str, value: Parsed) -> None:
    assert GRAMMAR.parse(typed)[1] == value


@pytest.mark.parametrize("example", [(s.verb, e) for s in SPECS for e in s.examples], ids=lambda e: e[1][:40])
def test_every_example_of_the_help_is_a_command(example: tuple[str, str]) -> None:
    verb, text = example
    assert GRAMMAR.parse(text)[0].verb == verb
