"""An Operation: a durable, approvable request to change a Target; its states are one table."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.domain.artifact import Artifact, BuildReport, CommitRange, Revision
from bot.domain.gates import Decision
from bot.domain.identity import Actor
from bot.domain.plan import Phase, Plan, Step


class Kind(enum.StrEnum):
    DEPLOY = "deploy"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    RESTART = "restart"
    STOP = "stop"
    START = "start"
    SCALE = "scale"
    CONFIGURE = "configure"


RELEASES = frozenset({Kind.DEPLOY, Kind.PROMOTE, Kind.ROLLBACK})


class State(enum.StrEnum):
    PREPARING = "preparing"
    AWAITING_APPROVAL = "awaiting_approval"
    QUEUED = "queued"
    ROLLING_OUT = "rolling_out"
    VERIFYING = "verifying"
    ASKING = "asking"
    UNDOING = "undoing"
    PLANNED = "planned"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"
    REJECTED = "rejected"
    EXPIRED = "expired"


FINAL = frozenset(
    {
        State.PLANNED,
        State.SUCCEEDED,
        State.FAILED,
        State.ROLLED_BACK,
        State.ABORTED,
        State.REJECTED,
        State.EXPIRED,
    }
)
HOLDS_TARGET = frozenset({State.ROLLING_OUT, State.VERIFYING, State.ASKING, State.UNDOING})
"""An Operation in one of these owns its Target; at most one per Target does."""

MOVES: Mapping[State, frozenset[State]] = {
    State.PREPARING: frozenset(
        {State.AWAITING_APPROVAL, State.QUEUED, State.PLANNED, State.FAILED, State.ABORTED}
    ),
    State.AWAITING_APPROVAL: frozenset(
        {State.QUEUED, State.REJECTED, State.EXPIRED, State.ABORTED, State.FAILED}
    ),
    State.QUEUED: frozenset({State.ROLLING_OUT, State.AWAITING_APPROVAL, State.ABORTED, State.FAILED}),
    State.ROLLING_OUT: frozenset(
        {State.VERIFYING, State.ASKING, State.UNDOING, State.SUCCEEDED, State.FAILED, State.ABORTED}
    ),
    State.VERIFYING: frozenset({State.SUCCEEDED, State.ASKING, State.UNDOING, State.FAILED, State.ABORTED}),
    State.ASKING: frozenset({State.ROLLING_OUT, State.UNDOING, State.FAILED, State.ABORTED, State.VERIFYING}),
    State.UNDOING: frozenset({State.ROLLED_BACK, State.ASKING, State.FAILED, State.ABORTED}),
}


class StepState(enum.StrEnum):
    """INTENDED: written down before the effect; DONE, FAILED, SKIPPED: its outcome."""

    PENDING = "pending"
    INTENDED = "intended"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class StepRecord:
    """A Step with what became of it. `attempt` from 1; `outcome`: a sentence; times in UTC."""

    step: Step
    state: StepState = StepState.PENDING
    attempt: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""
    log_tail: tuple[str, ...] = ()


class Choice(enum.StrEnum):
    """What people can answer to a Question."""

    RETRY = "retry"
    SKIP = "skip"
    ROLL_BACK = "roll_back"
    STOP_HERE = "stop_here"
    CARRY_ON = "carry_on"


@dataclass(frozen=True)
class Question:
    """Something that only a person can decide. `id` is unique within the Operation; `subject`: abort or failure."""

    id: int
    subject: str
    text: str
    choices: tuple[Choice, ...]
    asked_at: datetime


@dataclass(frozen=True)
class Origin:
    """Where a Request came from. `channel`/`thread_ts`: Slack ids or None; `how`: slash, mention, dm, button, modal, api.
    `request_id`: the envelope or trigger id that makes a redelivered Request the same one."""

    how: str
    request_id: str
    channel: str | None = None
    thread_ts: str | None = None


@dataclass(frozen=True)
class Wish:
    """What a person asked for, in their words, already parsed. `to` names an earlier version or `#operation`."""

    ref: str | None = None
    to: str | None = None
    only: tuple[str, ...] = ()
    batch: str | None = None
    replicas: int | None = None
    plan_only: bool = False
    reason: str = ""
    command: str = ""


@dataclass(frozen=True)
class Operation:
    """`version` counts writes (compare-and-set).
    `leg` counts its rollout workflows (a Question ends one, its answer starts the next). `undo_scope`: "all" Instances that were
    touched, or only the "unfinished" ones; `plan_note` says what changed since the Plan was first shown. `vouched_by`: who let it
    go on when its requester might not do this any more, and answers for it since."""

    number: int
    kind: Kind
    service: str
    environment: str
    requester: Actor
    origin: Origin
    wish: Wish
    state: State
    created_at: datetime
    version: int = 0
    leg: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    revision: Revision | None = None
    artifact: Artifact | None = None
    previous: Artifact | None = None
    commits: CommitRange | None = None
    plan: Plan | None = None
    plan_note: str = ""
    approve_by: datetime | None = None
    question: Question | None = None
    questions_asked: int = 0
    asked_from: str = ""
    abort_by: str | None = None
    undo_scope: str = ""
    undo_reason: str = ""
    outcome: str = ""
    log_tail: tuple[str, ...] = ()
    verify_until: datetime | None = None
    build_key: str | None = None
    vouched_by: Actor | None = None
    catalog_digest: str = ""

    @property
    def target_key(self) -> str:
        return f"{self.service}@{self.environment}"

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    def moved(self, state: State, at: datetime, **changes: object) -> Operation:
        """This Operation in another state; raises ValueError for a move that the table doesn't have."""
        if state is not self.state and state not in MOVES.get(self.state, frozenset()):
            raise ValueError(f"operation #{self.number} cannot go from {self.state} to {state}")
        fields: dict[str, object] = {"state": state, **changes}
        if state in FINAL and self.ended_at is None:
            fields.setdefault("ended_at", at)
        if state is State.ROLLING_OUT and self.started_at is None:
            fields.setdefault("started_at", at)
        return replace(self, **fields)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Approval:
    """A recorded yes or no, bound to a Plan's hash."""

    operation: int
    actor: str
    slack_user: str | None
    plan_hash: str
    yes: bool
    at: datetime
    reason: str = ""


