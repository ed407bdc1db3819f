"""Stores for tests. `fresh_store`: for tests that need a store and don't test it. The fixtures `store_url` and `store` are for tests
of the store itself: they run each test on SQLite and on PostgreSQL. A module or conftest imports them together with
`postgres_server` and `postgres_url`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.artifact import Artifact, Commit, CommitRange, Revision
from bot.domain.identity import Actor
from bot.domain.operation import Choice, Kind, Operation, Origin, Question, State, StepRecord, StepState, Wish
from bot.domain.plan import Before, Phase, Plan, Step, StepKind
from bot.storage import SqlStore, migrate, open_store

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
"""A time for values whose time doesn't matter."""


async def fresh_store(tmp_path: Path) -> SqlStore:
    """An empty, migrated store on SQLite, the caller's to close: `store = await fresh_store(tmp_path)` … `await store.close()`.
    Called again with the same folder it opens the same database, as a restarted bot does."""
    url = f"sqlite:///{tmp_path / 'shipbell.db'}"
    await migrate(url)
    return await open_store(url)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database in which nothing is yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'shipbell.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def store_url(empty_url: str) -> str:
    """The URL of a migrated, empty database."""
    await migrate(empty_url)
    return empty_url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[SqlStore]:
    opened = await open_store(store_url)
    yield opened
    await opened.close()


def an_actor(name: str = "dana") -> Actor:
    return Actor(name, name.title(), frozenset({"developer", "lead"}), slack_user=f"U{name.upper()}")


_asked = iter(range(1_000_000))


def an_operation(state: State = State.PREPARING, **changes: Any) -> Operation:
    """A deploy of shop to test that was just asked for, with a request id of its own."""
    asked = Operation(
        number=0,
        kind=Kind.DEPLOY,
        service="shop",
        environment="test",
        requester=an_actor(),
        origin=Origin("slash", f"request-{next(_asked)}", "C1", None),
        wish=Wish(ref="main", command="deploy shop test"),
        state=state,
        created_at=NOON,
    )
    return replace(asked, **changes)


def an_artifact(version: str = "v1.4.0", **changes: Any) -> Artifact:
    made = Artifact(
        digest="sha256:" + "4d" * 32,
        service="shop",
        version=version,
        revision=Revision("ab" * 20, "main", "Count the money", "Dana", NOON),
        location="store/4d",
    )
    return replace(made, **changes)


def a_step(
    seq: int, state: StepState = StepState.PENDING, phase: Phase = Phase.FORWARD, **changes: Any
) -> StepRecord:
    """One Step on shop-1; `changes` are the record's."""
    return replace(StepRecord(Step(seq, phase, 1, "shop-1", StepKind.DRAIN), state), **changes)


def a_plan() -> Plan:
    steps = tuple(Step(seq, Phase.FORWARD, 1, "shop-1", kind) for seq, kind in enumerate(StepKind, 1))
    return Plan(
        kind="deploy",
        service="shop",
        environment="test",
        artifact_digest="sha256:" + "4d" * 32,
        configuration_version="0123456789ab",
        target_kind="local",
        target_options={"port": 8501, "command": "python3 -m shop", "z first": [1, 2.5, None, {"a": True}]},
        strategy={"pause": 0, "batch": "25%", "health": {"path": "/healthz"}},
        instances=("shop-1", "shop-2"),
        before=(
            Before("shop-1", True, True, "sha256:" + "3c" * 32, "ba9876543210"),
            Before("shop-2", False, False),
        ),
        steps=steps,
        warnings=("shop-2 is new",),
    )


def a_full_operation() -> Operation:
    """An Operation that has something in every field."""
    commits = (
        Commit("cd" * 20, "Fix the „till“ 🧾", "Eve", NOON, "https://git.example/c"),
        Commit("ef" * 20, "", ""),
    )
    return an_operation(
        State.ASKING,
        leg=2,
        started_at=NOON + timedelta(minutes=1),
        ended_at=NOON + timedelta(minutes=9, microseconds=7),
        revision=Revision("ab" * 20, "main", "Count the money", "Dana", NOON),
        artifact=an_artifact(),
        previous=an_artifact("v1.3.9", digest="sha256:" + "3c" * 32),
        commits=CommitRange(commits, total=12, behind=1),
        plan=a_plan(),
        plan_note="shop-2 came up since",
        approve_by=NOON + timedelta(hours=8),
        question=Question(1, "failure", "shop-1 is not healthy", (Choice.RETRY, Choice.ROLL_BACK), NOON),
        questions_asked=1,
        abort_by="lena",
        undo_scope="unfinished",
        undo_reason="health",
        outcome="Waits for an answer",
        log_tail=("Traceback …", "ValueError: no till"),
        verify_until=NOON + timedelta(minutes=10),
        build_key="op-1/build",
        catalog_digest="c0ffee",
        wish=Wish("main", "#11", ("shop-1",), "25%", 3, True, "because", "deploy shop test"),
    )
