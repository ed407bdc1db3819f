"""What an Operation and its state are called in chat: the headline, the icon, the state in words. One table, used by every view."""

from __future__ import annotations

from collections.abc import Mapping

from bot.domain.artifact import BuildState
from bot.domain.operation import Choice, Kind, Operation, Snapshot, State, StepState
from bot.domain.plan import Phase
from bot.slack.views.limits import clip_plain
from bot.slack.views.text import clock, code, esc, mention, mentions, plural, span, tame, version, who

ICONS: Mapping[State, str] = {
    State.PREPARING: "🛠️",
    State.AWAITING_APPROVAL: "✋",
    State.QUEUED: "⏳",
    State.ROLLING_OUT: "🚚",
    State.VERIFYING: "👀",
    State.ASKING: "❓",
    State.UNDOING: "↩️",
    State.PLANNED: "📝",
    State.SUCCEEDED: "✅",
    State.FAILED: "❌",
    State.ROLLED_BACK: "↩️",
    State.ABORTED: "🛑",
    State.REJECTED: "🚫",
    State.EXPIRED: "⌛",
}

TITLES: Mapping[Kind, str] = {
    Kind.DEPLOY: "Deploy",
    Kind.PROMOTE: "Promote",
    Kind.ROLLBACK: "Roll back",
    Kind.RESTART: "Restart",
    Kind.STOP: "Stop",
    Kind.START: "Start",
    Kind.SCALE: "Scale",
    Kind.CONFIGURE: "Configure",
}

CHOICES: Mapping[Choice, tuple[str, str | None]] = {
    Choice.RETRY: ("Retry", "primary"),
    Choice.SKIP: ("Skip this instance", None),
    Choice.ROLL_BACK: ("Roll back", "danger"),
    Choice.STOP_HERE: ("Stop here", None),
    Choice.CARRY_ON: ("Carry on", "primary"),
}
"""The button of each Choice: its label and style."""


def headline(operation: Operation) -> str:
    """`🚚 shop → prod`, as plain text for a header block."""
    return f"{ICONS[operation.state]} {title(operation)}"


def title(operation: Operation) -> str:
    """`shop → prod`, `Roll back shop in prod`, `Scale shop in prod to 4`; plain text, nothing escaped."""
    service, environment = tame(operation.service), tame(operation.environment)
    if operation.kind in (Kind.DEPLOY, Kind.PROMOTE):
        return f"{service} → {environment}"
    text = f"{TITLES[operation.kind]} {service} in {environment}"
    if operation.kind is Kind.SCALE and operation.wish.replicas is not None:
        text += f" to {operation.wish.replicas}"
    return text


def state_words(snapshot: Snapshot) -> str:
    """The state as a person would say it, in mrkdwn: one line, first words bold."""
    return _STATES[snapshot.operation.state](snapshot)


def name_or_mention(actor: str | None, snapshot: Snapshot) -> str:
    """`abort_by` and the like hold a catalog name; where an answer or the request tells the Slack id, it is mentioned."""
    if not actor:
        return ""
    requester = snapshot.operation.requester
    if actor in (requester.name, requester.slack_user):
        return who(requester)
    for approval in snapshot.approvals:
        if actor == approval.actor and approval.slack_user:
            return mention(approval.slack_user)
    return esc(actor)


def took(operation: Operation) -> str:
    """How long the rollout took; "" before it has both ends."""
    start = operation.started_at or operation.created_at
    return span(operation.ended_at - start) if operation.ended_at else ""


def counts(snapshot: Snapshot, phase: Phase) -> tuple[int, int]:
    """Instances that are through, and all of them, in a phase."""
    records = snapshot.forward if phase is Phase.FORWARD else snapshot.undo
    left: dict[str, int] = {}
    for record in records:
        left.setdefault(record.step.instance, 0)
        if record.state not in (StepState.DONE, StepState.SKIPPED):
            left[record.step.instance] += 1
    return sum(1 for count in left.values() if not count), len(left)


def yes_by(snapshot: Snapshot) -> list[str]:
    """Who said yes to the present Plan, as mentions."""
    plan = snapshot.operation.plan
    valid = [a for a in snapshot.approvals if a.yes and (plan is None or a.plan_hash == plan.hash)]
    return [mention(a.slack_user) if a.slack_user else esc(a.actor) for a in valid]


def _preparing(snapshot: Snapshot) -> str:
    operation, build = snapshot.operation, snapshot.build
    if build is None or build.state is BuildState.UNKNOWN or operation.artifact is not None:
        return "*Preparing* · working out the plan"
    what = code(operation.revision.ref) if operation.revision else code(operation.wish.ref or "")
    words = {
        BuildState.QUEUED: f"*Build waits* in the queue · {what}",
        BuildState.RUNNING: f"*Building* {what}",
        BuildState.SUCCEEDED: "*Built* · working out the plan",
        BuildState.FAILED: "*The build failed*",
        BuildState.CANCELLED: "*The build was cancelled*",
    }
    return words[build.state].removesuffix(" · ").rstrip()


