"""The desk: what people may ask of operations, decided by the Gates, written down, and handed to the workflows.

Reading is `queries`'; here stand the verbs that change something. None waits for another system, but for the short look that
`checking` takes before something new is begun.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.domain.catalog import Catalog
from bot.domain.errors import NotNow, Refused, ShipbellError
from bot.domain.gates import Answer, Decision, Gate
from bot.domain.identity import Actor, SlackIdentity
from bot.domain.operation import (
    FINAL,
    AuditEntry,
    Choice,
    Kind,
    Operation,
    Origin,
    Snapshot,
    State,
    StepRecord,
    StepState,
    Wish,
)
from bot.domain.plan import Phase
from bot.domain.reports import HomeReport, InstanceLog, TargetStatus, WhyReport
from bot.operations.approving import Approving
from bot.operations.checking import check_wish
from bot.operations.gates import permission_for, permission_on, require
from bot.operations.inbox import Inbox
from bot.operations.ledger import Ledger
from bot.operations.queries import Queries, words_of
from bot.operations.rollout import Rollout
from bot.operations.world import World
from bot.ports import Permission, Transaction, View


class DeskService:
    """Implements `bot.operations.desk.Desk`. poke: called after a change that the sweeper should see at once."""

    def __init__(self, world: World, ledger: Ledger, poke: Callable[[], None]) -> None:
        self._world = world
        self._ledger = ledger
        self._poke = poke
        self._queries = Queries(world, ledger)
        self._rollout = Rollout(world, ledger)
        self._inbox = Inbox(world.store, world.clock)
        self._approving = Approving(world, ledger)

    @property
    def catalog(self) -> Catalog:
        return self._world.catalog

    # --- who, and requests that must survive

    async def identify(self, identity: SlackIdentity, origin: Origin) -> Actor:
        try:
            profile = await self._world.people.profile(identity)
        except ShipbellError as error:
            decision = Decision(
                Gate.IDENTITY, Answer.NO, "Slack could not be asked who you are, so nothing was done."
            )
            await self._audit_refusal(identity.user, decision, origin)
            raise Refused(decision, decision.reason, "Try again in a moment.") from error
        found = self._world.access.identify(profile, self._world.catalog)
        if isinstance(found, Decision):
            await self._audit_refusal(identity.user, found, origin)
            admins = [p.name for p in self._world.catalog.people_with(frozenset({"admin", "lead"}))]
            # A guest, a bot or a deactivated account would be refused as well if it were listed.
            is_unlisted = bool(found.clears.people)
            todo = (
                f"Ask {' or '.join(admins[:3])} to add you to the catalog." if admins and is_unlisted else ""
            )
            raise Refused(found, found.reason, todo)
        return found

    async def accept(self, request_id: str, kind: str, payload: Mapping[str, object]) -> bool:
        return await self._inbox.accept(request_id, kind, payload)

    async def finish(self, request_id: str) -> None:
        await self._inbox.finish(request_id)

    async def unfinished(self) -> Sequence[tuple[str, str, Mapping[str, object], datetime]]:
        async with self._world.store.transaction() as tx:
            return await tx.unfinished_requests()

    # --- request

    async def request(
        self, kind: Kind, service: str, environment: str, wish: Wish, actor: Actor, origin: Origin
    ) -> Operation:
        target = self._world.target(service, environment)
        await self._require(actor, permission_for(kind, service, environment, actor), origin)
        channel = self._world.catalog.environments[environment].channel
        problem = await self._world.channel_problem(channel)
        if problem is not None and not wish.plan_only:
            decision = Decision(Gate.CHANNEL, Answer.NO, problem)
            await self._audit_refusal(actor.name, decision, origin)
            raise Refused(decision, problem, f"Invite Shipbell to {channel}, then ask again.")
        wished = Operation(
            number=0,
            kind=kind,
            service=service,
            environment=environment,
            requester=actor,
            origin=origin,
            wish=wish,
            state=State.PREPARING,
            created_at=self._world.clock.now(),
            catalog_digest=self._world.catalog.digest,
        )
        async with self._world.store.view() as view:
            earlier = await view.operation_by_request(origin.request_id) or await self._same(view, wished)
        if earlier is None:
            await check_wish(self._world, wished, target)
        async with self._world.store.transaction() as tx:
            earlier = await tx.operation_by_request(origin.request_id)
            if earlier is None:
                earlier = await self._same(tx, wished)
            if earlier is not None:
                return earlier
            operation = await tx.add_operation(wished)
            await self._ledger.audit(
                tx,
                actor.name,
                "request",
                operation,
                wish.command or f"{kind} {service} {environment}",
                {"how": origin.how},
            )
            await self._ledger.announce(tx, None, operation)
        self._poke()
        return operation

    async def _same(self, view: View, wished: Operation) -> Operation | None:
        """The open Operation that the same person asked for in the same words: a second Enter is no second deploy."""
        open_ = await view.operations(
            states=frozenset(State) - FINAL,
            service=wished.service,
            environment=wished.environment,
            limit=100,
        )
        for operation in open_:
            same_wish = replace(operation.wish, command="") == replace(wished.wish, command="")
            is_same = operation.kind is wished.kind and operation.requester.name == wished.requester.name
            if is_same and same_wish:
                return operation
        return None

    # --- approve, reject

    async def approve(
        self,
        number: int,
        actor: Actor,
        origin: Origin,
        *,
        plan_hash: str | None = None,
        reason: str = "",
    ) -> Operation:
        operation = await self._ledger.load(number)
        await self._may_answer("approve", operation, actor, origin)
        saved = await self._approving.approve(operation, actor, origin, plan_hash, reason)
        self._poke()
        return saved

    async def reject(self, number: int, actor: Actor, origin: Origin, *, reason: str = "") -> Operation:
        operation = await self._ledger.load(number)
        await self._may_answer("reject", operation, actor, origin)
        saved = await self._approving.reject(operation, actor, origin, reason)
        self._poke()
        return saved

    # --- abort, answer

    async def abort(self, number: int, actor: Actor, origin: Origin, *, reason: str = "") -> Operation:
        operation = await self._ledger.load(number)
        await self._may_answer("abort", operation, actor, origin)
        now = self._world.clock.now()
        why = f" ({reason})" if reason else ""

        def decide(op: Operation) -> Operation:
            match op.state:
                case State.PREPARING | State.AWAITING_APPROVAL | State.QUEUED:
                    return op.moved(
                        State.ABORTED,
                        now,
                        abort_by=actor.display_name,
                        outcome=f"Aborted by {actor.display_name}{why}. Nothing was touched.",
                    )
                case State.ROLLING_OUT | State.VERIFYING if not op.abort_by:
                    return replace(op, abort_by=actor.display_name)
                case State.ROLLING_OUT | State.VERIFYING:
                    raise NotNow(
                        f"{op.abort_by} asked to abort #{number} already; it stops at the next safe point."
                    )
                case State.ASKING:
                    raise NotNow(
                        f"#{number} has stopped and waits for an answer.", "Press one of its buttons."
                    )
                case State.UNDOING:
                    raise NotNow(f"#{number} is being undone already.")
                case _:
                    raise NotNow(f"#{number} can't be aborted any more: {words_of(op)}.")

        saved = await self._ledger.change(
            number,
            decide,
            actor=actor.name,
            what="decision",
            summary=f"abort{why}",
            detail={"how": origin.how},
        )
        self._world.signals.aborts.add(number)
        self._poke()
        return saved

    async def answer(
        self, number: int, question: int, choice: Choice, actor: Actor, origin: Origin
    ) -> Operation:
        operation = await self._ledger.load(number)
        await self._may_answer("answer", operation, actor, origin)
        records = await self._ledger.steps(number)
        self._asked(operation, question, choice)
        vouches = choice is Choice.CARRY_ON and bool(
            operation.question and operation.question.subject == "gate"
        )
        if vouches:
            permission = permission_for(
                operation.kind, operation.service, operation.environment, operation.requester
            )
            await self._require(actor, permission, origin, operation)
        undoes = choice is Choice.ROLL_BACK or (choice is Choice.STOP_HERE and not _is_undo(operation))
        now = self._world.clock.now()
        who = actor.display_name
        self._world.signals.aborts.discard(number)

        async def audit(tx: Transaction, op: Operation) -> None:
            detail: dict[str, object] = {"question": question, "how": origin.how}
            await self._ledger.audit(tx, actor.name, "decision", op, f"answered {choice}", detail)

        if undoes:
            scope = "all" if choice is Choice.ROLL_BACK else "unfinished"
            asked = operation.question
            what = asked.text if asked and asked.subject == "failure" else ""
            reason = " ".join(
                filter(None, (what, f"{'Rolled back' if scope == 'all' else 'Stopped'} by {who}."))
            )
            saved = await self._rollout.begin_undo(
                number,
                scope,
                reason,
                expect=lambda op: self._asked(op, question, choice),
                leg=True,
                also=audit,
            )
        else:
            renewed = _renewed(records, choice, _is_undo(operation))

            async def rows(tx: Transaction, op: Operation) -> None:
                await audit(tx, op)
                for record in renewed:
                    await tx.save_step(op.number, record)

            def decide(op: Operation) -> Operation:
                self._asked(op, question, choice)
                if choice is Choice.STOP_HERE:
                    text = op.question.text if op.question else ""
                    return op.moved(State.FAILED, now, question=None, outcome=f"{text} Stopped by {who}.")
                state = State(op.asked_from or State.ROLLING_OUT)
                if choice is Choice.SKIP or (renewed and state is State.VERIFYING):
                    state = State.ROLLING_OUT
                return op.moved(
                    state,
                    now,
                    question=None,
                    abort_by=None,
                    leg=op.leg + 1,
                    log_tail=(),
                    asked_from="",
                    vouched_by=actor if vouches else op.vouched_by,
                )

            saved = await self._ledger.change(number, decide, also=rows)
        self._poke()
        return saved

    def _asked(self, operation: Operation, question: int, choice: Choice) -> None:
        asked = operation.question
        if operation.state is not State.ASKING or asked is None or asked.id != question:
            raise NotNow(f"This question of #{operation.number} was answered: {words_of(operation)}.")
        if choice not in asked.choices:
            raise NotNow(f"#{operation.number} doesn't offer that now.", "Press one of its buttons.")

    # --- reading

    async def snapshot(self, number: int) -> Snapshot:
        return await self._queries.snapshot(number)

    async def status(
        self, actor: Actor, service: str | None = None, environment: str | None = None
    ) -> Sequence[TargetStatus]:
        self._known(service, environment)
        return await self._queries.status(actor, service, environment)

    async def history(
        self, actor: Actor, service: str, environment: str | None = None, limit: int = 10
    ) -> Sequence[Operation]:
        self._known(service, environment)
        return await self._queries.history(actor, service, environment, limit)

    async def logs(
        self, actor: Actor, service: str, environment: str, instance: str | None = None, lines: int = 50
    ) -> Sequence[InstanceLog]:
        return await self._queries.logs(actor, service, environment, instance, lines)

    async def why(self, actor: Actor, service: str, environment: str) -> WhyReport:
        return await self._queries.why(actor, service, environment)

    async def home(self, identity: SlackIdentity) -> HomeReport:
        return await self._queries.home(identity)

    async def permissions(self, actor: Actor) -> Mapping[str, Sequence[str]]:
        return self._queries.permissions(actor)

    async def refs(self, service: str) -> Sequence[str]:
        return await self._queries.refs(service)

    def _known(self, service: str | None, environment: str | None) -> None:
        if service is not None and environment is not None:
            self._world.target(service, environment)
        elif service is not None:
            self._world.service(service)

    # --- gates, audited

    async def _may_answer(self, action: str, operation: Operation, actor: Actor, origin: Origin) -> None:
        permission = permission_on(action, operation)
        await self._require(actor, permission, origin, operation)

    async def _require(
        self, actor: Actor, permission: Permission, origin: Origin, operation: Operation | None = None
    ) -> None:
        try:
            require(self._world, actor, permission)
        except Refused as refused:
            await self._audit_refusal(actor.name, refused.decision, origin, operation, permission)
            raise

    async def _audit_refusal(
        self,
        who: str,
        decision: Decision,
        origin: Origin,
        operation: Operation | None = None,
        permission: Permission | None = None,
    ) -> None:
        detail: dict[str, object] = {
            "gate": decision.gate.value,
            "policies": list(decision.policies),
            "how": origin.how,
        }
        if permission is not None:
            detail["wanted"] = f"{permission.action} {permission.service} {permission.environment}"
        entry = AuditEntry(
            self._world.clock.now(),
            who,
            "decision",
            operation.number if operation else None,
            f"refused: {decision.reason}",
            detail,
        )
        async with self._world.store.transaction() as tx:
            await tx.add_audit(entry)


def _is_undo(operation: Operation) -> bool:
    return operation.question is not None and operation.question.subject == "undo"


def _renewed(records: Sequence[StepRecord], choice: Choice, is_undo: bool) -> list[StepRecord]:
    """The Step rows that an answer changes: a retry begins the failed Instances anew, a skip leaves them out for good."""
    phase = Phase.UNDO if is_undo else Phase.FORWARD
    mine = [r for r in records if r.step.phase is phase]
    failed = {r.step.instance for r in mine if r.state is StepState.FAILED}
    if choice is Choice.RETRY:
        again = (StepState.FAILED, StepState.DONE)
        return [
            replace(r, state=StepState.PENDING)
            for r in mine
            if r.step.instance in failed and r.state in again and r.step.kind.value != "check"
        ]
    if choice is Choice.SKIP:
        open_ = (StepState.FAILED, StepState.PENDING)
        return [
            replace(r, state=StepState.SKIPPED, outcome="skipped")
            for r in mine
            if r.step.instance in failed and r.state in open_
        ]
    return []
