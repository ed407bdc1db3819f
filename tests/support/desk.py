"""A desk in memory: small, working, without gates of its own. It keeps every effect that it was asked for, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bot.domain.artifact import Artifact, Revision
from bot.domain.catalog import BuildRecipe, Catalog, Environment, Service, Source, Target
from bot.domain.errors import NotNow, ShipbellError, UnknownWord
from bot.domain.gates import Answer, Decision, Gate
from bot.domain.identity import Actor, SlackIdentity
from bot.domain.instances import Instance, InstanceState, Traffic, TrafficState
from bot.domain.operation import (
    Choice,
    Kind,
    Operation,
    Origin,
    Question,
    Release,
    Snapshot,
    State,
    Wish,
)
from bot.domain.plan import Phase, Plan, Step, StepKind
from bot.domain.reports import HomeReport, InstanceLog, TargetStatus, WhyReport

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DANA = Actor("dana", "Dana Diaz", frozenset({"developer"}), "U0DANA0001")
LEE = Actor("lee", "Lee Larsen", frozenset({"lead"}), "U0LEE00001")
ORIGIN = Origin("slash", "r1", "C1")


def catalog(
    services: Mapping[str, Sequence[str]] | None = None,
    environments: Sequence[str] = ("test", "staging", "prod"),
) -> Catalog:
    """Services with the environments that they run in, two instances each."""
    where = services or {"shop": ("test", "prod"), "cart": ("test", "staging", "prod"), "münze": ("test",)}
    return Catalog(
        environments={name: Environment(name, f"#{name}", f"#{name}") for name in environments},
        services={
            name: Service(
                name,
                Source("git", "file:///shop.git"),
                BuildRecipe("local"),
                {env: Target(name, env, "local", instances=2) for env in envs},
                description=f"The {name}",
            )
            for name, envs in where.items()
        },
        people={},
        digest="c1",
    )


def artifact(service: str = "shop", version: str = "v1.2") -> Artifact:
    return Artifact("sha256:" + "ab" * 32, service, version, Revision("a" * 40, version))


def plan(*instances: str) -> Plan:
    """A Plan that restarts these Instances one after the other."""
    steps = tuple(Step(n, Phase.FORWARD, n, name, StepKind.STOP) for n, name in enumerate(instances, 1))
    return Plan("deploy", "shop", "prod", None, "c1", "local", {}, {}, instances, (), steps)


@dataclass(frozen=True)
class Effect:
    """One thing that the desk was asked for. `words` are the names and numbers it is about."""

    verb: str
    words: tuple[str, ...]
    wish: Wish | None = None
    reason: str = ""
    plan_hash: str | None = None


@dataclass
class MemoryDesk:
    """Implements bot.operations.desk.Desk. `fails` is raised by the next verb that is asked."""

    catalog: Catalog = field(default_factory=catalog)
    now: datetime = NOW
    effects: list[Effect] = field(default_factory=list)
    operations: dict[int, Operation] = field(default_factory=dict)
    fails: ShipbellError | None = None

    def put(self, state: State = State.AWAITING_APPROVAL, **changes: object) -> Operation:
        """An Operation that is there already."""
        number = max(self.operations, default=11) + 1
        operation = Operation(number, Kind.DEPLOY, "shop", "prod", DANA, ORIGIN, Wish(), state, self.now)
        self.operations[number] = replace(operation, **changes)  # type: ignore[arg-type]
        return self.operations[number]

    async def identify(self, identity: SlackIdentity, origin: Origin) -> Actor:
        return DANA

    async def accept(self, request_id: str, kind: str, payload: Mapping[str, object]) -> bool:
        return True

    async def finish(self, request_id: str) -> None:
        return None

    async def unfinished(self) -> Sequence[tuple[str, str, Mapping[str, object], datetime]]:
        return ()

    async def request(
        self, kind: Kind, service: str, environment: str, wish: Wish, actor: Actor, origin: Origin
    ) -> Operation:
        self._asked(kind.value, (service, environment), wish=wish)
        for operation in self.operations.values():
            same = (operation.kind, operation.service, operation.environment, operation.wish)
            if same == (kind, service, environment, wish) and not operation.is_final:
                return operation
        return self.put(
            State.PREPARING, kind=kind, service=service, environment=environment, wish=wish, requester=actor
        )

    async def approve(
        self, number: int, actor: Actor, origin: Origin, *, plan_hash: str | None = None, reason: str = ""
    ) -> Operation:
        self._asked("approve", (f"#{number}",), reason=reason, plan_hash=plan_hash)
        return self._judged(number, State.QUEUED)

    async def reject(self, number: int, actor: Actor, origin: Origin, *, reason: str = "") -> Operation:
        self._asked("reject", (f"#{number}",), reason=reason)
        return self._judged(number, State.REJECTED)

    async def abort(self, number: int, actor: Actor, origin: Origin, *, reason: str = "") -> Operation:
        self._asked("abort", (f"#{number}",), reason=reason)
        operation = self._found(number)
        if operation.is_final:
            raise NotNow(f"#{number} has ended already.")
        if operation.state in (State.PREPARING, State.AWAITING_APPROVAL, State.QUEUED):
            return self._moved(operation, State.ABORTED)
        question = Question(1, "abort", "Stop here, or roll back?", (Choice.STOP_HERE,), self.now)
        self.operations[number] = replace(operation, state=State.ASKING, question=question)
        return self.operations[number]

    async def answer(
        self, number: int, question: int, choice: Choice, actor: Actor, origin: Origin
    ) -> Operation:
        self._asked("answer", (f"#{number}", str(question), choice.value))
        operation = self._found(number)
        if operation.question is None or operation.question.id != question:
            raise NotNow(f"That question about #{number} was answered already.")
        return self._moved(operation, State.ROLLING_OUT)

    async def snapshot(self, number: int) -> Snapshot:
        return Snapshot(self._found(number), now=self.now)

    async def status(
        self, actor: Actor, service: str | None = None, environment: str | None = None
    ) -> Sequence[TargetStatus]:
        self._asked("status", tuple(word for word in (service, environment) if word))
        return [
            self._status(target)
            for found in self.catalog.services.values()
            for target in found.targets.values()
            if service in (None, target.service) and environment in (None, target.environment)
        ]

    async def history(
        self, actor: Actor, service: str, environment: str | None = None, limit: int = 10
    ) -> Sequence[Operation]:
        self._asked("history", tuple(word for word in (service, environment) if word))
        found = [
            operation
            for operation in self.operations.values()
            if operation.service == service and environment in (None, operation.environment)
        ]
        return sorted(found, key=lambda operation: -operation.number)[:limit]

    async def logs(
        self, actor: Actor, service: str, environment: str, instance: str | None = None, lines: int = 50
    ) -> Sequence[InstanceLog]:
        words = (service, environment, instance, str(lines) if lines != 50 else None)
        self._asked("logs", tuple(word for word in words if word))
        names = self._names(service, environment)
        if instance is not None and instance not in names:
            raise UnknownWord(
                f"shop has no instance {instance}.", nearest=names[:1], word=instance, kind="instance"
            )
        return [InstanceLog(n, (f"{n} is up",)) for n in names if instance in (None, n)]

    async def why(self, actor: Actor, service: str, environment: str) -> WhyReport:
        self._asked("why", (service, environment))
        return WhyReport(
            service, environment, (Decision(Gate.ROLE, Answer.YES, "developer may deploy to test."),)
        )

    async def permissions(self, actor: Actor) -> Mapping[str, Sequence[str]]:
        return {"test": ("deploy", "rollback"), "prod": ()}

    async def home(self, identity: SlackIdentity) -> HomeReport:
        return HomeReport(DANA)

    async def refs(self, service: str) -> Sequence[str]:
        return ("main", "v1.2")

    def _asked(
        self,
        verb: str,
        words: tuple[str, ...],
        wish: Wish | None = None,
        reason: str = "",
        plan_hash: str | None = None,
    ) -> None:
        self.effects.append(Effect(verb, words, wish, reason, plan_hash))
        if self.fails is not None:
            error, self.fails = self.fails, None
            raise error

    def _found(self, number: int) -> Operation:
        if number not in self.operations:
            raise UnknownWord(f"There is no operation #{number}.", word=f"#{number}", kind="operation")
        return self.operations[number]

    def _judged(self, number: int, state: State) -> Operation:
        operation = self._found(number)
        if operation.state is not State.AWAITING_APPROVAL:
            raise NotNow(f"#{number} doesn't wait for approval any more.")
        return self._moved(operation, state)

    def _moved(self, operation: Operation, state: State) -> Operation:
        self.operations[operation.number] = operation.moved(state, self.now, question=None)
        return self.operations[operation.number]

    def _names(self, service: str, environment: str) -> list[str]:
        target = self.catalog.target(service, environment)
        return [target.instance_name(i + 1) for i in range(target.instances)] if target else []

    def _status(self, target: Target) -> TargetStatus:
        names = self._names(target.service, target.environment)
        release = Release(
            12,
            target.service,
            target.environment,
            artifact(target.service),
            "c1",
            "dana",
            self.now,
            Kind.DEPLOY,
        )
        return TargetStatus(
            target.service,
            target.environment,
            release,
            tuple(Instance(n, InstanceState.RUNNING, healthy=True, started_at=self.now) for n in names),
            tuple(Traffic(n, TrafficState.ENABLED) for n in names),
            wanted=len(names),
            front="http://127.0.0.1:8100",
            asked_at=self.now,
        )