def _awaiting(snapshot: Snapshot) -> str:
    yes = yes_by(snapshot)
    words = "*Waits for approval*"
    if snapshot.approvals_needed > 1 or yes:
        words += f" · {len(yes)} of {max(snapshot.approvals_needed, len(yes))}"
        words += f" ({', '.join(yes)})" if yes else ""
    if snapshot.approvers:
        words += f" · {mentions(snapshot.approvers, 5)} can say yes"
    elif snapshot.approver_roles:
        words += f" · any {esc(' or '.join(snapshot.approver_roles))} can say yes"
    if snapshot.operation.approve_by:
        words += f" · until {clock(snapshot.operation.approve_by, with_day=True)}"
    return words


def _queued(snapshot: Snapshot) -> str:
    words = "*Queued*"
    if snapshot.queue_place is not None:
        words += " · next" if snapshot.queue_place == 1 else f" · place {snapshot.queue_place}"
    if snapshot.queue_behind is not None:
        words += f" · behind #{snapshot.queue_behind}"
    return words


def _rolling(snapshot: Snapshot) -> str:
    done, total = counts(snapshot, Phase.FORWARD)
    words = "*Rolling out*"
    batches = max((r.step.batch for r in snapshot.forward), default=0)
    if batches > 1:
        open_batches = [
            r.step.batch for r in snapshot.forward if r.state not in (StepState.DONE, StepState.SKIPPED)
        ]
        words += f" · batch {min(open_batches, default=batches)} of {batches}"
    return words + (f" · {done} of {plural(total, 'instance')}" if total else "")


def _verifying(snapshot: Snapshot) -> str:
    words = "*Everything is up* · watching it"
    until = snapshot.operation.verify_until
    return words + (f" until {clock(until)}" if until else "")


def _asking(snapshot: Snapshot) -> str:
    question = snapshot.operation.question
    return "*Waits for an answer*" + (f"\n{esc(clip_plain(question.text, 600))}" if question else "")


def _undoing(snapshot: Snapshot) -> str:
    done, total = counts(snapshot, Phase.UNDO)
    back = snapshot.operation.previous
    words = f"*Rolling back* to {version(back)}" if back else "*Undoing*"
    return words + (f" · {done} of {plural(total, 'instance')}" if total else "")


def _planned(snapshot: Snapshot) -> str:
    return "*A plan only* · nothing was changed"


def _succeeded(snapshot: Snapshot) -> str:
    took_words = took(snapshot.operation)
    return "*Done*" + (f" in {took_words}" if took_words else "") + _outcome(snapshot)


def _failed(snapshot: Snapshot) -> str:
    took_words = took(snapshot.operation)
    return "*Failed*" + (f" after {took_words}" if took_words else "") + _outcome(snapshot)


def _rolled_back(snapshot: Snapshot) -> str:
    back = snapshot.operation.previous
    words = f"*Rolled back* to {version(back)}" if back else "*Undone*"
    took_words = took(snapshot.operation)
    return words + (f" after {took_words}" if took_words else "") + _outcome(snapshot)


def _aborted(snapshot: Snapshot) -> str:
    return stopped_words("Stopped", snapshot)


def stopped_words(verb: str, snapshot: Snapshot) -> str:
    """`*Stopped* by @dana (wrong day). Nothing was touched.`: the outcome begins with whoever it was, who is not named twice."""
    operation = snapshot.operation
    by = name_or_mention(operation.abort_by, snapshot)
    outcome = clip_plain(operation.outcome, 600)
    for named in (f"Aborted by {operation.abort_by}", f"Stopped by {operation.abort_by}"):
        if by and outcome.startswith(named):
            rest = outcome.removeprefix(named).strip()
            return f"*{verb}* by {by}{' ' if rest.startswith('(') else ''}{esc(rest)}"
    if outcome.startswith("Stopped by "):
        return f"*{verb}* {esc(outcome.removeprefix('Stopped '))}"
    return f"*{verb}*" + (f" by {by}" if by else "") + (f"\n{esc(outcome)}" if outcome else "")


def _rejected(snapshot: Snapshot) -> str:
    no = next((a for a in snapshot.approvals if not a.yes), None)
    if no is None:
        return "*Rejected*" + _outcome(snapshot)
    by = mention(no.slack_user) if no.slack_user else esc(no.actor)
    return f"*Rejected* by {by}" + (f": {esc(no.reason)}" if no.reason else _outcome(snapshot))


def _expired(snapshot: Snapshot) -> str:
    limit, since = snapshot.operation.approve_by, snapshot.operation.created_at
    within = f" within {span(limit - since)}" if limit and limit > since else ""
    return f"*Expired* · nobody approved it{within}"


def _outcome(snapshot: Snapshot) -> str:
    return f"\n{esc(clip_plain(snapshot.operation.outcome, 600))}" if snapshot.operation.outcome else ""


_STATES = {
    State.PREPARING: _preparing,
    State.AWAITING_APPROVAL: _awaiting,
    State.QUEUED: _queued,
    State.ROLLING_OUT: _rolling,
    State.VERIFYING: _verifying,
    State.ASKING: _asking,
    State.UNDOING: _undoing,
    State.PLANNED: _planned,
    State.SUCCEEDED: _succeeded,
    State.FAILED: _failed,
    State.ROLLED_BACK: _rolled_back,
    State.ABORTED: _aborted,
    State.REJECTED: _rejected,
    State.EXPIRED: _expired,
}
