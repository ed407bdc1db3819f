"""One Step: its intent is written, its effect begun through a port, its end awaited, its outcome written.

Idempotent: begun again after a crash it reconciles with the other side by the effect's key and carries on waiting.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from bot.domain.artifact import Artifact
from bot.domain.catalog import Configuration, HealthKind, Target
from bot.domain.errors import AdapterError, PermanentError, TemporaryError
from bot.domain.instances import Instance, InstanceState, Traffic, TrafficState
from bot.domain.operation import Operation, StepRecord, StepState
from bot.domain.plan import Phase, Plan, StepKind
from bot.operations.ledger import Ledger
from bot.operations.world import World
from bot.ports import Effect, EffectState

T = TypeVar("T")
_DOWN = frozenset({InstanceState.STOPPED, InstanceState.ABSENT, InstanceState.CRASHED})
_CUT = frozenset({TrafficState.DRAINED, TrafficState.ABSENT})


class StepFailure(Exception):
    """A Step that did not reach its end: the reason for people, and the last lines of the log."""

    def __init__(self, reason: str, log_tail: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.log_tail = tuple(log_tail)


class AbortHeard(Exception):
    """Somebody asked to abort; the Step under way keeps its intent."""


@dataclass(frozen=True)
class Brought:
    """What `update` needs, read from the tables once a rollout: Artifacts by digest, configurations by version."""

    artifacts: dict[str, Artifact]
    configurations: dict[str, Configuration]


class Stepper:
    """Performs the Steps of one Operation on its Target. fence: of this run, goes with its effects to the other side."""

    def __init__(
        self,
        world: World,
        ledger: Ledger,
        operation: Operation,
        target: Target,
        brought: Brought,
        fence: int,
    ) -> None:
        assert operation.plan is not None
        self._world = world
        self._ledger = ledger
        self._operation = operation
        self._plan: Plan = operation.plan
        self._target = target
        self._brought = brought
        self._fence = fence
        self._runtime = world.runtime_of(target.kind)
        self._traffic = world.traffic_of(target.kind)

    async def perform(self, record: StepRecord) -> StepRecord:
        """The Step's record with its outcome. Raises StepFailure (which is recorded), AbortHeard and LeaseLost."""
        if record.state in (StepState.DONE, StepState.SKIPPED):
            return record
        self._world.checkpoint()
        self._hear_abort(record)
        resumed = record.state is StepState.INTENDED
        if not resumed:
            record = replace(
                record,
                state=StepState.INTENDED,
                attempt=record.attempt + 1,
                started_at=self._now(),
                ended_at=None,
                outcome="",
                log_tail=(),
            )
            self._world.fence()
            await self._ledger.record(self._operation, record)
        try:
            outcome = await self._effect(record, resumed)
        except StepFailure as failure:
            # Refused, perhaps, because it is another replica's Step by now, whose outcome must stand.
            self._world.fence()
            record = self._ended(record, StepState.FAILED, failure.reason, failure.log_tail)
            await self._ledger.record(self._operation, record)
            raise
        record = self._ended(record, StepState.DONE, outcome)
        self._world.fence()
        await self._ledger.record(self._operation, record)
        return record

    async def instances(self) -> dict[str, Instance]:
        return dict(await self._insist(lambda: self._runtime.inspect(self._target), None))

    # --- the six steps, and remove

    async def _effect(self, record: StepRecord, resumed: bool) -> str:
        step = record.step
        self._world.fence()
        effect = Effect(
            key=f"op-{self._operation.number}/{step.seq}/{record.attempt}",
            fence=self._fence,
            operation=self._operation.number,
        )
        perform = {
            StepKind.CHECK: self._check,
            StepKind.DRAIN: self._drain,
            StepKind.STOP: self._stop,
            StepKind.UPDATE: self._update,
            StepKind.START: self._start,
            StepKind.ENABLE: self._enable,
            StepKind.REMOVE: self._remove,
        }[step.kind]
        return await perform(effect, record, resumed)

    async def _check(self, _: Effect, record: StepRecord, __: bool) -> str:
        name = record.step.instance
        before = next(b for b in self._plan.before if b.instance == name)
        seen = (await self._seen(record)).get(name)
        if seen is None or seen.state is InstanceState.ABSENT:
            if before.exists:
                raise StepFailure(f"{name} is gone: the plan saw it, and now nothing runs under this name.")
            return "new"
        if before.exists and seen.artifact_digest != before.artifact_digest:
            raise StepFailure(
                f"{name} was changed behind this plan: it runs {_short(seen.artifact_digest)}, "
                f"the plan saw {_short(before.artifact_digest)}."
            )
        if not before.exists:
            raise StepFailure(f"{name} exists already: the plan expected to create it.")
        health = "healthy" if seen.healthy else "not healthy" if seen.healthy is False else seen.state.value
        return f"{health}, {_short(seen.artifact_digest)}"

    async def _drain(self, effect: Effect, record: StepRecord, resumed: bool) -> str:
        name = record.step.instance
        if not (resumed and await self._happened(self._traffic.reconcile, effect, name)):
            await self._insist(lambda: self._traffic.drain(effect, self._target, name), record)

        async def quiet() -> Traffic | None:
            seen = (await self._traffic.inspect(self._target)).get(name)
            if seen is None:
                return Traffic(name, TrafficState.ABSENT)
            return seen if seen.state in _CUT else None

        limit = self._target.strategy.drain_within
        seen = await self._until(quiet, limit, record)
        if seen is None:
            left = (await self._insist(lambda: self._traffic.inspect(self._target), record)).get(name)
            count = left.in_flight if left else 0
            raise StepFailure(
                f"{name} still had {count} {_plural(count, 'request')} in flight after {_seconds(limit)}."
            )
        return "had no traffic" if seen.state is TrafficState.ABSENT else "no request left in flight"

    async def _stop(self, effect: Effect, record: StepRecord, resumed: bool) -> str:
        name = record.step.instance
        within = self._target.strategy.stop_within
        if not (resumed and await self._happened(self._runtime.reconcile, effect, name)):
            await self._insist(lambda: self._runtime.stop(effect, self._target, name, within), record)

        async def down() -> Instance | None:
            seen = (await self._runtime.inspect(self._target)).get(name)
            if seen is None:
                return Instance(name, InstanceState.ABSENT)
            return seen if seen.state in _DOWN else None

        limit = within + timedelta(seconds=self._world.patience.settle)
        if await self._until(down, limit, record) is None:
            raise StepFailure(f"{name} did not end within {_seconds(limit)}, not even when it was killed.")
        return "ended"

    async def _update(self, effect: Effect, record: StepRecord, resumed: bool) -> str:
        step = record.step
        artifact = self._brought.artifacts.get(step.artifact_digest or "")
        configuration = self._brought.configurations.get(step.configuration_version or "")
        if artifact is None or configuration is None:
            raise StepFailure(
                f"What {step.instance} ran before ({_short(step.artifact_digest)}) is not known to Shipbell, "
                "so it can't be brought back: deploy a version that is."
            )
        if not (resumed and await self._happened(self._runtime.reconcile, effect, step.instance)):
            await self._insist(
                lambda: self._runtime.update(effect, self._target, step.instance, artifact, configuration),
                record,
            )
        return f"{artifact.version} is in place"

    async def _start(self, effect: Effect, record: StepRecord, resumed: bool) -> str:
        name = record.step.instance
        if not (resumed and await self._happened(self._runtime.reconcile, effect, name)):
            await self._insist(lambda: self._runtime.start(effect, self._target, name), record)
        health = self._target.strategy.health

        async def well() -> Instance | None:
            seen = (await self._runtime.inspect(self._target)).get(name)
            if seen is None:
                return None
            if seen.state is InstanceState.CRASHED:
                raise StepFailure(told(name, "crashed while it started", seen.reason), seen.log_tail)
            if seen.state is not InstanceState.RUNNING:
                return None
            return seen if seen.healthy or health.kind is HealthKind.NONE else None

        began = time.monotonic()
        if await self._until(well, health.start_within, record) is None:
            seen = (await self._seen(record)).get(name)
            lines = await self._insist(lambda: self._runtime.logs(self._target, name, 20), record)
            what = f"did not get healthy within {_seconds(health.start_within)}"
            raise StepFailure(told(name, what, seen.reason if seen else ""), lines)
        return f"healthy after {time.monotonic() - began:.1f} s"

    async def _enable(self, effect: Effect, record: StepRecord, resumed: bool) -> str:
        name = record.step.instance
        seen = (await self._seen(record)).get(name)
        if seen is None or seen.address is None:
            raise StepFailure(f"{name} has no address: it does not run.", seen.log_tail if seen else ())
        address = seen.address
        if not (resumed and await self._happened(self._traffic.reconcile, effect, name)):
            await self._insist(lambda: self._traffic.enable(effect, self._target, name, address), record)

        async def open_() -> Traffic | None:
            found = (await self._traffic.inspect(self._target)).get(name)
            return (
                found if found and found.state is TrafficState.ENABLED and found.address == address else None
            )

        limit = timedelta(seconds=self._world.patience.settle)
        if await self._until(open_, limit, record) is None:
            raise StepFailure(f"The proxy did not open traffic to {name} within {_seconds(limit)}.")
        return "gets traffic"

    async def _remove(self, effect: Effect, record: StepRecord, _: bool) -> str:
        name = record.step.instance
        await self._insist(lambda: self._traffic.remove(effect, self._target, name), record)
        await self._insist(lambda: self._runtime.remove(effect, self._target, name), record)
        return "removed"

    # --- waiting and asking

    async def _until(
        self, probe: Callable[[], Awaitable[T | None]], limit: timedelta, record: StepRecord
    ) -> T | None:
        """Asks until it gets an answer, at most so long; None when time is up. Temporary errors count as no answer yet."""
        patience = self._world.patience
        pause = patience.poll
        # A wait that a crash interrupted keeps its end: the record knows when it began.
        began = record.started_at or self._now()
        left = limit - (self._now() - began)
        deadline = time.monotonic() + max(left.total_seconds(), patience.settle / 2)
        while True:
            self._world.checkpoint()
            try:
                if (answer := await probe()) is not None:
                    return answer
            except TemporaryError:
                pass
            except PermanentError as error:
                raise StepFailure(str(error)) from error
            self._hear_abort(record)
            if time.monotonic() >= deadline:
                return None
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, patience.poll_most)

    async def _insist(self, call: Callable[[], Awaitable[T]], record: StepRecord | None) -> T:
        """Calls a port, again while it fails for a time only; after `patience.temporary` seconds it's a failure."""
        patience = self._world.patience
        pause = patience.poll
        deadline = time.monotonic() + patience.temporary
        while True:
            try:
                self._world.fence()
                return await call()
            except TemporaryError as error:
                if time.monotonic() >= deadline:
                    raise StepFailure(str(error)) from error
            except AdapterError as error:
                raise StepFailure(str(error)) from error
            if record is not None:
                self._hear_abort(record)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    async def _seen(self, record: StepRecord) -> dict[str, Instance]:
        return dict(await self._insist(lambda: self._runtime.inspect(self._target), record))

    async def _happened(
        self,
        reconcile: Callable[[Effect, Target, str], Awaitable[EffectState]],
        effect: Effect,
        instance: str,
    ) -> bool:
        """After a crash: whether the other side knows that this effect was begun or done, so that it's only to be awaited."""
        state = await self._insist(lambda: reconcile(effect, self._target, instance), None)
        return state in (EffectState.DONE, EffectState.UNDER_WAY)

    def _hear_abort(self, record: StepRecord) -> None:
        if record.step.phase is Phase.FORWARD and self._operation.number in self._world.signals.aborts:
            raise AbortHeard

    def _now(self) -> datetime:
        return self._world.clock.now()

    def _ended(
        self, record: StepRecord, state: StepState, outcome: str, log_tail: Sequence[str] = ()
    ) -> StepRecord:
        return replace(
            record, state=state, outcome=outcome, log_tail=tuple(log_tail)[-20:], ended_at=self._now()
        )


def told(name: str, what: str, reason: str) -> str:
    """One sentence about an Instance: the runtime's own where it is one already (`shop-1 ended with exit status 3.`), else what
    we saw, with its reason."""
    reason = reason.strip().rstrip(".")
    if reason.startswith(f"{name} "):
        return f"{reason}."
    return f"{name} {what}: {reason}." if reason else f"{name} {what}."


def _short(digest: str | None) -> str:
    return digest.removeprefix("sha256:")[:12] if digest else "nothing"


def _seconds(limit: timedelta) -> str:
    return f"{limit.total_seconds():g} s"


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"
