"""The approval prompt: a new message that mentions the people who can act.

Once it no longer applies it has no buttons, and says why.
"""

from __future__ import annotations

from bot.domain.operation import Operation, Snapshot, State
from bot.slack.views.blocks import Message, actions, context, header, message, section
from bot.slack.views.buttons import approval_buttons
from bot.slack.views.changes import commits, versions
from bot.slack.views.planned import plan_line, warnings
from bot.slack.views.text import clock, esc, mention, mentions, who
from bot.slack.views.words import stopped_words, title, yes_by


def prompt(snapshot: Snapshot, key: str | None = None, plan_hash: str | None = None) -> Message:
    """`plan_hash`: the Plan that this prompt asked about; another one in force makes this prompt void."""
    operation = snapshot.operation
    changed = plan_hash is not None and operation.plan is not None and plan_hash != operation.plan.hash
    applies = operation.state is State.AWAITING_APPROVAL and not changed
    text = _ask(snapshot) if applies else _settled(snapshot, changed)
    mark = "✋" if applies else "☑️"
    blocks = [
        header(f"{mark} Approve? {title(operation)}" if applies else f"{mark} {title(operation)}"),
        section(text),
        section(f"⚠️ {esc(operation.plan_note)}") if applies and operation.plan_note else None,
        section("\n".join(line for line in (versions(operation), commits(operation.commits, 10)) if line))
        if not changed
        else None,
        context(plan_line(operation.plan), warnings(operation.plan))
        if operation.plan and not changed
        else None,
        actions(approval_buttons(operation), f"buttons:{operation.number}") if applies else None,
        context(_footer(operation)),
    ]
    return message(f"#{operation.number} {esc(title(operation))}: {text.replace('*', '')}", blocks, key)


def _ask(snapshot: Snapshot) -> str:
    operation = snapshot.operation
    asked = mentions(snapshot.approvers) or esc(" or ".join(snapshot.approver_roles)) or "Somebody who may"
    words = f"{asked}: {who(operation.requester)} asks for approval"
    yes = yes_by(snapshot)
    if snapshot.approvals_needed > 1:
        words += f" · {len(yes)} of {snapshot.approvals_needed}" + (f" ({', '.join(yes)})" if yes else "")
    if operation.approve_by:
        words += f" · until {clock(operation.approve_by, with_day=True)}"
    return words


def _settled(snapshot: Snapshot, changed: bool) -> str:
    """Why there is nothing to press any more."""
    operation = snapshot.operation
    if changed:
        return "*The plan has changed* since this was asked" + _because(operation.plan_note)
    if operation.state is State.REJECTED:
        no = next((a for a in snapshot.approvals if not a.yes), None)
        by = f" by {mention(no.slack_user) if no.slack_user else esc(no.actor)}" if no else ""
        return f"*Rejected*{by}" + _because(no.reason if no and no.reason else operation.outcome)
    if operation.state is State.EXPIRED:
        return "*Expired* · nobody approved it in time"
    if operation.state is State.PREPARING:
        return "*It is planned again*" + _because(operation.plan_note)
    yes = yes_by(snapshot)
    if operation.state is State.ABORTED and len(yes) < max(1, snapshot.approvals_needed):
        return stopped_words("Aborted", snapshot)
    if yes:
        return f"*Approved* by {', '.join(yes)}"
    return "*No longer waits for approval*" + _because(operation.outcome)


def _because(reason: str) -> str:
    return f": {esc(reason)}" if reason else ""


def _footer(operation: Operation) -> str:
    reason = f" · “{esc(operation.wish.reason)[:300]}”" if operation.wish.reason else ""
    return f"*#{operation.number}* · {who(operation.requester)}, {clock(operation.created_at, with_day=True)}{reason}"
