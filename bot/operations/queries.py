"""Answers to questions: snapshots for messages, what is where, history, logs, why. Nothing here changes anything."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.domain.catalog import Target
from bot.domain.errors import AdapterError, ShipbellError, UnknownWord
from bot.domain.gates import Answer, Decision, Gate
from bot.domain.identity import Actor, SlackIdentity
from bot.domain.operation import FINAL, HOLDS_TARGET, Kind, Operation, Origin, Snapshot, State, Wish
from bot.domain.reports import HomeReport, InstanceLog, TargetStatus, WhyReport
from bot.domain.rollout import nearest_first
from bot.operations.gates import (
    approval_gate,
    approvals_needed,
    permission_for,
    permission_on,
    require,
    standing,
    turn_gate,
)
from bot.operations.ledger import Ledger
from bot.operations.planning import wanted_instances
from bot.operations.world import World
from bot.ports import Permission, View

_OPEN = frozenset(State) - FINAL
_ACTIONS = (*(kind.value for kind in Kind), "approve", "reject", "abort", "answer", "view", "logs")
_SAYS: Mapping[State, str] = {
    State.PREPARING: "it is being prepared",
    State.AWAITING_APPROVAL: "it waits for approval",
    State.QUEUED: "it waits for its turn",
    State.ROLLING_OUT: "it is rolling out",
    State.VERIFYING: "it is rolled out and being watched",
    State.ASKING: "it waits for an answer",
    State.UNDOING: "it is being undone",
    State.PLANNED: "it was a plan only",
    State.SUCCEEDED: "it has succeeded",
    State.FAILED: "it has failed",
    State.ROLLED_BACK: "it was rolled back",
    State.ABORTED: "it was aborted",
    State.REJECTED: "it was rejected",
    State.EXPIRED: "it has expired",
}


def words_of(operation: Operation) -> str:
    """The Operation's state as the end of a sentence: `it has succeeded`."""
    return _SAYS[operation.state]


