"""Pieces of answers: times, states and Targets in words, in mrkdwn, short enough for a phone. Pure; the clock is passed in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.artifact import Artifact
from bot.domain.gates import Answer, Decision, WhoMay
from bot.domain.instances import Instance, InstanceState, Traffic, TrafficState
from bot.domain.operation import Kind, Operation, State
from bot.domain.reports import TargetStatus
from commands.text import clip, code, escape

_STATES = {
    State.PREPARING: ("🛠️", "is being prepared"),
    State.AWAITING_APPROVAL: ("✋", "waits for approval"),
    State.QUEUED: ("⏳", "waits for its turn"),
    State.ROLLING_OUT: ("🚚", "is rolling out"),
    State.VERIFYING: ("👀", "is up and being watched"),
    State.ASKING: ("❓", "waits for an answer"),
    State.UNDOING: ("↩️", "is being rolled back"),
    State.PLANNED: ("📝", "was planned only"),
    State.SUCCEEDED: ("✅", "succeeded"),
    State.FAILED: ("❌", "failed"),
    State.ROLLED_BACK: ("↩️", "was rolled back"),
    State.ABORTED: ("🛑", "was stopped"),
    State.REJECTED: ("🚫", "was rejected"),
    State.EXPIRED: ("⌛", "expired"),
}
_ANSWERS = {Answer.YES: "✅", Answer.NO: "⛔", Answer.WAIT: "⏳"}


def ago(now: datetime, at: datetime) -> str:
    """`just now`, `40 s ago`, `2 min ago`, `3 h ago`, `5 days ago`. What lies ahead by a clock's error is `just now`."""
    seconds = int((now - at).total_seconds())
    if seconds < 10:
        return "just now"
    if seconds < 60:
        return f"{seconds} s ago"
    if seconds < 3600:
        return f"{seconds // 60} min ago"
    if seconds < 48 * 3600:
        return f"{seconds // 3600} h ago"
    return f"{seconds // 86400} days ago"


