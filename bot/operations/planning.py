"""From a wish to a Plan: the ref becomes a Revision, the Revision an Artifact, the Target is inspected, the Plan worked out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.domain.artifact import Artifact, CommitRange
from bot.domain.catalog import Configuration, Target
from bot.domain.errors import AdapterError, RefNotFound, UsageError
from bot.domain.operation import Kind, Operation, Release, State
from bot.domain.plan import Plan, StepKind
from bot.domain.rollout import make_plan, nearest_first, rollback_choice
from bot.operations.world import World


@dataclass(frozen=True)
class Chosen:
    """What a release brings: the Artifact (None: it must be built from the operation's Revision) and its configuration."""

    artifact: Artifact | None
    configuration: Configuration


async def current_release(world: World, service: str, environment: str) -> Release | None:
    async with world.store.view() as view:
        found = await view.releases(service, environment, 1)
    return found[0] if found else None


async def choose(world: World, operation: Operation, target: Target) -> Chosen:
    """What the Operation brings, as far as it's known without a Build. Raises UsageError and RefNotFound."""
    match operation.kind:
        case Kind.DEPLOY | Kind.PROMOTE:
            return await _for_deploy(world, operation, target)
        case Kind.ROLLBACK:
            return await _for_rollback(world, operation, target)
        case _:
            return await _as_it_runs(world, operation, target)


async def _for_deploy(world: World, operation: Operation, target: Target) -> Chosen:
    ref = operation.wish.ref
    if ref is not None and ref.startswith("#"):
        return Chosen(await _artifact_of(world, operation.service, ref), target.configuration)
    return Chosen(None, target.configuration)


async def _for_rollback(world: World, operation: Operation, target: Target) -> Chosen:
    async with world.store.view() as view:
        releases = list(await view.releases(operation.service, operation.environment, 200))
    wanted = operation.wish.to
    if not releases:
        raise UsageError(
            f"Nothing of {operation.service} was released in {operation.environment} yet, so there is no way back.",
            "Deploy it first.",
            [f"deploy {operation.service} {operation.environment}"],
        )
    if wanted is None:
        choice = rollback_choice(releases)
        if choice is None:
            others = _other_versions(releases)
            raise UsageError(
                f"{operation.service} in {operation.environment} has no release before {releases[0].artifact.version}.",
                "Name a version to go to another one." if others else "There is nothing to go back to.",
                [f"rollback {operation.service} {operation.environment} to {v}" for v in others[:2]],
            )
    elif wanted.startswith("#"):
        number = _number(wanted)
        choice = next((r for r in releases if r.operation == number), None)
    else:
        choice = next((r for r in releases if _named(r.artifact, wanted)), None)
    if choice is None:
        near = nearest_first(wanted or "", dict.fromkeys(r.artifact.version for r in releases))
        raise UsageError(
            f"{operation.service} was never released as {wanted} in {operation.environment}.",
            f"It was as {', '.join(near[:5])}.",
            [f"rollback {operation.service} {operation.environment} to {v}" for v in near[:2]],
        )
    async with world.store.view() as view:
        configuration = await view.configuration(choice.configuration_version)
    return Chosen(choice.artifact, configuration or target.configuration)


async def _as_it_runs(world: World, operation: Operation, target: Target) -> Chosen:
    """Restart, stop, start and scale keep what runs; new Instances of a scale get it too."""
    release = await current_release(world, operation.service, operation.environment)
    if release is None:
        return Chosen(None, target.configuration)
    async with world.store.view() as view:
        configuration = await view.configuration(release.configuration_version)
    return Chosen(release.artifact, configuration or target.configuration)


async def known_artifact(world: World, service: str, version: str) -> Artifact | None:
    """An Artifact of this Service by version or digest, for what the source knows no more."""
    async with world.store.view() as view:
        found = await view.artifacts(service, version)
    return found[0] if found else None


async def _artifact_of(world: World, service: str, ref: str) -> Artifact:
    number = _number(ref)
    async with world.store.view() as view:
        found = await view.operation(number)
    if found is None or found.service != service or found.artifact is None:
        what = "doesn't exist" if found is None else f"brought no version of {service}"
        raise RefNotFound(
            f"Operation {ref} {what}.", f"`history {service}` lists those that did.", [f"history {service}"]
        )
    return found.artifact


async def commits_between(
    world: World, name: str, before: Artifact | None, after: Artifact | None
) -> CommitRange | None:
    """What a release brings, for people to read; None where it can't be told: it is no part of what is done."""
    if before is None or after is None or before.digest == after.digest:
        return None
    service = world.service(name)
    try:
        return await world.source_of(service).between(service.source, before.revision.sha, after.revision.sha)
    except (AdapterError, RefNotFound):
        return None


async def wanted_instances(world: World, target: Target) -> tuple[int, str]:
    """How many Instances the Target should have, and a sentence when a scale and the catalog differ."""
    async with world.store.view() as view:
        scales = await view.operations(
            states=frozenset({State.SUCCEEDED}),
            kinds=frozenset({Kind.SCALE}),
            service=target.service,
            environment=target.environment,
            limit=1,
        )
    for operation in scales:
        if operation.wish.replicas not in (None, target.instances):
            return operation.wish.replicas, (
                f"The catalog says {target.instances} instances; it was scaled to "
                f"{operation.wish.replicas} by #{operation.number}."
            )
    return target.instances, ""


async def work_out(
    world: World,
    operation: Operation,
    target: Target,
    artifact: Artifact | None,
    configuration: Configuration,
) -> Plan:
    """Inspects the Target and makes the Plan. Raises UsageError when there is nothing to do, AdapterError when it can't ask."""
    seen = await world.runtime_of(target.kind).inspect(target)
    wanted, note = await wanted_instances(world, target)
    plan = make_plan(
        operation.kind,
        target,
        seen,
        artifact=artifact,
        configuration=configuration,
        wanted=wanted,
        only=operation.wish.only,
        batch=operation.wish.batch,
        replicas=operation.wish.replicas,
    )
    if (
        operation.kind is Kind.SCALE
        and artifact is None
        and any(s.kind is StepKind.UPDATE for s in plan.steps)
    ):
        raise UsageError(
            f"{target.service} has no release in {target.environment}, so nobody knows what new instances should run.",
            "Deploy all of its instances first.",
            [f"deploy {target.service} {target.environment}"],
        )
    return replace(plan, warnings=(*plan.warnings, note)) if note else plan


def _other_versions(releases: Sequence[Release]) -> list[str]:
    current = releases[0].artifact.digest
    return list(dict.fromkeys(r.artifact.version for r in releases if r.artifact.digest != current))


def _named(artifact: Artifact, wanted: str) -> bool:
    word = wanted.lower()
    digest = artifact.digest.removeprefix("sha256:")
    by_prefix = len(word) >= 7 and (artifact.revision.sha.startswith(word) or digest.startswith(word))
    return artifact.version == wanted or by_prefix or artifact.digest == word


def _number(word: str) -> int:
    digits = word.removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 else 0
