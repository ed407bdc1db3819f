"""The prepare workflow: resolve, build, plan; then the Operation waits as a row for its approvals or its turn."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from bot.domain.artifact import FINISHED_BUILD, Artifact, BuildReport, BuildState, Revision
from bot.domain.catalog import Configuration
from bot.domain.errors import (
    AdapterError,
    LeaseLost,
    RefNotFound,
    ShipbellError,
    StorageError,
    TemporaryError,
)
from bot.domain.operation import Kind, Operation, State, StepRecord
from bot.domain.plan import Plan
from bot.operations.gates import approvals_needed
from bot.operations.ledger import Ledger
from bot.operations.planning import choose, commits_between, current_release, known_artifact, work_out
from bot.operations.world import World
from bot.ports import Transaction

T = TypeVar("T")


class BuildFailure(ShipbellError):
    """A Build that ended without an Artifact; `log_tail` are its last lines."""

    def __init__(self, what: str, log_tail: tuple[str, ...]) -> None:
        super().__init__(what, "Its last lines are in the thread.")
        self.log_tail = log_tail


class Prepare:
    def __init__(self, world: World, ledger: Ledger) -> None:
        self._world = world
        self._ledger = ledger

    async def run(self, number: int) -> None:
        """Brings the Operation from PREPARING to its approval, its turn, or its end. Carries on after a crash from the rows:
        the Build is found again by its key."""
        operation = await self._ledger.load(number)
        if operation.state is not State.PREPARING:
            await self._cancel_build(operation)
            return
        try:
            await self._prepare(operation)
        except (LeaseLost, StorageError):
            raise  # no outcome: this run ends, and whoever may act carries on
        except ShipbellError as error:
            if isinstance(error, TemporaryError):
                self._world.fence()
            await self._fail(number, error)

    async def _prepare(self, operation: Operation) -> None:
        target = self._world.target(operation.service, operation.environment)
        chosen = await choose(self._world, operation, target)
        artifact = chosen.artifact
        if artifact is None and operation.kind in (Kind.DEPLOY, Kind.PROMOTE):
            artifact = await self._artifact(operation)
            if artifact is None:
                return  # aborted while it was built
        plan = await self._insist(
            lambda: work_out(self._world, operation, target, artifact, chosen.configuration)
        )
        await self._planned(operation.number, plan, artifact, chosen.configuration)

    async def _cancel_build(self, operation: Operation) -> None:
        """An abort ends the Operation at once; a crash right after it must not leave its Build to run for nobody."""
        service = self._world.catalog.services.get(operation.service)
        if operation.state is State.ABORTED and operation.plan is None and operation.build_key and service:
            self._world.fence()
            with contextlib.suppress(AdapterError):
                await self._world.builder_of(service).cancel(operation.build_key)

    async def _insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Calls another system, again while it fails for a time only; after `patience.temporary` seconds it's a failure."""
        deadline = time.monotonic() + self._world.patience.temporary
        pause = self._world.patience.poll
        while True:
            self._world.checkpoint()
            try:
                return await call()
            except TemporaryError:
                if time.monotonic() >= deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    # --- the Artifact

    async def _artifact(self, operation: Operation) -> Artifact | None:
        """What the ref names: resolved once and kept, so that a tag that moves meanwhile changes nothing."""
        service = self._world.service(operation.service)
        revision = operation.revision
        if revision is None:
            ref = operation.wish.ref
            try:
                source = self._world.source_of(service)
                revision = await self._insist(lambda: source.resolve(service.source, ref))
            except RefNotFound:
                known = await known_artifact(self._world, operation.service, ref) if ref else None
                if known is None:
                    raise
                return known
            resolved: Revision = revision
            operation = await self._ledger.change(
                operation.number,
                lambda op: (
                    None if op.is_final else replace(op, revision=resolved, build_key=f"op-{op.number}/build")
                ),
                summary=f"{ref or service.source.branch} is {resolved.short}",
            )
            if operation.is_final:
                return None
        assert operation.build_key is not None
        return await self._build(operation, operation.build_key, revision)

    async def _build(self, operation: Operation, key: str, revision: Revision) -> Artifact | None:
        service = self._world.service(operation.service)
        builder = self._world.builder_of(service)
        patience = self._world.patience
        self._world.fence()
        report: BuildReport | None = None
        fresh: BuildReport | None
        pause = patience.poll
        told = 0.0
        deadline = time.monotonic() + patience.temporary
        while report is None or report.state not in FINISHED_BUILD:
            self._world.checkpoint()
            try:
                # `start` finds what the key began: after a crash this begins no second Build.
                fresh = await (builder.report(key) if report else builder.start(key, service, revision))
                deadline = time.monotonic() + patience.temporary
            except TemporaryError:
                if time.monotonic() >= deadline:
                    raise
                fresh = report
            if fresh is not None and fresh.state is BuildState.UNKNOWN and report is not None:
                fresh = replace(
                    fresh, state=BuildState.FAILED, reason="The build is gone: its server forgot it."
                )
            if fresh is not None and (report is None or fresh.state is not report.state):
                await self._keep(operation.number, fresh)
            elif fresh is not None and fresh != report and time.monotonic() - told >= 1.0:
                told = time.monotonic()
                await self._keep(operation.number, fresh)
            report = fresh
            if report is not None and report.state in FINISHED_BUILD:
                break
            if operation.number in self._world.signals.aborts:
                if (await self._ledger.load(operation.number)).is_final:
                    await builder.cancel(key)
                    return None
                self._world.signals.aborts.discard(operation.number)
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, patience.poll_most)
        if report.artifact is None:
            reason = report.reason or f"The build was {report.state}."
            raise BuildFailure(reason, report.log_tail)
        return report.artifact

    async def _keep(self, number: int, report: BuildReport) -> None:
        async with self._world.store.transaction() as tx:
            await tx.put_build(report)
            operation = await tx.operation(number)
            if operation is not None:
                await self._ledger.touch_card(tx, operation)

    # --- the Plan

    async def _planned(
        self, number: int, plan: Plan, artifact: Artifact | None, configuration: Configuration
    ) -> None:
        operation = await self._ledger.load(number)
        release = await current_release(self._world, operation.service, operation.environment)
        before = release.artifact if release else None
        commits = await commits_between(self._world, operation.service, before, artifact)

        async def rows(tx: Transaction, op: Operation) -> None:
            if artifact is not None:
                await tx.put_artifact(artifact)
            await tx.put_configuration(configuration)
            await tx.drop_steps(number)
            await tx.put_steps(number, [StepRecord(step) for step in plan.steps])

        def decide(op: Operation) -> Operation | None:
            if op.state is not State.PREPARING:
                return None
            if op.wish.plan_only:
                state = State.PLANNED
            elif approvals_needed(self._world, op):
                state = State.AWAITING_APPROVAL
            else:
                state = State.QUEUED
            now = self._world.clock.now()
            rule = self._approval_time(op)
            return op.moved(
                state,
                now,
                plan=plan,
                artifact=artifact,
                revision=artifact.revision if artifact else op.revision,
                previous=before,
                commits=commits,
                approve_by=now + rule if rule and state is State.AWAITING_APPROVAL else None,
            )

        await self._ledger.change(number, decide, summary=f"planned, hash {plan.hash[:12]}", also=rows)

    def _approval_time(self, operation: Operation) -> timedelta | None:
        environment = self._world.catalog.environments.get(operation.environment)
        return environment.approval.expires if environment and environment.approval else None

    async def _fail(self, number: int, error: ShipbellError) -> None:
        log_tail = error.log_tail if isinstance(error, BuildFailure) else ()
        outcome = " ".join(filter(None, (error.what, error.todo)))

        def decide(op: Operation) -> Operation | None:
            if op.state is not State.PREPARING:
                return None
            return op.moved(State.FAILED, self._world.clock.now(), outcome=outcome, log_tail=log_tail)

        await self._ledger.change(number, decide, summary=f"failed: {outcome}")
