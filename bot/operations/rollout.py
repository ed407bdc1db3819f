"""The rollout workflow: a small interpreter of a Plan's rows. It carries on from them alone, whatever process began it.

It knows no ports: one Step is `stepping`'s. It ends when the Operation is settled, or when only a person can decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from bot.domain.catalog import Configuration, OnFailure, Target
from bot.domain.errors import AdapterError
from bot.domain.instances import Instance, InstanceState
from bot.domain.operation import (
    RELEASES,
    Choice,
    Kind,
    Operation,
    Question,
    Release,
    State,
    StepRecord,
    StepState,
)
from bot.domain.plan import Phase, StepKind
from bot.domain.rollout import strategy_from, target_of, undo_steps
from bot.operations.gates import may_still
from bot.operations.ledger import Also, Ledger
from bot.operations.stepping import AbortHeard, Brought, StepFailure, Stepper, told
from bot.operations.world import World
from bot.ports import Transaction

FAILURE_CHOICES = (Choice.RETRY, Choice.SKIP, Choice.ROLL_BACK, Choice.STOP_HERE)
WATCHED_CHOICES = (Choice.RETRY, Choice.ROLL_BACK, Choice.STOP_HERE)
"""After a failure in the bake time: an Instance that gets traffic can't be left out as it is."""
ABORT_CHOICES = (Choice.STOP_HERE, Choice.ROLL_BACK, Choice.CARRY_ON)
UNDO_CHOICES = (Choice.RETRY, Choice.STOP_HERE)
_OPEN_STEP = frozenset({StepState.PENDING, StepState.INTENDED, StepState.FAILED})