def lasted(length: timedelta) -> str:
    """`8 s`, `3 min 20 s`, `2 h 5 min`."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min" + (f" {seconds % 60} s" if seconds % 60 else "")
    return f"{seconds // 3600} h" + (f" {seconds % 3600 // 60} min" if seconds % 3600 >= 60 else "")


def version(artifact: Artifact | None) -> str:
    return code(clip(artifact.version, 40)) if artifact is not None else "nothing"


def what(operation: Operation) -> str:
    """`deploy of shop to prod`, `restart of shop in test`, `scale of shop in test to 4`; escaped."""
    service, environment = escape(operation.service), escape(operation.environment)
    if operation.kind in (Kind.DEPLOY, Kind.PROMOTE):
        return f"{operation.kind} of {service} to {environment}"
    text = f"{operation.kind} of {service} in {environment}"
    if operation.kind is Kind.SCALE and operation.wish.replicas is not None:
        text += f" to {operation.wish.replicas}"
    return text


def icon(operation: Operation) -> str:
    return _STATES[operation.state][0]


def state(operation: Operation) -> str:
    return _STATES[operation.state][1]


def operation_row(operation: Operation, now: datetime, *, with_environment: bool) -> str:
    """One line of history: `✅ #12 deploy `v1.2` to prod by dana · 2 h ago · took 3 min 2 s`."""
    words = [f"{icon(operation)} #{operation.number} {operation.kind}"]
    if operation.artifact is not None:
        words.append(version(operation.artifact))
    elif operation.wish.ref:
        words.append(code(clip(operation.wish.ref, 40)))
    if operation.kind is Kind.SCALE and operation.wish.replicas is not None:
        words.append(f"to {operation.wish.replicas}")
    if with_environment:
        words.append(f"on {escape(operation.environment)}")
    words.append(f"by {escape(operation.requester.display_name)}")
    parts = [" ".join(words), ago(now, operation.created_at)]
    if operation.started_at is not None and operation.ended_at is not None:
        parts.append(f"took {lasted(operation.ended_at - operation.started_at)}")
    if operation.state is not State.SUCCEEDED:
        parts.append(escape(clip(operation.outcome, 120)) if operation.outcome else state(operation))
    return " · ".join(parts)


def target_row(target: TargetStatus, now: datetime) -> str:
    """One line of status: `🟢 *shop* on test: `v1.2` · 2 min ago by dana · 3/3 healthy`."""
    parts: list[str] = []
    if target.release is None:
        parts.append("nothing released yet")
    else:
        parts.append(version(target.release.artifact))
        parts.append(f"{ago(now, target.release.at)} by {escape(target.release.by)}")
    if target.problem:
        parts.append(escape(clip(target.problem, 160)))
    elif target.wanted or target.instances:
        parts.append(f"{target.healthy}/{target.wanted or len(target.instances)} healthy")
    if target.running is not None:
        parts.append(f"#{target.running.number} {state(target.running)}")
    name = f"*{escape(target.service)}* on {escape(target.environment)}"
    return f"{_light(target)} {name}: {' · '.join(parts)}"


def instance_row(instance: Instance, traffic: Traffic | None, now: datetime) -> str:
    """One Instance: `🟢 shop-1 running, healthy · up since 2 h ago · 3 requests in flight`."""
    parts = [f"{_instance_light(instance)} {escape(instance.name)} {instance.state}"]
    if instance.healthy is not None:
        parts[0] += ", healthy" if instance.healthy else ", not healthy"
    if instance.started_at is not None and instance.state is InstanceState.RUNNING:
        parts.append(f"started {ago(now, instance.started_at)}")
    if instance.restarts:
        parts.append(f"{instance.restarts} restart{'s' if instance.restarts > 1 else ''}")
    if traffic is None or traffic.state is TrafficState.ABSENT:
        parts.append("no traffic")
    elif traffic.state is not TrafficState.ENABLED:
        parts.append(str(traffic.state))
    if traffic is not None and traffic.in_flight:
        parts.append(f"{traffic.in_flight} in flight")
    if instance.reason:
        parts.append(escape(clip(instance.reason, 160)))
    return " · ".join(parts)


def decision_row(decision: Decision) -> str:
    """One Gate's answer: `⛔ role: developers don't deploy to prod. lead (lee) can.`"""
    words = f"{_ANSWERS[decision.answer]} *{decision.gate}*: {escape(decision.reason)}"
    if not decision.is_yes and (who := who_may(decision.clears)):
        words += f" {who}"
    return words


def who_may(who: WhoMay) -> str:
    """`It takes the role lead or admin: ask lee or max.`, escaped; "" where nobody is known who can."""
    people = alternatives(who.people, 10)
    if who.roles:
        holders = f": ask {people}" if people else ", which nobody has"
        return escape(f"It takes the role {alternatives(who.roles)}{holders}.")
    return escape(f"{people} can clear it.") if people else ""


def alternatives(names: Sequence[str], at_most: int = 20) -> str:
    """`a`, `a or b`, `a, b or c`, `a, b or 3 others`."""
    shown = list(names[:at_most])
    if len(names) > at_most:
        shown.append(f"{len(names) - at_most} others")
    return f"{', '.join(shown[:-1])} or {shown[-1]}" if len(shown) > 1 else "".join(shown)


def _light(target: TargetStatus) -> str:
    wanted = target.wanted or len(target.instances)
    if target.problem or (target.release is None and not target.instances):
        return "⚪"
    if target.healthy >= wanted:
        return "🟢"
    return "🟡" if target.healthy else "🔴"


def _instance_light(instance: Instance) -> str:
    if instance.state is InstanceState.RUNNING:
        return "⚪" if instance.healthy is None else "🟢" if instance.healthy else "🔴"
    if instance.state in (InstanceState.STARTING, InstanceState.STOPPING):
        return "🟡"
    return "🔴" if instance.state is InstanceState.CRASHED else "⚪"
