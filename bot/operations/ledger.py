"""Writing down what happens: every change of an Operation is one transaction with its audit entry and its messages.

Nothing here calls another system: what a channel should show is enqueued with the change, and the sender takes it from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from bot.domain.errors import StaleWrite, UnknownWord
from bot.domain.identity import SYSTEM
from bot.domain.messages import MessageKind, OutboxMessage
from bot.domain.operation import RELEASES, AuditEntry, Operation, State, StepRecord
from bot.operations.world import World
from bot.ports import Transaction

Also = Callable[[Transaction, Operation], Awaitable[None]]
_TRIES = 20


def prompt_key(operation: Operation) -> str:
    """One prompt per Plan that was shown: a changed Plan asks anew, since mentions in an update notify nobody."""
    return f"prompt:{operation.number}:{operation.plan.hash[:12] if operation.plan else ''}"


class Ledger:
    def __init__(self, world: World) -> None:
        self._world = world

    async def load(self, number: int) -> Operation:
        """Raises UnknownWord for a number that no Operation has."""
        async with self._world.store.view() as view:
            found = await view.operation(number)
        if found is None:
            raise no_such(number)
        return found

    async def steps(self, number: int) -> Sequence[StepRecord]:
        async with self._world.store.view() as view:
            return sorted(await view.steps(number), key=lambda record: record.step.seq)

    async def change(
        self,
        number: int,
        decide: Callable[[Operation], Operation | None],
        *,
        actor: str = SYSTEM.name,
        what: str = "effect",
        summary: str = "",
        detail: Mapping[str, object] | None = None,
        look: Also | None = None,
        also: Also | None = None,
    ) -> Operation:
        """Reads, decides and writes in one transaction, again when somebody was faster. `decide` gives the Operation as it
        should be, or None to leave it; what it raises ends the transaction without a trace. look: reads more before the
        decision, in the same transaction; also: writes more after it."""
        for attempt in range(_TRIES):
            try:
                async with self._world.store.transaction() as tx:
                    old = await tx.operation(number)
                    if old is None:
                        raise no_such(number)
                    if look is not None:
                        await look(tx, old)
                    new = decide(old)
                    if new is None:
                        return old
                    saved = await tx.save_operation(new)
                    if summary:
                        await self.audit(tx, actor, what, saved, summary, detail)
                    if also is not None:
                        await also(tx, saved)
                    await self.announce(tx, old, saved)
                    return saved
            except StaleWrite:
                if attempt == _TRIES - 1:
                    raise
                await asyncio.sleep(0.01 * attempt)
        raise AssertionError("unreachable")

    async def record(self, operation: Operation, record: StepRecord) -> None:
        """Writes a Step's intent or outcome, and lets the card follow."""
        async with self._world.store.transaction() as tx:
            await tx.save_step(operation.number, record)
            step = record.step
            await self.audit(
                tx,
                SYSTEM.name,
                "effect",
                operation,
                f"{step.kind} {step.instance}: {record.state}"
                + (f", {record.outcome}" if record.outcome else ""),
                {"seq": step.seq, "attempt": record.attempt, "phase": step.phase.value},
            )
            await self.touch_card(tx, operation)

    async def touch(self, number: int) -> None:
        """Has the card drawn again, from whatever is true by then."""
        async with self._world.store.transaction() as tx:
            operation = await tx.operation(number)
            if operation is not None:
                await self.touch_card(tx, operation)
                if operation.plan is not None and await tx.message(prompt_key(operation)) is not None:
                    await self._touch_prompt(tx, operation)

    async def audit(
        self,
        tx: Transaction,
        actor: str,
        what: str,
        operation: Operation | None,
        summary: str,
        detail: Mapping[str, object] | None = None,
    ) -> None:
        number = operation.number if operation else None
        await tx.add_audit(
            AuditEntry(self._world.clock.now(), actor, what, number, summary, dict(detail or {}))
        )

    # --- messages

    async def announce(self, tx: Transaction, old: Operation | None, new: Operation) -> None:
        """Enqueues all that should be seen of this change."""
        await self.touch_card(tx, new)
        awaits = new.state is State.AWAITING_APPROVAL
        if old is not None and old.plan is not None:
            is_void = new.plan is not None and new.plan.hash != old.plan.hash
            if _awaited(old) or (is_void and await tx.message(prompt_key(old)) is not None):
                await self._touch_prompt(tx, old)
        if awaits and new.plan is not None and (old is None or old.plan != new.plan or not _awaited(old)):
            await self._touch_prompt(tx, new)
        if old is not None and old.question is not None and old.question != new.question:
            await self._touch_ask(tx, new, old.question.id)
        if new.question is not None and (old is None or old.question != new.question):
            await self._touch_ask(tx, new, new.question.id)
        ended = new.is_final and (old is None or not old.is_final)
        if new.log_tail and (old is None or old.log_tail != new.log_tail):
            asked = new.question.text if new.question else ""
            said = new.outcome or asked or new.undo_reason
            await self.say(tx, new, f"log:{new.number}:{new.version}", said, new.log_tail)
        environment = self._world.catalog.environments.get(new.environment)
        if (
            ended
            and new.state is State.SUCCEEDED
            and new.kind in RELEASES
            and environment
            and environment.tell
        ):
            await tx.put_message(
                OutboxMessage(
                    key=f"arrival:{new.number}",
                    kind=MessageKind.ARRIVAL,
                    channel=environment.channel,
                    operation=new.number,
                    payload={"tell": self._slack_ids(environment.tell)},
                    is_final=True,
                    created_at=self._world.clock.now(),
                )
            )

    async def touch_card(self, tx: Transaction, operation: Operation) -> None:
        await self._put(tx, f"card:{operation.number}", MessageKind.CARD, operation, operation.is_final)

    async def _touch_prompt(self, tx: Transaction, operation: Operation) -> None:
        environment = self._world.catalog.environments.get(operation.environment)
        channel = environment.approvals_channel if environment else None
        plan_hash = operation.plan.hash if operation.plan else ""
        await self._put(
            tx, prompt_key(operation), MessageKind.PROMPT, operation, False, {"plan_hash": plan_hash}, channel
        )

    async def _touch_ask(self, tx: Transaction, operation: Operation, question: int) -> None:
        await self._put(
            tx,
            f"ask:{operation.number}:{question}",
            MessageKind.ASK,
            operation,
            False,
            {"question": question},
        )

    async def say(
        self, tx: Transaction, operation: Operation, key: str, text: str, log_tail: Sequence[str] = ()
    ) -> None:
        """A line, with the end of a log, in the card's thread."""
        await self._put(
            tx, f"detail:{key}", MessageKind.DETAIL, operation, False, {"text": text, "log": list(log_tail)}
        )

    async def _put(
        self,
        tx: Transaction,
        key: str,
        kind: MessageKind,
        operation: Operation,
        is_final: bool,
        payload: Mapping[str, object] | None = None,
        channel: str | None = None,
    ) -> None:
        if channel is None:
            environment = self._world.catalog.environments.get(operation.environment)
            channel = environment.channel if environment else None
        if channel is None:  # the Environment left the catalog: its messages stay where they are
            earlier = await tx.message(f"card:{operation.number}")
            channel = earlier.channel if earlier else (self._world.catalog.fallback_channel or "")
        await tx.put_message(
            OutboxMessage(
                key=key,
                kind=kind,
                channel=channel,
                operation=operation.number,
                payload=dict(payload or {}),
                is_final=is_final,
                created_at=self._world.clock.now(),
            )
        )

    def _slack_ids(self, roles: frozenset[str]) -> list[str]:
        return [person.slack for person in self._world.catalog.people_with(roles) if person.slack]


def _awaited(operation: Operation) -> bool:
    return operation.state is State.AWAITING_APPROVAL


def no_such(number: int) -> UnknownWord:
    return UnknownWord(
        f"There is no operation #{number}.",
        "`status` and `history` show the numbers there are.",
        ["status"],
        word=f"#{number}",
        kind="operation",
    )
