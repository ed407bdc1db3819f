"""Turns: one Operation at a time per Target. A queued one waits as a row, and is planned again when its turn comes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from bot.domain.catalog import Target
from bot.domain.errors import (
    AdapterError,
    RefNotFound,
    ShipbellError,
    StaleWrite,
    StorageError,
    TemporaryError,
)
from bot.domain.operation import HOLDS_TARGET, Kind, Operation, State, StepRecord
from bot.domain.plan import Plan
from bot.domain.rollout import what_changed
from bot.operations.gates import approvals_needed, may_still
from bot.operations.ledger import Ledger
from bot.operations.planning import Chosen, choose, commits_between, current_release, work_out
from bot.operations.world import World
from bot.ports import Transaction

logger = logging.getLogger(__name__)


def next_in_line(open_operations: Sequence[Operation]) -> list[Operation]:
    """The first queued Operation of each Target that nobody holds."""
    held = {op.target_key for op in open_operations if op.state in HOLDS_TARGET}
    first: dict[str, Operation] = {}
    for operation in sorted(open_operations, key=lambda op: op.number):
        if operation.state is State.QUEUED and operation.target_key not in held:
            first.setdefault(operation.target_key, operation)
    return list(first.values())


class Turns:
    def __init__(self, world: World, ledger: Ledger) -> None:
        self._world = world
        self._ledger = ledger
        self._taking: set[int] = set()

    async def take(self, number: int) -> Operation | None:
        """Plans a queued Operation again and lets it roll out if its hash stands. None when it isn't its turn after all."""
        if number in self._taking:
            return None
        self._taking.add(number)
        try:
            return await self._take(number)
        except StaleWrite:
            return None  # another Operation has the Target, or somebody changed this one: the next sweep sees
        finally:
            self._taking.discard(number)

    async def _take(self, number: int) -> Operation | None:
        operation = await self._ledger.load(number)
        if operation.state is not State.QUEUED or operation.plan is None:
            return None
        refusal = may_still(self._world, operation)
        if refusal is not None:
            return await self.end(number, f"{refusal.reason} Nothing was touched.")
        try:
            plan, chosen = await self._again(operation)
        except TemporaryError as error:
            await asyncio.sleep(self._world.patience.poll)
            logger.warning("operation #%s waits: %s", number, error)
            return None
        except StorageError:
            raise
        except ShipbellError as error:
            return await self.end(number, str(error))
        note = what_changed(operation.plan, plan)
        moved_on = await self._moved_on(operation)
        now = self._world.clock.now()
        release = await current_release(self._world, operation.service, operation.environment)
        # Another Operation may have gone first: what this one follows, and the commits between, are told anew.
        before = release.artifact if release else operation.previous
        commits = operation.commits
        if before != operation.previous:
            commits = await commits_between(self._world, operation.service, before, operation.artifact)
        asks_again = bool(note) and approvals_needed(self._world, operation) > 0
        environment = self._world.catalog.environments.get(operation.environment)
        rule = environment.approval if environment else None

        async def rows(tx: Transaction, op: Operation) -> None:
            if op.state is State.ROLLING_OUT:
                holders = await tx.operations(
                    states=HOLDS_TARGET, service=op.service, environment=op.environment, limit=5
                )
                if any(holder.number != op.number for holder in holders):
                    raise StaleWrite(f"The target of #{op.number} is held.")
            if note:
                await tx.drop_steps(number)
                await tx.put_steps(number, [StepRecord(step) for step in plan.steps])
                await tx.put_configuration(chosen.configuration)

        def decide(op: Operation) -> Operation | None:
            if op.state is not State.QUEUED:
                return None
            if asks_again:
                return op.moved(
                    State.AWAITING_APPROVAL,
                    now,
                    plan=plan,
                    artifact=chosen.artifact,
                    plan_note=f"{note} Approvals given before are void.",
                    previous=before,
                    commits=commits,
                    approve_by=now + rule.expires if rule else None,
                )
            return op.moved(
                State.ROLLING_OUT,
                now,
                # Also where the hash stands: what happened to run when it was shown may not be what runs now.
                plan=plan,
                artifact=chosen.artifact,
                plan_note=" ".join(filter(None, (note, moved_on))),
                leg=op.leg + 1,
                previous=before,
                commits=commits,
            )

        summary = f"planned again: {note}" if note else "its turn has come"
        return await self._ledger.change(number, decide, summary=summary, also=rows)

    async def _again(self, operation: Operation) -> tuple[Plan, Chosen]:
        target = self._world.target(operation.service, operation.environment)
        chosen = await self._chosen(operation, target)
        return await work_out(self._world, operation, target, chosen.artifact, chosen.configuration), chosen

    async def _chosen(self, operation: Operation, target: Target) -> Chosen:
        """A release brings what was shown: a deploy with the configuration that the catalog says now, a rollback with that of the
        release it goes back to. All others keep what runs, which another Operation may just have changed."""
        if operation.kind in (Kind.DEPLOY, Kind.PROMOTE, Kind.CONFIGURE):
            return Chosen(operation.artifact, target.configuration)
        if operation.kind is not Kind.ROLLBACK:
            return await choose(self._world, operation, target)
        assert operation.plan is not None
        async with self._world.store.view() as view:
            kept = await view.configuration(operation.plan.configuration_version)
        return Chosen(operation.artifact, kept or target.configuration)

    async def _moved_on(self, operation: Operation) -> str:
        """A note when the ref names another commit by now. What was planned and approved is rolled out all the same."""
        ref, revision = operation.wish.ref, operation.revision
        if revision is None or operation.kind.value != "deploy" or (ref or "").startswith("#"):
            return ""
        service = self._world.service(operation.service)
        try:
            now = await self._world.source_of(service).resolve(service.source, ref)
        except (AdapterError, RefNotFound):
            return ""
        if now.sha == revision.sha:
            return ""
        return f"{ref or service.source.branch} has moved on to {now.short} since; this brings {revision.short}, as planned."

    async def end(self, number: int, outcome: str) -> Operation:
        """Ends it as failed, if it still waits for its turn."""

        def decide(op: Operation) -> Operation | None:
            if op.state is not State.QUEUED:
                return None
            return op.moved(State.FAILED, self._world.clock.now(), outcome=outcome)

        return await self._ledger.change(number, decide, summary=f"failed: {outcome}")