class Queries:
    def __init__(self, world: World, ledger: Ledger) -> None:
        self._world = world
        self._ledger = ledger

    async def snapshot(self, number: int) -> Snapshot:
        operation = await self._ledger.load(number)
        async with self._world.store.view() as view:
            snapshot = await self._snapshot(view, operation)
        return await self._with_front(snapshot)

    async def _with_front(self, snapshot: Snapshot) -> Snapshot:
        """Where an ended Operation's Target is reached. Asked of another system, so while no view of the tables is open."""
        operation = snapshot.operation
        target = self._world.catalog.target(operation.service, operation.environment)
        if operation.plan is None or target is None or not operation.is_final:
            return snapshot
        return replace(snapshot, environment_url=await _front(self._world, target))

    async def _snapshot(self, view: View, operation: Operation) -> Snapshot:
        world = self._world
        environment = world.catalog.environments.get(operation.environment)
        approvals = tuple(await view.approvals(operation.number))
        needed = approvals_needed(world, operation)
        given = len(standing(world, operation, approvals))
        ids: tuple[str, ...] = ()
        roles: tuple[str, ...] = ()
        decisions: list[Decision] = []
        if operation.state is State.AWAITING_APPROVAL:
            gate = approval_gate(world, operation, given)
            decisions.append(gate)
            roles = gate.clears.roles
            people = (world.catalog.people.get(name) for name in gate.clears.people)
            ids = tuple(p.slack for p in people if p and p.slack and p.name != operation.requester.name)
        elif operation.question is not None and operation.question.subject == "gate":
            # The requester may not any more: those are asked who may let it go on.
            may = permission_for(
                operation.kind, operation.service, operation.environment, operation.requester
            )
            names = world.access.who_may(may, world.catalog).people
            people = (world.catalog.people.get(name) for name in names)
            ids = tuple(p.slack for p in people if p and p.slack and p.name != operation.requester.name)
        place, behind = None, None
        if operation.state is State.QUEUED:
            others = await view.operations(
                states=HOLDS_TARGET | {State.QUEUED},
                service=operation.service,
                environment=operation.environment,
                limit=200,
            )
            ahead = [op for op in others if op.number < operation.number or op.state in HOLDS_TARGET]
            place = len(ahead) or None
            behind = max((op.number for op in ahead), default=None)
        return Snapshot(
            operation=operation,
            steps=tuple(sorted(await view.steps(operation.number), key=lambda r: r.step.seq)),
            approvals=approvals,
            approvals_needed=needed,
            approvers=ids,
            approver_roles=roles,
            queue_place=place,
            queue_behind=behind,
            build=await view.build(operation.build_key) if operation.build_key else None,
            decisions=tuple(decisions),
            channel=environment.channel if environment else "",
            approvals_channel=environment.approvals_channel if environment else "",
            now=world.clock.now(),
        )

    # --- what is where

    async def status(
        self, actor: Actor, service: str | None, environment: str | None
    ) -> Sequence[TargetStatus]:
        """The Targets that the Actor may see, in the catalog's order, asked side by side; a system that doesn't answer is named."""
        catalog = self._world.catalog
        if environment is not None and environment not in catalog.environments:
            near = nearest_first(environment, catalog.environments)
            raise UnknownWord(
                f"There is no environment “{environment}”.",
                f"Did you mean {near[0]}?" if near else "",
                near[:3],
                word=environment,
                kind="environment",
            )
        targets = [
            target
            for found in catalog.services.values()
            for target in found.targets.values()
            if (service is None or target.service == service)
            and (environment is None or target.environment == environment)
        ]
        visible = [
            target
            for target in targets
            if self._world.access.decide(
                actor, Permission("view", target.service, target.environment), catalog
            ).is_yes
        ]
        if targets and not visible:
            require(self._world, actor, Permission("view", targets[0].service, targets[0].environment))
        async with self._world.store.view() as view:
            releases = await view.current_releases()
            running = await view.operations(states=_OPEN, limit=500)
        by_target: dict[str, Operation] = {}
        for operation in running:
            if operation.state in HOLDS_TARGET or operation.target_key not in by_target:
                by_target[operation.target_key] = operation
        found = await asyncio.gather(*(self._target_status(target) for target in visible))
        return [
            replace(
                status,
                release=releases.get((status.service, status.environment)),
                running=by_target.get(f"{status.service}@{status.environment}"),
            )
            for status in found
        ]

    async def _target_status(self, target: Target) -> TargetStatus:
        world = self._world
        now = world.clock.now()
        wanted, _ = await wanted_instances(world, target)
        try:
            instances, traffic = await asyncio.wait_for(
                asyncio.gather(
                    world.runtime_of(target.kind).inspect(target),
                    world.traffic_of(target.kind).inspect(target),
                ),
                timeout=5,
            )
        except (AdapterError, TimeoutError) as error:
            problem = str(error) or "it did not answer within 5 s"
            return TargetStatus(
                target.service, target.environment, None, wanted=wanted, problem=problem, asked_at=now
            )
        return TargetStatus(
            target.service,
            target.environment,
            None,
            tuple(instances.values()),
            tuple(traffic.values()),
            wanted,
            await _front(world, target),
            asked_at=now,
        )

    async def history(
        self, actor: Actor, service: str, environment: str | None, limit: int
    ) -> Sequence[Operation]:
        """What the Actor may see of it. Raises Refused where that is nothing."""
        if environment is not None:
            require(self._world, actor, Permission("view", service, environment))
        async with self._world.store.view() as view:
            found = await view.operations(service=service, environment=environment, limit=limit)
        visible = [operation for operation in found if self._may_see(actor, operation)]
        if found and not visible:
            require(self._world, actor, Permission("view", service, found[0].environment))
        return visible

    def _may_see(self, actor: Actor, operation: Operation) -> bool:
        permission = Permission("view", operation.service, operation.environment)
        return self._world.access.decide(actor, permission, self._world.catalog).is_yes

    async def logs(
        self, actor: Actor, service: str, environment: str, instance: str | None, lines: int
    ) -> Sequence[InstanceLog]:
        target = self._world.target(service, environment)
        require(self._world, actor, Permission("logs", service, environment))
        runtime = self._world.runtime_of(target.kind)
        names = list(await runtime.inspect(target))
        if instance is not None and instance not in names:
            near = nearest_first(instance, names)
            raise UnknownWord(
                f"{service} has no instance {instance} in {environment}.",
                f"It has {', '.join(names)}." if names else "None runs there.",
                [f"logs {service} {environment} {name}" for name in near[:2]],
                word=instance,
                kind="instance",
            )
        wanted = [instance] if instance is not None else names
        found = await asyncio.gather(*(runtime.logs(target, name, lines) for name in wanted))
        return [InstanceLog(name, tuple(log)) for name, log in zip(wanted, found, strict=True)]

    # --- why, whoami, home

    async def why(self, actor: Actor, service: str, environment: str) -> WhyReport:
        """The Decisions that a deploy of this Target would meet now, by the very functions that would decide it."""
        world = self._world
        world.target(service, environment)
        require(world, actor, Permission("view", service, environment))
        async with world.store.view() as view:
            latest = await view.operations(service=service, environment=environment, limit=1)
            holding = await view.operations(
                states=HOLDS_TARGET, service=service, environment=environment, limit=1
            )
            snapshot = await self._snapshot(view, latest[0]) if latest else None
        if snapshot is not None:
            snapshot = await self._with_front(snapshot)
        decisions = [
            world.access.decide(
                actor, permission_for(Kind.DEPLOY, service, environment, actor), world.catalog
            ),
            approval_gate(world, _imagined(actor, service, environment, world), 0),
            turn_gate(holding[0] if holding else None),
        ]
        problem = await world.channel_problem(world.catalog.environments[environment].channel)
        if problem:
            decisions.append(Decision(Gate.CHANNEL, Answer.NO, problem))
        return WhyReport(service, environment, tuple(decisions), snapshot)

    def permissions(self, actor: Actor) -> Mapping[str, Sequence[str]]:
        """Environment -> what the Actor may do in any Service there."""
        catalog = self._world.catalog
        return {
            environment: [
                action
                for action in _ACTIONS
                if any(
                    self._world.access.decide(
                        actor, Permission(action, service.name, environment), catalog
                    ).is_yes
                    for service in catalog.services.values()
                    if environment in service.targets
                )
            ]
            for environment in catalog.environments
        }

    async def home(self, identity: SlackIdentity) -> HomeReport:
        world = self._world
        now = world.clock.now()
        try:
            found = world.access.identify(await world.people.profile(identity), world.catalog)
        except ShipbellError:
            return HomeReport(
                None, refusal="Slack could not be asked who you are. Try again in a moment.", now=now
            )
        if isinstance(found, Decision):
            return HomeReport(None, refusal=found.reason, now=now)
        async with world.store.view() as view:
            open_ = await view.operations(states=_OPEN, limit=50, newest_first=False)
            snapshots = [
                await self._snapshot(view, operation)
                for operation in open_
                if self._may_see(found, operation)
            ]
        waiting = tuple(s for s in snapshots if self._waits_for(found, s))
        running = tuple(s for s in snapshots if s not in waiting)
        try:
            targets = tuple(await self.status(found, None, None))
        except ShipbellError:
            targets = ()
        return HomeReport(found, waiting, running, targets, now=now)

    def _waits_for(self, actor: Actor, snapshot: Snapshot) -> bool:
        operation = snapshot.operation
        action = {State.AWAITING_APPROVAL: "approve", State.ASKING: "answer"}.get(operation.state)
        if action is None:
            return False
        permission = permission_on(action, operation)
        return self._world.access.decide(actor, permission, self._world.catalog).is_yes

    async def refs(self, service: str) -> Sequence[str]:
        found = self._world.service(service)
        try:
            return await self._world.source_of(found).refs(found.source)
        except AdapterError:
            return ()


async def _front(world: World, target: Target) -> str | None:
    try:
        return await world.traffic_of(target.kind).front(target)
    except AdapterError:
        return None


def _imagined(actor: Actor, service: str, environment: str, world: World) -> Operation:
    return Operation(
        number=0,
        kind=Kind.DEPLOY,
        service=service,
        environment=environment,
        requester=actor,
        origin=Origin("why", ""),
        wish=Wish(),
        state=State.PREPARING,
        created_at=world.clock.now(),
    )