@dataclass(frozen=True)
class Release:
    """What a Target runs since when: written when an Operation that changes the Artifact succeeded (or was undone)."""

    operation: int
    service: str
    environment: str
    artifact: Artifact
    configuration_version: str
    by: str
    at: datetime
    kind: Kind


@dataclass(frozen=True)
class AuditEntry:
    """Append-only: who did or was refused what, when. `what`: request, decision, approval, effect, catalog, identity.
    `detail` holds JSON words without secrets."""

    at: datetime
    actor: str
    what: str
    operation: int | None
    summary: str
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """All that a message about an Operation may show; views are pure functions of it.

    `approvers`: Slack user ids of the people who can approve now; `queue_place`: 1 is next; `decisions`: the gates' answers;
    `now`: when the snapshot was taken, UTC; `channel`: the Environment's channel; `last_seen`: instance -> one line."""

    operation: Operation
    steps: tuple[StepRecord, ...] = ()
    approvals: tuple[Approval, ...] = ()
    approvals_needed: int = 0
    approvers: tuple[str, ...] = ()
    approver_roles: tuple[str, ...] = ()
    queue_place: int | None = None
    queue_behind: int | None = None
    build: BuildReport | None = None
    decisions: tuple[Decision, ...] = ()
    channel: str = ""
    approvals_channel: str = ""
    environment_url: str | None = None
    now: datetime | None = None

    @property
    def forward(self) -> tuple[StepRecord, ...]:
        return tuple(r for r in self.steps if r.step.phase is Phase.FORWARD)

    @property
    def undo(self) -> tuple[StepRecord, ...]:
        return tuple(r for r in self.steps if r.step.phase is Phase.UNDO)
