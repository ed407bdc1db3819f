"""The sweeper: looks at the rows that wait and moves those whose time has come. It is what makes waiting survive a restart.

Approvals expire, turns are taken, workflows that should run are begun, aborts asked of another replica are heard, and the
work of replicas that fell silent is taken over. Every replica sweeps; all of it is safe to do twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from bot.domain.errors import LeaseLost, NotNow, ShipbellError, StaleWrite, StorageError
from bot.domain.operation import FINAL, Choice, Operation, Question, State
from bot.operations.engine import Engine, Json
from bot.operations.ledger import Ledger
from bot.operations.prepare import Prepare
from bot.operations.rollout import Rollout
from bot.operations.turns import Turns, next_in_line
from bot.operations.world import World

logger = logging.getLogger(__name__)
_OPEN = frozenset(State) - FINAL
_ROLLING = frozenset({State.ROLLING_OUT, State.VERIFYING, State.UNDOING})
_LOOK_FOR_DEAD = 3.0
_LOOK_AGAIN = 10.0
PREPARE, ROLLOUT = "prepare", "rollout"


def prepare_id(operation: Operation) -> str:
    return f"op-{operation.number}-prepare"


def rollout_id(operation: Operation) -> str:
    return f"op-{operation.number}-leg-{operation.leg}"


def _prepared_by(workflow_id: str) -> int | None:
    """The Operation's number in the id of a prepare workflow."""
    number = workflow_id.removeprefix("op-").removesuffix("-prepare")
    return int(number) if workflow_id.endswith("-prepare") and number.isdigit() else None


def _itself_failed(error: Exception) -> str:
    return f"Shipbell itself failed ({type(error).__name__}); its log says more."


