"""Operations as chat may show them: one Snapshot for each state and kind, and the odd ones (no Instance, a hundred, long logs)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.artifact import Artifact, BuildReport, BuildState, Commit, CommitRange, Revision
from bot.domain.identity import Actor
from bot.domain.operation import (
    Approval,
    Choice,
    Kind,
    Operation,
    Origin,
    Question,
    Snapshot,
    State,
    StepRecord,
    StepState,
    Wish,
)
from bot.domain.plan import Before, Phase, Plan, Step, StepKind

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DANA = Actor("dana", "Dana Diaz", frozenset({"developer"}), "U0DANA0001")
SIX = (StepKind.CHECK, StepKind.DRAIN, StepKind.STOP, StepKind.UPDATE, StepKind.START, StepKind.ENABLE)


def artifact(version: str, mark: str) -> Artifact:
    revision = Revision(mark * 40, "main", "Count the money", "Dana Diaz", NOON)
    return Artifact("sha256:" + mark * 64, "shop", version, revision)


def a_plan(count: int = 3, batch: int = 1, kind: Kind = Kind.DEPLOY, **changes: Any) -> Plan:
    names = tuple(f"shop-{number}" for number in range(1, count + 1))
    steps = tuple(
        Step(index * 6 + place, Phase.FORWARD, index // batch + 1, name, step)
        for index, name in enumerate(names)
        for place, step in enumerate(SIX, 1)
    )
    made = Plan(
        kind=kind.value,
        service="shop",
        environment="prod",
        artifact_digest="sha256:" + "b" * 64,
        configuration_version="0123456789ab",
        target_kind="local",
        target_options={},
        strategy={
            "batch": str(batch),
            "pause": 0.0,
            "drain_within": 30.0,
            "bake": 10.0,
            "on_failure": "rollback",
        },
        instances=names,
        before=tuple(Before(name, True, True) for name in names),
        steps=steps,
    )
    return replace(made, **changes)


def records(plan: Plan, done: int, last: StepState = StepState.INTENDED) -> tuple[StepRecord, ...]:
    """The Plan's steps: the first `done` are through, the next is as `last` says, the others wait."""
    return tuple(
        StepRecord(step, StepState.DONE if i < done else last if i == done else StepState.PENDING, attempt=1)
        for i, step in enumerate(plan.steps)
    )


def undone(plan: Plan, instances: Iterable[str], done: int) -> tuple[StepRecord, ...]:
    """Undo steps for these Instances."""
    first = len(plan.steps)
    steps = [
        Step(first + n, Phase.UNDO, 1, name, kind)
        for n, (name, kind) in enumerate(((name, kind) for name in instances for kind in SIX), 1)
    ]
    return tuple(
        StepRecord(s, StepState.DONE if i < done else StepState.INTENDED if i == done else StepState.PENDING)
        for i, s in enumerate(steps)
    )


def operation(state: State = State.ROLLING_OUT, kind: Kind = Kind.DEPLOY, **changes: Any) -> Operation:
    made = Operation(
        number=12,
        kind=kind,
        service="shop",
        environment="prod",
        requester=DANA,
        origin=Origin("slash", "r1", "C0DEPLOY01"),
        wish=Wish(ref="main", command="deploy shop prod"),
        state=state,
        created_at=NOON,
        revision=Revision("b" * 40, "main", "Count the money", "Dana Diaz", NOON),
    )
    return replace(made, **changes)


COMMITS = CommitRange(
    tuple(
        Commit(f"{n:x}" * 40, subject, author, NOON)
        for n, (subject, author) in enumerate(
            [
                ("Count the money", "Dana Diaz"),
                ("Fix <!channel> & *bold* `tick` in _the_ till", "Eve <script>"),
                ("Prüfe die Münze 🪙", "Jürgen Groß"),
                ("日本語の件名はそのまま見える", "山田"),
                ("x" * 200, "Long"),
                ("Sixth", "Six"),
            ],
            1,
        )
    ),
    total=19,
)


def snapshot(op: Operation, **changes: Any) -> Snapshot:
    made = Snapshot(op, channel="#deploys", approvals_channel="#releases", now=NOON + timedelta(minutes=5))
    return replace(made, **changes)


