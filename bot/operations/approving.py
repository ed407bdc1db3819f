"""Approving and rejecting: whose yes counts for which Plan, and what is said to those who come too late.

Whether somebody may answer at all is a Gate's, asked by the desk before it comes here.
"""

from __future__ import annotations

from bot.domain.errors import NotNow
from bot.domain.identity import Actor
from bot.domain.operation import Approval, Operation, Origin, State
from bot.operations.gates import approvals_needed, is_by, standing
from bot.operations.ledger import Ledger
from bot.operations.queries import words_of
from bot.operations.world import World
from bot.ports import Transaction


class Approving:
    def __init__(self, world: World, ledger: Ledger) -> None:
        self._world = world
        self._ledger = ledger

    async def approve(
        self, operation: Operation, actor: Actor, origin: Origin, plan_hash: str | None, reason: str
    ) -> Operation:
        """A yes to the Plan with this hash (a prefix suffices; None: the current one). Raises NotNow."""
        await self._not_said_before(operation, actor)
        self._awaits(operation, "approve", plan_hash)
        return await self._decided(operation, actor, origin, plan_hash, True, reason)

    async def reject(self, operation: Operation, actor: Actor, origin: Origin, reason: str) -> Operation:
        """Raises NotNow."""
        self._awaits(operation, "reject", None)
        return await self._decided(operation, actor, origin, None, False, reason)

    async def _decided(
        self,
        operation: Operation,
        actor: Actor,
        origin: Origin,
        plan_hash: str | None,
        yes: bool,
        reason: str,
    ) -> Operation:
        now = self._world.clock.now()
        verb = "approve" if yes else "reject"
        given: list[Approval] = []

        async def look(tx: Transaction, op: Operation) -> None:
            given[:] = await tx.approvals(op.number)

        def decide(op: Operation) -> Operation:
            self._awaits(op, verb, plan_hash)
            assert op.plan is not None
            if op.plan != operation.plan:
                raise NotNow(
                    f"The plan of #{op.number} changed just now.", "Look at it again before you decide."
                )
            if not yes:
                why = f" ({reason})" if reason else ""
                return op.moved(State.REJECTED, now, outcome=f"Rejected by {actor.display_name}{why}.")
            said = standing(self._world, op, given)
            if any(is_by(approval, actor) for approval in said):
                raise NotNow(f"You approved #{op.number} already.", self._still_needed(op, len(said)))
            enough = len(said) + 1 >= approvals_needed(self._world, op)
            return op.moved(State.QUEUED if enough else op.state, now)

        async def add(tx: Transaction, op: Operation) -> None:
            assert op.plan is not None
            await tx.add_approval(
                Approval(op.number, actor.name, actor.slack_user, op.plan.hash, yes, now, reason)
            )

        summary = f"{verb}d" if yes else "rejected"
        detail = {
            "how": origin.how,
            "reason": reason,
            "plan": operation.plan.hash[:12] if operation.plan else "",
        }
        return await self._ledger.change(
            operation.number,
            decide,
            actor=actor.name,
            what="approval",
            summary=summary,
            detail=detail,
            look=look,
            also=add,
        )

    async def _not_said_before(self, operation: Operation, actor: Actor) -> None:
        """A second click by the same person is told what the first one did, also when it did all that was needed."""
        if operation.plan is None or operation.state in (State.AWAITING_APPROVAL, State.REJECTED):
            return
        async with self._world.store.view() as view:
            given = await view.approvals(operation.number)
        if any(a.yes and is_by(a, actor) and a.plan_hash == operation.plan.hash for a in given):
            raise NotNow(f"You approved #{operation.number} already, and {words_of(operation)}.")

    def _awaits(self, operation: Operation, verb: str, plan_hash: str | None) -> None:
        """Raises NotNow, with the reason, when the Operation waits for no approval or for one of another Plan."""
        number = operation.number
        done = f"{verb}d" if verb[-1] == "e" else f"{verb}ed"
        if operation.state is State.PREPARING:
            raise NotNow(f"#{number} can't be {done} yet: {words_of(operation)}.")
        if operation.state is not State.AWAITING_APPROVAL or operation.plan is None:
            if verb == "approve" and not operation.is_final:
                raise NotNow(f"#{number} needs no approval any more: {words_of(operation)}.")
            open_ = not operation.is_final
            raise NotNow(
                f"#{number} can't be {done} any more: {words_of(operation)}.",
                "You can still abort it." if open_ else "",
                [f"abort #{number}"] if open_ else [],
            )
        if operation.approve_by is not None and self._world.clock.now() >= operation.approve_by:
            raise NotNow(f"#{number} can't be {done} any more: its time ran out.", "Ask for it again.")
        if plan_hash is not None and not operation.plan.hash.startswith(plan_hash):
            raise NotNow(
                f"The plan of #{number} changed after you saw it, so your answer doesn't count for it.",
                "The newest prompt shows what changed.",
            )

    def _still_needed(self, operation: Operation, given: int) -> str:
        left = approvals_needed(self._world, operation) - given
        return f"It needs {left} more from somebody else." if left > 0 else ""
