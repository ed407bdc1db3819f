"""Every kind of value that is stored goes through the codec unchanged, and nothing that doesn't fit does."""

from __future__ import annotations

import enum
import json
import types
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.artifact import Artifact, BuildReport
from bot.domain.catalog import Catalog, Configuration, Strategy
from bot.domain.errors import StorageError
from bot.domain.messages import OutboxMessage
from bot.domain.operation import Approval, AuditEntry, Operation, Release, State, StepRecord
from bot.domain.plan import Plan
from bot.storage.codec import Misfit, decode, encode
from tests.support.store import a_full_operation, an_operation

STORED = (
    Operation,
    Plan,
    StepRecord,
    Approval,
    Release,
    AuditEntry,
    Artifact,
    BuildReport,
    Configuration,
    OutboxMessage,
    Strategy,
    Catalog,
)

_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=5,
)
_zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=11))])
_SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: _texts,
    int: st.integers(),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    datetime: st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=_zones),  # noqa: DTZ001
    timedelta: st.timedeltas(),
    Any: _json,
    object: _json,
    type(None): st.none(),
}


def values(declared: Any) -> st.SearchStrategy[Any]:
    """Any value of a type as the domain declares it, every field included, so that a new field is tried as soon as it is there."""
    if declared in _SIMPLE:
        return _SIMPLE[declared]
    if isinstance(declared, type) and is_dataclass(declared):
        hints = get_type_hints(declared)
        return st.builds(declared, **{field.name: values(hints[field.name]) for field in fields(declared)})
    if isinstance(declared, type) and issubclass(declared, enum.Enum):
        return st.sampled_from(declared)
    origin, inner = get_origin(declared), get_args(declared)
    if origin is types.UnionType:
        return st.one_of(*(values(one) for one in inner))
    if origin is frozenset:
        return st.frozensets(values(inner[0]), max_size=3)
    if origin is Mapping:
        return st.dictionaries(_texts, values(inner[1]), max_size=2)
    assert origin is tuple, declared
    if inner[1:] == (Ellipsis,):
        return st.lists(values(inner[0]), max_size=2).map(tuple)
    return st.tuples(*(values(one) for one in inner))


@pytest.mark.parametrize("kind", STORED, ids=lambda kind: kind.__name__)
def test_values_come_back_as_they_were(kind: type) -> None:
    @settings(max_examples=25, deadline=None)
    @given(values(kind))
    def comes_back(value: Any) -> None:
        assert decode(kind, json.loads(json.dumps(encode(value)))) == value

    comes_back()


def test_what_a_newer_version_added_is_left_out() -> None:
    operation = a_full_operation()
    words = encode(operation)
    words["mood"] = "good"
    words["plan"]["steps"][0]["mood"] = "good"
    assert decode(Operation, words) == operation


def test_what_an_older_version_did_not_write_takes_the_default() -> None:
    words = encode(an_operation(outcome="there"))
    del words["outcome"], words["wish"]["reason"]
    assert decode(Operation, words).outcome == ""


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("state", "dreaming"),
        ("state", None),
        ("leg", "1"),
        ("leg", True),
        ("leg", 1.0),
        ("service", 7),
        ("created_at", "2026-01-01T00:00:00"),
        ("created_at", "yesterday"),
        ("created_at", 0),
        ("requester", "dana"),
        ("log_tail", "line"),
        ("requester.roles", {"lead": True}),
        ("plan.steps[2].kind", "jump"),
        ("plan.before[0].exists", 1),
        ("plan.strategy", []),
        ("commits.total", None),
    ],
)
def test_what_does_not_fit_is_named(path: str, words: object) -> None:
    stored = encode(a_full_operation())
    holder: Any = stored
    *way, last = path.replace("[", ".").replace("]", "").split(".")
    for part in way:
        holder = holder[int(part) if part.isdigit() else part]
    holder[last] = words
    with pytest.raises(Misfit) as caught:
        decode(Operation, stored)
    assert caught.value.path == f"Operation.{path}"
    assert isinstance(caught.value, StorageError)
    assert caught.value.todo


def test_a_field_without_a_default_must_be_there() -> None:
    words = encode(an_operation())
    del words["requester"]
    with pytest.raises(Misfit, match=r"Operation\.requester should be there"):
        decode(Operation, words)


@pytest.mark.parametrize(
    "changes",
    [
        {"leg": "1"},
        {"leg": True},
        {"state": "queued?"},
        {"created_at": datetime(2026, 1, 1)},  # noqa: DTZ001
        {"log_tail": ["a list"]},
        {"requester": None},
        {"service": None},
    ],
    ids=str,
)
def test_what_the_domain_does_not_declare_is_not_stored(changes: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode(an_operation(**changes))


@pytest.mark.parametrize(
    "words",
    [float("nan"), {1: "a"}, {"a": {1, 2}}, b"bytes", datetime.now(UTC)],
    ids=["nan", "number key", "set", "bytes", "time"],
)
def test_json_words_are_json(words: object) -> None:
    entry = AuditEntry(datetime.now(UTC), "dana", "effect", None, "", {"detail": words})
    with pytest.raises((TypeError, ValueError)):
        encode(entry)


def test_a_type_without_a_codec_is_an_error_at_once() -> None:
    @dataclass(frozen=True)
    class Odd:
        raw: bytes

    globals()["Odd"] = Odd
    with pytest.raises(TypeError, match="no codec"):
        encode(Odd(b""))


def test_values_that_were_once_stored_are_still_read() -> None:
    """The file is what version 0.1.0 wrote. It is never written anew: a name that changes needs a migration of the rows."""
    stored = json.loads((Path(__file__).parent / "operation-0.1.0.json").read_text())
    assert decode(Operation, stored) == replace(
        a_full_operation(), origin=decode(Operation, stored).origin, number=12, version=7
    )
    assert decode(Operation, stored).state is State.ASKING
