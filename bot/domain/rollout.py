"""Working out Plans, their undoing, and turns: pure decisions about what is to be done to which Instance, in which order."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.domain.artifact import Artifact
from bot.domain.catalog import BatchSize, Configuration, Health, HealthKind, OnFailure, Strategy, Target
from bot.domain.errors import UnknownWord, UsageError
from bot.domain.instances import Instance, InstanceState
from bot.domain.operation import Kind, Release, StepRecord, StepState
from bot.domain.plan import Before, Phase, Plan, Step, StepKind

SIX = (StepKind.CHECK, StepKind.DRAIN, StepKind.STOP, StepKind.UPDATE, StepKind.START, StepKind.ENABLE)

STEPS_OF: Mapping[Kind, tuple[StepKind, ...]] = {
    Kind.DEPLOY: SIX,
    Kind.PROMOTE: SIX,
    Kind.ROLLBACK: SIX,
    Kind.CONFIGURE: SIX,
    Kind.RESTART: (StepKind.CHECK, StepKind.DRAIN, StepKind.STOP, StepKind.START, StepKind.ENABLE),
    Kind.STOP: (StepKind.CHECK, StepKind.DRAIN, StepKind.STOP),
    Kind.START: (StepKind.CHECK, StepKind.START, StepKind.ENABLE),
}
GROW = (StepKind.CHECK, StepKind.UPDATE, StepKind.START, StepKind.ENABLE)
SHRINK = (StepKind.CHECK, StepKind.DRAIN, StepKind.STOP, StepKind.REMOVE)


def make_plan(
    kind: Kind,
    target: Target,
    seen: Mapping[str, Instance],
    *,
    artifact: Artifact | None,
    configuration: Configuration,
    wanted: int,
    only: Sequence[str] = (),
    batch: str | None = None,
    replicas: int | None = None,
) -> Plan:
    """The Plan for one Operation on a Target whose Instances were just `seen`.

    wanted: how many Instances the Target should have; replicas: how many a scale asks for. artifact: what update brings
    (for scale: what the new Instances get). Raises UsageError for an Operation that has nothing to do or can't be done.
    """
    strategy = target.strategy if batch is None else replace(target.strategy, batch=parse_batch(batch))
    running = {
        name: instance for name, instance in seen.items() if instance.state is not InstanceState.ABSENT
    }
    warnings: list[str] = []
    if kind is Kind.SCALE:
        groups = _scale_groups(target, running, replicas)
    else:
        names = _chosen(kind, target, running, wanted, only)
        groups = [(name, STEPS_OF[kind]) for name in names]
        size = strategy.batch.of(len(names))
        if kind is not Kind.STOP and StepKind.DRAIN in STEPS_OF[kind] and running and size >= len(running):
            warnings.append(
                "All instances move at once: requests wait at the proxy until the first one is back."
            )
        if kind in (Kind.DEPLOY, Kind.ROLLBACK, Kind.PROMOTE) and len(running) > wanted and not only:
            warnings.append(
                f"{len(running)} instances exist and {wanted} are wanted: all are updated, none removed."
            )
    names = [name for name, _ in groups]
    size = strategy.batch.of(len(names))
    steps: list[Step] = []
    for position, (name, kinds) in enumerate(groups):
        for step in kinds:
            brings = step is StepKind.UPDATE
            steps.append(
                Step(
                    seq=len(steps) + 1,
                    phase=Phase.FORWARD,
                    batch=position // size + 1,
                    instance=name,
                    kind=step,
                    artifact_digest=artifact.digest if brings and artifact else None,
                    configuration_version=configuration.version if brings else None,
                )
            )
    return Plan(
        kind=kind.value,
        service=target.service,
        environment=target.environment,
        artifact_digest=artifact.digest if artifact else None,
        configuration_version=configuration.version,
        target_kind=target.kind,
        target_options=dict(target.options),
        strategy=strategy_words(strategy),
        instances=tuple(names),
        before=tuple(_before(name, running.get(name)) for name in names),
        steps=tuple(steps),
        warnings=tuple(warnings),
    )


def _before(name: str, seen: Instance | None) -> Before:
    if seen is None:
        return Before(name, exists=False, runs=False)
    runs = seen.state not in (InstanceState.STOPPED, InstanceState.STOPPING)
    return Before(name, True, runs, seen.artifact_digest, seen.configuration_version)


def _chosen(
    kind: Kind, target: Target, running: Mapping[str, Instance], wanted: int, only: Sequence[str]
) -> list[str]:
    names = list(running)
    if kind in (Kind.DEPLOY, Kind.PROMOTE, Kind.ROLLBACK):
        index = 1
        while len(names) < wanted:
            name = target.instance_name(index)
            if name not in names:
                names.append(name)
            index += 1
        names.sort(key=instance_number)
    if not names:
        raise UsageError(
            f"Nothing of {target.service} runs in {target.environment} yet.",
            "Deploy it first.",
            [f"deploy {target.service} {target.environment}"],
        )
    if not only:
        return names
    for name in only:
        if name not in names:
            raise UnknownWord(
                f"{target.service} has no instance {name} in {target.environment}.",
                f"It has {', '.join(names)}.",
                nearest_first(name, [n for n in names if n not in only])[:1],
                word=name,
                kind="instance",
            )
    return [name for name in names if name in only]


def _scale_groups(
    target: Target, running: Mapping[str, Instance], replicas: int | None
) -> list[tuple[str, tuple[StepKind, ...]]]:
    if replicas is None or replicas < 1:
        raise UsageError(
            "A service is scaled to 1 instance or more.",
            "To end all of them, stop it.",
            [f"stop {target.service} {target.environment}"],
        )
    names = sorted(running, key=instance_number)
    if not names:
        raise UsageError(
            f"Nothing of {target.service} runs in {target.environment} yet.",
            "Deploy it first.",
            [f"deploy {target.service} {target.environment}"],
        )
    if replicas == len(names):
        raise UsageError(f"{target.service} has {replicas} instances in {target.environment} already.")
    if replicas < len(names):
        return [(name, SHRINK) for name in reversed(names[replicas:])]
    new: list[tuple[str, tuple[StepKind, ...]]] = []
    index = 1
    while len(names) + len(new) < replicas:
        name = target.instance_name(index)
        if name not in running:
            new.append((name, GROW))
        index += 1
    return new


def undo_steps(plan: Plan, records: Iterable[StepRecord], scope: str) -> tuple[Step, ...]:
    """What brings touched Instances back to how they were before, one Instance at a time, newest first.

    scope "all": every Instance that was touched; "unfinished": only those whose steps are not all done. An Instance that
    was only checked is left alone.
    """
    by_instance: dict[str, list[StepRecord]] = {}
    last = 0
    for record in records:
        last = max(last, record.step.seq)
        if record.step.phase is Phase.FORWARD:
            by_instance.setdefault(record.step.instance, []).append(record)
    befores = {before.instance: before for before in plan.before}
    steps: list[Step] = []
    batch = 0
    for name in reversed(plan.instances):
        mine = by_instance.get(name, [])
        # An attempt that a person had begun anew or skipped left its marks all the same.
        touched = {
            r.step.kind
            for r in mine
            if r.attempt > 0 or r.state not in (StepState.PENDING, StepState.SKIPPED)
        }
        unfinished = any(r.state in (StepState.PENDING, StepState.INTENDED, StepState.FAILED) for r in mine)
        skipped = any(r.state is StepState.SKIPPED for r in mine)
        if not touched - {StepKind.CHECK} or (scope == "unfinished" and not unfinished and not skipped):
            continue
        batch += 1
        before = befores[name]
        for kind in _undo_kinds(before, touched):
            brings = kind is StepKind.UPDATE
            steps.append(
                Step(
                    seq=last + len(steps) + 1,
                    phase=Phase.UNDO,
                    batch=batch,
                    instance=name,
                    kind=kind,
                    artifact_digest=before.artifact_digest if brings else None,
                    configuration_version=before.configuration_version if brings else None,
                )
            )
    return tuple(steps)


def _undo_kinds(before: Before, touched: set[StepKind]) -> tuple[StepKind, ...]:
    if not before.exists:
        return (StepKind.DRAIN, StepKind.STOP, StepKind.REMOVE)
    changed = bool(touched & {StepKind.UPDATE, StepKind.REMOVE})
    if not before.runs:
        return (StepKind.DRAIN, StepKind.STOP) + ((StepKind.UPDATE,) if changed else ())
    if changed:
        return (StepKind.DRAIN, StepKind.STOP, StepKind.UPDATE, StepKind.START, StepKind.ENABLE)
    if touched & {StepKind.STOP, StepKind.START}:
        return (StepKind.DRAIN, StepKind.STOP, StepKind.START, StepKind.ENABLE)
    return (StepKind.ENABLE,)


def rollback_choice(releases: Sequence[Release]) -> Release | None:
    """The Release to go back to; None when there is nothing before.

    releases: of one Target, newest first. They are read as a stack: a deploy puts its Artifact on top, a rollback takes off
    what lies above the one that it went back to. So a second rollback goes further back, never forth again.
    """
    stack: list[Release] = []
    for release in reversed(releases):
        digest = release.artifact.digest
        if release.kind is Kind.ROLLBACK and any(r.artifact.digest == digest for r in stack):
            while stack[-1].artifact.digest != digest:
                stack.pop()
        elif not stack or stack[-1].artifact.digest != digest:
            stack.append(release)
    return stack[-2] if len(stack) > 1 else None


def what_changed(old: Plan, new: Plan) -> str:
    """One sentence on how a Plan worked out again differs from the one that was shown; empty when the hashes agree."""
    if old.hash == new.hash:
        return ""
    parts: list[str] = []
    if old.artifact_digest != new.artifact_digest:
        parts.append("the artifact")
    if old.configuration_version != new.configuration_version:
        parts.append("the configuration")
    if (old.target_kind, dict(old.target_options)) != (new.target_kind, dict(new.target_options)):
        parts.append("the target's settings")
    if dict(old.strategy) != dict(new.strategy):
        parts.append("the strategy")
    if old.instances != new.instances:
        parts.append(f"the instances ({len(old.instances)} before, {len(new.instances)} now)")
    elif {b.instance: b.artifact_digest for b in old.before} != {
        b.instance: b.artifact_digest for b in new.before
    }:
        parts.append("what runs now")
    return f"The plan was worked out again: {', '.join(parts) or 'its steps'} changed."


def nearest_first(word: str, known: Iterable[str]) -> list[str]:
    """The known words by likeness to `word`, best first; standard library's matcher, so the domain stays pure."""
    return sorted(known, key=lambda k: -difflib.SequenceMatcher(None, word, k).ratio())