class Rollout:
    def __init__(self, world: World, ledger: Ledger) -> None:
        self._world = world
        self._ledger = ledger

    async def run(self, number: int, leg: int | None = None) -> None:
        """Moves the Operation until it is settled or asks. leg: the one that this workflow was begun for; another leg is another
        workflow's, also when an answer was faster than the end of the one that asked. Raises LeaseLost and StorageError, which
        end this run only."""
        # Taken by the run, not by the replica: the work of a younger replica may come to an older one. A run that lost its work
        # can't take one: it asks its lease before each effect, and its earlier fence is too small by then.
        fence = await self._world.store.replicas.next_fence()
        while True:
            operation = await self._ledger.load(number)
            if operation.plan is None or (leg is not None and operation.leg != leg):
                return
            # The row decides: an answer may have been given at another replica, which could take no signal away here.
            if operation.abort_by and operation.state in (State.ROLLING_OUT, State.VERIFYING):
                self._world.signals.aborts.add(number)
            else:
                self._world.signals.aborts.discard(number)
            configuration = await self._configuration(operation)
            target = target_of(operation.plan, configuration)
            brought = await self._brought(operation)
            stepper = Stepper(self._world, self._ledger, operation, target, brought, fence)
            match operation.state:
                case State.ROLLING_OUT:
                    await self._forward(operation, stepper)
                case State.VERIFYING:
                    await self._verify(operation, stepper, target)
                case State.UNDOING:
                    await self._undo(operation, stepper)
                case _:
                    return

    # --- forward

    async def _forward(self, operation: Operation, stepper: Stepper) -> None:
        """Batch after Batch, the Instances of a Batch side by side."""
        assert operation.plan is not None
        strategy = strategy_from(operation.plan.strategy)
        records = [r for r in await self._ledger.steps(operation.number) if r.step.phase is Phase.FORWARD]
        numbers = sorted({record.step.batch for record in records})
        try:
            for number in numbers:
                batch = [record for record in records if record.step.batch == number]
                if all(record.state in (StepState.DONE, StepState.SKIPPED) for record in batch):
                    continue
                if number != numbers[0]:
                    await self._pause(operation, strategy.pause, number)
                refusal = may_still(self._world, operation)
                if refusal is not None:
                    await self._ask(
                        operation,
                        "gate",
                        f"{refusal.reason} Batch {number} of {numbers[-1]} waits.",
                        ABORT_CHOICES,
                    )
                    return
                await self._batch(stepper, batch)
        except StepFailure as failure:
            await self._failed(operation, failure)
            return
        except AbortHeard:
            await self._ask_abort(operation)
            return
        await self._all_moved(operation, strategy.bake)

    async def _batch(self, stepper: Stepper, batch: Sequence[StepRecord]) -> None:
        """All Instances of the Batch; the others come to their next safe point before a failure or an abort is told."""
        by_instance: dict[str, list[StepRecord]] = {}
        for record in batch:
            by_instance.setdefault(record.step.instance, []).append(record)

        async def one(records: list[StepRecord]) -> None:
            for record in records:
                await stepper.perform(record)

        results = await asyncio.gather(*(one(r) for r in by_instance.values()), return_exceptions=True)
        problems = [result for result in results if isinstance(result, BaseException)]
        for kind in (StepFailure, AbortHeard):
            for problem in problems:
                if isinstance(problem, kind):
                    others = [p for p in problems if not isinstance(p, (StepFailure, AbortHeard))]
                    raise others[0] if others else problem
        if problems:
            raise problems[0]

    async def _pause(self, operation: Operation, pause: timedelta, batch: int) -> None:
        """From the end of the batches before; read anew, since what was read at the beginning knows of no ends."""
        before = [
            r
            for r in await self._ledger.steps(operation.number)
            if r.step.phase is Phase.FORWARD and r.step.batch < batch
        ]
        ends = [r.ended_at for r in before if r.ended_at is not None]
        until = max(ends) + pause if ends else self._world.clock.now()
        while self._world.clock.now() < until:
            self._world.checkpoint()
            if operation.number in self._world.signals.aborts:
                raise AbortHeard
            left = (until - self._world.clock.now()).total_seconds()
            await asyncio.sleep(max(0.0, min(left, self._world.patience.poll)))

    async def _all_moved(self, operation: Operation, bake: timedelta) -> None:
        if operation.kind is Kind.STOP:
            await self._settle(operation)
            return
        now = self._world.clock.now()
        await self._ledger.change(
            operation.number,
            lambda op: op.moved(State.VERIFYING, now, verify_until=now + bake),
            summary=f"all instances moved, watching them for {bake.total_seconds():g} s",
        )

    # --- verify

    async def _verify(self, operation: Operation, stepper: Stepper, target: Target) -> None:
        """Watches the Instances over the bake time: one that crashes, restarts or stays unhealthy is a failure."""
        assert operation.plan is not None
        assert operation.verify_until is not None
        skipped = {
            r.step.instance
            for r in await self._ledger.steps(operation.number)
            if r.state is StepState.SKIPPED or r.step.kind is StepKind.REMOVE
        }
        watched = [name for name in operation.plan.instances if name not in skipped]
        unwell: dict[str, int] = {}
        try:
            while True:
                self._world.checkpoint()
                seen = await stepper.instances()
                for name in watched:
                    problem = _problem(seen.get(name), name)
                    unwell[name] = unwell.get(name, 0) + 1 if problem else 0
                    certain = problem and (unwell[name] >= 3 or not _may_recover(seen.get(name)))
                    if certain:
                        instance = seen.get(name)
                        lines = (instance.log_tail if instance else ()) or await self._last_lines(
                            target, name
                        )
                        failure = StepFailure(f"While it was watched after the rollout: {problem}", lines)
                        await self._mark(operation, name, failure)
                        raise failure
                if operation.number in self._world.signals.aborts:
                    raise AbortHeard
                if self._world.clock.now() >= operation.verify_until and not any(unwell.values()):
                    break
                await asyncio.sleep(self._world.patience.poll_most)
        except StepFailure as failure:
            await self._failed(operation, failure)
            return
        except AbortHeard:
            await self._ask_abort(operation)
            return
        await self._settle(operation)

    async def _mark(self, operation: Operation, instance: str, failure: StepFailure) -> None:
        """Its last Step failed after all: so people see it, a retry begins this Instance anew, and “stop here” takes it back."""
        mine = [r for r in await self._ledger.steps(operation.number) if r.step.phase is Phase.FORWARD]
        last = [r for r in mine if r.step.instance == instance][-1:]
        for record in last:
            failed = replace(
                record, state=StepState.FAILED, outcome=failure.reason, log_tail=failure.log_tail[-20:]
            )
            await self._ledger.record(operation, failed)

    async def _last_lines(self, target: Target, instance: str) -> tuple[str, ...]:
        """What it wrote last; nothing where that can't be read, since the failure itself is what has to be told."""
        try:
            return tuple(await self._world.runtime_of(target.kind).logs(target, instance, 20))
        except AdapterError:
            return ()

    async def _settle(self, operation: Operation) -> None:
        """Success: the Release is written in the same transaction. An abort that only its row knows yet asks instead."""
        now = self._world.clock.now()

        async def release(tx: Transaction, op: Operation) -> None:
            if op.kind in RELEASES and op.artifact is not None and op.plan is not None and not op.wish.only:
                await tx.add_release(
                    Release(
                        operation=op.number,
                        service=op.service,
                        environment=op.environment,
                        artifact=op.artifact,
                        configuration_version=op.plan.configuration_version,
                        by=op.requester.name,
                        at=now,
                        kind=op.kind,
                    )
                )

        records = await self._ledger.steps(operation.number)
        skipped = sorted({r.step.instance for r in records if r.state is StepState.SKIPPED})
        outcome = f"Skipped: {', '.join(skipped)}; out of traffic until the next deploy." if skipped else ""
        saved = await self._ledger.change(
            operation.number,
            lambda op: None if op.abort_by else op.moved(State.SUCCEEDED, now, outcome=outcome),
            summary="succeeded",
            also=release,
        )
        if saved.abort_by and not saved.is_final:
            await self._ask_abort(operation)

    # --- failure and abort

    async def _failed(self, operation: Operation, failure: StepFailure) -> None:
        assert operation.plan is not None
        policy = strategy_from(operation.plan.strategy).on_failure
        if policy is OnFailure.ASK:
            choices = WATCHED_CHOICES if operation.state is State.VERIFYING else FAILURE_CHOICES
            await self._ask(operation, "failure", failure.reason, choices, failure.log_tail)
            return
        now = self._world.clock.now()
        if policy is OnFailure.STOP:
            await self._ledger.change(
                operation.number,
                lambda op: op.moved(State.FAILED, now, outcome=failure.reason, log_tail=failure.log_tail),
                summary=f"failed: {failure.reason}",
            )
            return
        await self.begin_undo(operation.number, "all", failure.reason, log_tail=failure.log_tail)

    async def begin_undo(
        self,
        number: int,
        scope: str,
        reason: str,
        *,
        log_tail: tuple[str, ...] = (),
        expect: Callable[[Operation], None] | None = None,
        leg: bool = False,
        also: Also | None = None,
    ) -> Operation:
        """Moves into UNDOING with the undo's rows in the same transaction. expect: raises when it doesn't apply any more;
        leg: a new workflow is to carry on, since the last one ended with a Question; also: writes more in the same transaction."""
        records = await self._ledger.steps(number)

        async def rows(tx: Transaction, op: Operation) -> None:
            assert op.plan is not None
            undo = undo_steps(op.plan, records, scope)
            await tx.put_steps(number, [StepRecord(step) for step in undo])
            if also is not None:
                await also(tx, op)

        def decide(op: Operation) -> Operation:
            if expect is not None:
                expect(op)
            changes: dict[str, object] = {"undo_scope": scope, "undo_reason": reason, "question": None}
            changes["leg"] = op.leg + 1 if leg else op.leg
            if log_tail:
                changes["log_tail"] = log_tail
            return op.moved(State.UNDOING, self._world.clock.now(), **changes)

        return await self._ledger.change(number, decide, summary=f"undoing {scope}: {reason}", also=rows)

    async def _ask_abort(self, operation: Operation) -> None:
        self._world.signals.aborts.discard(operation.number)
        by = (await self._ledger.load(operation.number)).abort_by or "somebody"
        await self._ask(
            operation, "abort", f"{by} asked to abort. Stop here, or roll back what was moved?", ABORT_CHOICES
        )

    async def _ask(
        self,
        operation: Operation,
        subject: str,
        text: str,
        choices: tuple[Choice, ...],
        log_tail: tuple[str, ...] = (),
    ) -> None:
        now = self._world.clock.now()

        def decide(op: Operation) -> Operation:
            question = Question(op.questions_asked + 1, subject, text, choices, now)
            return op.moved(
                State.ASKING,
                now,
                question=question,
                questions_asked=question.id,
                asked_from=op.state.value,
                log_tail=log_tail or op.log_tail,
            )

        await self._ledger.change(operation.number, decide, summary=f"asks: {text}")

    # --- undo

    async def _undo(self, operation: Operation, stepper: Stepper) -> None:
        records = [r for r in await self._ledger.steps(operation.number) if r.step.phase is Phase.UNDO]
        try:
            for record in records:
                await stepper.perform(record)
        except StepFailure as failure:
            await self._ask(
                operation, "undo", f"Undoing failed: {failure.reason}", UNDO_CHOICES, failure.log_tail
            )
            return
        now = self._world.clock.now()
        state, outcome = await self._undone(operation)
        await self._ledger.change(
            operation.number,
            lambda op: op.moved(state, now, outcome=outcome),
            summary=f"{state}: {outcome}",
        )

    async def _undone(self, operation: Operation) -> tuple[State, str]:
        if operation.undo_scope == "all":
            return State.ROLLED_BACK, operation.undo_reason
        assert operation.plan is not None
        records = await self._ledger.steps(operation.number)
        undone = {r.step.instance for r in records if r.step.phase is Phase.UNDO}
        open_ = {r.step.instance for r in records if r.step.phase is Phase.FORWARD and r.state in _OPEN_STEP}
        moved = [n for n in operation.plan.instances if n not in undone and n not in open_]
        left = [n for n in operation.plan.instances if n not in moved]
        parts = [operation.undo_reason]
        if moved:
            parts.append(f"Moved: {', '.join(moved)}.")
        if left:
            parts.append(f"As before: {', '.join(left)}.")
        return (State.ABORTED if operation.abort_by else State.FAILED), " ".join(parts)

    # --- what it needs

    async def _configuration(self, operation: Operation) -> Configuration:
        assert operation.plan is not None
        async with self._world.store.view() as view:
            found = await view.configuration(operation.plan.configuration_version)
        return found or Configuration()

    async def _brought(self, operation: Operation) -> Brought:
        assert operation.plan is not None
        digests = {operation.plan.artifact_digest, *(b.artifact_digest for b in operation.plan.before)}
        versions = {
            operation.plan.configuration_version,
            *(b.configuration_version for b in operation.plan.before),
        }
        brought = Brought({}, {})
        async with self._world.store.view() as view:
            for digest in filter(None, digests):
                if (artifact := await view.artifact(digest)) is not None:
                    brought.artifacts[digest] = artifact
            for version in filter(None, versions):
                if (configuration := await view.configuration(version)) is not None:
                    brought.configurations[version] = configuration
        return brought


def _problem(seen: Instance | None, name: str) -> str:
    """A sentence on what is wrong with a watched Instance; empty when all is well."""
    if seen is None or seen.state is InstanceState.ABSENT:
        return f"{name} disappeared."
    if seen.state is InstanceState.CRASHED:
        return told(name, "crashed", seen.reason)
    if seen.restarts > 0:
        return told(name, "crashed and was restarted", seen.reason)
    if seen.healthy is False:
        return told(name, "was not healthy", seen.reason)
    return ""


def _may_recover(seen: Instance | None) -> bool:
    return seen is not None and seen.state is InstanceState.RUNNING and seen.restarts == 0