def table() -> Mapping[str, Snapshot]:
    """Every state, every kind, and what is unusual."""
    plan = a_plan()
    old, new = artifact("v1.3", "a"), artifact("v1.4", "b")
    known = {"artifact": new, "previous": old, "commits": COMMITS, "plan": plan}
    ended = {"started_at": NOON + timedelta(minutes=1), "ended_at": NOON + timedelta(minutes=3, seconds=20)}
    question = Question(
        3, "failure", "shop-2 doesn't become healthy. How shall it go on?", tuple(Choice)[:4], NOON
    )
    how = Question(4, "abort", "Stop here, or roll back?", (Choice.STOP_HERE, Choice.ROLL_BACK), NOON)
    log = tuple(f"12:00:{n:02} line {n} <b> ```" for n in range(30))
    yes = Approval(12, "lee", "U0LEE00001", plan.hash, True, NOON)
    no = Approval(12, "lee", "U0LEE00001", plan.hash, False, NOON, "not on a *Friday*, <@U1>")
    waits = operation(State.AWAITING_APPROVAL, **known, approve_by=NOON + timedelta(hours=8))
    people = {"approvals_needed": 2, "approvers": ("U0LEE00001", "U0MAX00001"), "approver_roles": ("lead",)}
    big, huge = a_plan(10, 4), a_plan(100, 10)
    found = {
        "asked": snapshot(operation(State.PREPARING, revision=None)),
        "building": snapshot(operation(State.PREPARING), build=BuildReport("k", BuildState.RUNNING)),
        "build failed": snapshot(
            operation(State.FAILED, outcome="The build failed: exit status 2", log_tail=log, ended_at=NOON),
            build=BuildReport("k", BuildState.FAILED, reason="exit status 2", log_tail=log),
        ),
        "awaiting": snapshot(waits, steps=records(plan, 0, StepState.PENDING), **people),
        "awaiting one more": snapshot(
            waits, steps=records(plan, 0, StepState.PENDING), approvals=(yes,), **people
        ),
        "awaiting nobody known": snapshot(waits, approver_roles=("lead",), approvals_needed=1),
        "plan changed": snapshot(replace(waits, plan_note="main moved to ccccccc"), **people),
        "queued": snapshot(operation(State.QUEUED, **known), queue_place=2, queue_behind=9),
        "rolling": snapshot(operation(State.ROLLING_OUT, **known), steps=records(plan, 8)),
        "rolling batches": snapshot(
            operation(State.ROLLING_OUT, **{**known, "plan": big}), steps=records(big, 30)
        ),
        "rolling a hundred": snapshot(
            operation(State.ROLLING_OUT, **{**known, "plan": huge}), steps=records(huge, 201)
        ),
        "aborting": snapshot(
            operation(State.ROLLING_OUT, **known, abort_by="dana"), steps=records(plan, 8), approvals=(yes,)
        ),
        "verifying": snapshot(
            operation(State.VERIFYING, **known, verify_until=NOON + timedelta(seconds=10)),
            steps=records(plan, 18),
        ),
        "asking": snapshot(
            operation(State.ASKING, **known, question=question, log_tail=log),
            steps=records(plan, 10, StepState.FAILED),
        ),
        "asking how to end": snapshot(
            operation(State.ASKING, **known, question=how, abort_by="lee"),
            steps=records(plan, 8),
            approvals=(yes,),
        ),
        "undoing": snapshot(
            operation(State.UNDOING, **known, undo_scope="all"),
            steps=records(plan, 10, StepState.FAILED) + undone(plan, ("shop-2", "shop-1"), 3),
        ),
        "planned": snapshot(
            operation(State.PLANNED, **known, ended_at=NOON), steps=records(plan, 0, StepState.PENDING)
        ),
        "succeeded": snapshot(
            operation(State.SUCCEEDED, **known, **ended),
            steps=records(plan, 18),
            approvals=(yes,),
            environment_url="http://127.0.0.1:8501/",
        ),
        "failed": snapshot(
            operation(State.FAILED, **known, **ended, outcome="shop-2 exits with status 3.", log_tail=log),
            steps=records(plan, 10, StepState.FAILED),
        ),
        "rolled back": snapshot(
            operation(State.ROLLED_BACK, **known, **ended, outcome="shop-2 never got healthy.", log_tail=log),
            steps=records(plan, 10, StepState.FAILED) + undone(plan, ("shop-2", "shop-1"), 12),
        ),
        "aborted": snapshot(
            operation(State.ABORTED, **known, **ended, abort_by="lee", outcome="Stopped here.")
        ),
        "rejected": snapshot(operation(State.REJECTED, **known, ended_at=NOON), approvals=(no,)),
        "expired": snapshot(replace(waits, state=State.EXPIRED, ended_at=NOON + timedelta(hours=8))),
        "no instances": snapshot(
            operation(State.ROLLING_OUT, **{**known, "plan": a_plan(0), "commits": None, "previous": None}),
            steps=(),
        ),
        "odd names": snapshot(
            operation(
                State.SUCCEEDED,
                **{**known, "artifact": artifact("v1`*_<!here>", "b")},
                **ended,
                service="mün*ze_<!channel>",
                environment="prod`x",
                outcome="a & b < c <@U0DANA0001> @here",
                wish=Wish(ref="main", reason="because *of* <!everyone> & “quotes”"),
            )
        ),
        "huge lines": snapshot(
            operation(State.FAILED, **known, **ended, outcome="x" * 5000, log_tail=("é" * 9000,) * 50),
            steps=records(huge, 201, StepState.FAILED),
        ),
        "going back": snapshot(
            operation(State.ROLLING_OUT, Kind.ROLLBACK, **{**known, "commits": CommitRange((), 0, behind=4)})
        ),
    }
    for kind in Kind:
        wish = Wish(replicas=4) if kind is Kind.SCALE else Wish()
        found[f"kind {kind}"] = snapshot(
            operation(State.SUCCEEDED, kind, **known, **ended, wish=wish), steps=records(plan, 18)
        )
    return found