def instance_number(name: str) -> tuple[int, str]:
    """Sorts `shop-2` before `shop-10`."""
    tail = name.rpartition("-")[2]
    return (int(tail) if tail.isdigit() else 0, name)


def parse_batch(text: str) -> BatchSize:
    """`2` or `25%`. Raises UsageError."""
    number, is_share = (text[:-1], True) if text.endswith("%") else (text, False)
    value = int(number) if number.isascii() and number.isdigit() else 0
    if value < 1 or (is_share and value > 100):
        raise UsageError(
            f"“{text}” is no batch size.", "Use a number of instances or a share: 2 or 25%.", ["--batch 2"]
        )
    return BatchSize(percent=value) if is_share else BatchSize(count=value)


def strategy_words(strategy: Strategy) -> dict[str, Any]:
    """A Strategy as JSON words, as a Plan keeps it; `strategy_from` reads it back. Durations are seconds."""
    health = strategy.health
    return {
        "batch": str(strategy.batch),
        "pause": strategy.pause.total_seconds(),
        "drain_within": strategy.drain_within.total_seconds(),
        "stop_within": strategy.stop_within.total_seconds(),
        "bake": strategy.bake.total_seconds(),
        "on_failure": strategy.on_failure.value,
        "health": {
            "kind": health.kind.value,
            "path": health.path,
            "command": health.command,
            "timeout": health.timeout.total_seconds(),
            "start_within": health.start_within.total_seconds(),
        },
    }


def strategy_from(words: Mapping[str, Any]) -> Strategy:
    health = words["health"]
    return Strategy(
        batch=parse_batch(words["batch"]),
        pause=timedelta(seconds=words["pause"]),
        drain_within=timedelta(seconds=words["drain_within"]),
        stop_within=timedelta(seconds=words["stop_within"]),
        bake=timedelta(seconds=words["bake"]),
        on_failure=OnFailure(words["on_failure"]),
        health=Health(
            kind=HealthKind(health["kind"]),
            path=health["path"],
            command=health["command"],
            timeout=timedelta(seconds=health["timeout"]),
            start_within=timedelta(seconds=health["start_within"]),
        ),
    )


def target_of(plan: Plan, configuration: Configuration) -> Target:
    """The Target as the Plan keeps it: what a rollout works on, whatever the catalog says meanwhile."""
    return Target(
        service=plan.service,
        environment=plan.environment,
        kind=plan.target_kind,
        instances=len(plan.instances),
        options=plan.target_options,
        strategy=strategy_from(plan.strategy),
        configuration=configuration,
    )