class Workflows:
    """The two workflows, as the engine runs them; what fails unforeseen asks a person instead of hanging."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        self._world = world
        self._ledger = ledger
        self._prepare = Prepare(world, ledger)
        self._rollout = Rollout(world, ledger)

    @property
    def by_name(self) -> dict[str, Callable[[dict[str, Json]], Awaitable[None]]]:
        return {PREPARE: self.prepare, ROLLOUT: self.rollout}

    async def prepare(self, argument: dict[str, Json]) -> None:
        number = int(str(argument["operation"]))
        try:
            await self._prepare.run(number)
        except (LeaseLost, StorageError):
            raise
        except Exception as error:
            logger.exception("preparing operation #%s failed", number)
            await self._broke(number, error)

    async def rollout(self, argument: dict[str, Json]) -> None:
        number = int(str(argument["operation"]))
        try:
            leg = argument.get("leg")
            await self._rollout.run(number, leg if isinstance(leg, int) else None)
        except (LeaseLost, StorageError):
            raise
        except Exception as error:
            logger.exception("rolling out operation #%s failed", number)
            await self._broke(number, error)

    async def _broke(self, number: int, error: Exception) -> None:
        now = self._world.clock.now()
        text = _itself_failed(error)

        def decide(op: Operation) -> Operation | None:
            if op.state in _ROLLING:
                undoing = op.state is State.UNDOING
                choices = (
                    (Choice.RETRY, Choice.STOP_HERE)
                    if undoing
                    else (Choice.RETRY, Choice.ROLL_BACK, Choice.STOP_HERE)
                )
                subject = "undo" if undoing else "failure"
                question = Question(op.questions_asked + 1, subject, text, choices, now)
                return op.moved(
                    State.ASKING,
                    now,
                    question=question,
                    questions_asked=question.id,
                    asked_from=op.state.value,
                )
            if op.state is State.PREPARING:
                return op.moved(State.FAILED, now, outcome=text)
            return None

        await self._ledger.change(number, decide, summary=text)


class Sweeper:
    def __init__(self, world: World, ledger: Ledger, engine: Engine, replica: str) -> None:
        self._world = world
        self._ledger = ledger
        self._engine = engine
        self._replica = replica
        self._turns = Turns(world, ledger)
        self._begun: dict[str, float] = {}
        self._turning: dict[int, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._look_for_dead_at = 0.0

    def poke(self) -> None:
        """Something changed: sweep now rather than in a second."""
        self._wake.set()

    async def run(self) -> None:
        """Sweeps until it is cancelled, or the lease is lost (raises LeaseLost)."""
        try:
            while True:
                try:
                    await self.sweep()
                except LeaseLost:
                    raise
                except ShipbellError as error:
                    logger.warning("the sweep stopped half way: %s", error)
                # Not `wait_for`: on Python 3.11 it swallows a cancellation that comes together with a poke.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._world.patience.sweep):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            for task in self._turning.values():
                task.cancel()
            await asyncio.gather(*self._turning.values(), return_exceptions=True)

    async def sweep(self) -> None:
        self._world.fence()
        await self._take_over()
        async with self._world.store.view() as view:
            operations = list(await view.operations(states=_OPEN, limit=5000, newest_first=False))
        aborting = {op.number for op in operations if op.abort_by and op.state in _ROLLING - {State.UNDOING}}
        open_ids = {prepare_id(op) for op in operations} | {rollout_id(op) for op in operations}
        # One that was aborted while it was prepared has ended; its workflow may still wait for a build here.
        aborting |= {
            number
            for number in map(_prepared_by, self._engine.running())
            if number is not None and f"op-{number}-prepare" not in open_ids
        }
        self._world.signals.aborts.clear()
        self._world.signals.aborts.update(aborting)
        self._begun = {key: at for key, at in self._begun.items() if key in open_ids}
        for operation in operations:
            await self._one(operation)
        await self._give_turns(operations)

    async def _give_turns(self, operations: Sequence[Operation]) -> None:
        """Each turn is a task: a system that answers late holds up its own Operation, not the sweep and what hangs on it."""
        for operation in next_in_line(operations):
            if operation.number not in self._turning:
                self._turning[operation.number] = asyncio.create_task(self._turn(operation))
        if self._turning:
            await asyncio.wait(self._turning.values(), timeout=self._world.patience.sweep)
        ended = {number: task for number, task in self._turning.items() if task.done()}
        for number, task in ended.items():
            del self._turning[number]
            if (error := task.exception()) is not None and not isinstance(error, LeaseLost):
                logger.warning("the turn of operation #%s was not taken: %s", number, error)
        for task in ended.values():
            task.result()

    async def _one(self, operation: Operation) -> None:
        if operation.state is State.AWAITING_APPROVAL:
            await self._expire(operation)
        elif operation.state is State.PREPARING:
            await self.begin(PREPARE, prepare_id(operation), operation)
        elif operation.state in _ROLLING:
            await self.begin(ROLLOUT, rollout_id(operation), operation)

    async def begin(self, name: str, workflow_id: str, operation: Operation) -> None:
        """Begins a workflow; one that was begun before is left alone by the engine, wherever it runs. One that ended while its
        Operation did not (our fault, or the engine's tables were emptied) is begun anew."""
        begun = self._begun.get(workflow_id)
        if begun is not None and time.monotonic() < begun + _LOOK_AGAIN:
            return
        if begun is not None and await self._engine.status(workflow_id) in ("error", "done"):
            if (await self._ledger.load(operation.number)).version != operation.version:
                return
            logger.error("the workflow %s ended before its operation: it begins anew", workflow_id)
            await self._engine.forget(workflow_id)
        await self._engine.start(name, workflow_id, {"operation": operation.number, "leg": operation.leg})
        self._begun[workflow_id] = time.monotonic()

    async def _turn(self, operation: Operation) -> None:
        try:
            moved = await self._turns.take(operation.number)
        except (StaleWrite, NotNow):
            return
        except ShipbellError:
            raise
        except Exception as error:
            logger.exception("taking the turn of operation #%s failed", operation.number)
            moved = await self._turns.end(operation.number, _itself_failed(error))
        if moved is not None and moved.state is State.ROLLING_OUT:
            await self.begin(ROLLOUT, rollout_id(moved), moved)

    async def _expire(self, operation: Operation) -> None:
        now = self._world.clock.now()
        if operation.approve_by is None or now < operation.approve_by:
            return

        def decide(op: Operation) -> Operation | None:
            if op.state is not State.AWAITING_APPROVAL or op.approve_by is None or now < op.approve_by:
                return None
            return op.moved(
                State.EXPIRED, now, outcome="Nobody approved it in time. Ask for it again to go on."
            )

        await self._ledger.change(operation.number, decide, what="decision", summary="expired")

    async def _take_over(self) -> None:
        """Repeated while a dead replica has pending work: a taker may die in between."""
        replicas = self._world.store.replicas
        marked = await replicas.declare_dead(self._world.patience.replica_ttl, sparing=self._replica)
        if not marked and time.monotonic() < self._look_for_dead_at:
            return
        self._look_for_dead_at = time.monotonic() + _LOOK_FOR_DEAD
        for replica in await replicas.dead():
            if replica == self._replica:
                continue
            taken = await self._engine.take_over(replica)
            if taken:
                logger.warning("took over %s of the dead replica %s", ", ".join(taken), replica)
