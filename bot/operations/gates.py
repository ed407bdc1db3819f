"""The Gates' Decisions, asked wherever time has passed. Pure over the catalog and Cedar's answer; nothing is stored here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.catalog import Person
from bot.domain.errors import Refused
from bot.domain.gates import Answer, Decision, Gate
from bot.domain.identity import Actor
from bot.domain.operation import Approval, Kind, Operation
from bot.operations.world import World
from bot.ports import Permission


def permission_for(kind: Kind, service: str, environment: str, requester: Actor) -> Permission:
    return Permission(kind.value, service, environment, requester.name, requester.slack_user or "")


def permission_on(action: str, operation: Operation) -> Permission:
    """What somebody wants to do with an Operation that somebody (else) asked for."""
    requester = operation.requester
    return Permission(
        action, operation.service, operation.environment, requester.name, requester.slack_user or ""
    )


def require(world: World, actor: Actor, permission: Permission) -> Decision:
    """The YES, or raises Refused with the NO."""
    decision = world.access.decide(actor, permission, world.catalog)
    if decision.answer is not Answer.YES:
        raise Refused(decision, decision.reason, whom_to_ask(decision))
    return decision


def whom_to_ask(decision: Decision) -> str:
    if decision.clears.people:
        names = ", ".join(decision.clears.people[:5])
        return f"Ask one of these: {names}."
    if decision.clears.roles:
        return f"Nobody in the catalog has a role that may: {', '.join(decision.clears.roles)}."
    return ""


def may_still(world: World, operation: Operation) -> Decision | None:
    """Asked before each Batch: the NO if the requester (or who vouched since) may not do this any more, by the catalog in force."""
    requester = operation.vouched_by or operation.requester
    if requester.is_automatic:
        return None
    if world.catalog.target(operation.service, operation.environment) is None:
        return None  # the Target left the catalog: the Plan holds all that its rollout needs
    person = listed(world, requester.name, requester.slack_user)
    grouped = frozenset().union(*(group.roles for group in world.catalog.groups)) & requester.roles
    roles = (person.roles if person else frozenset()) | grouped
    if not roles:
        return Decision(Gate.ROLE, Answer.NO, f"{requester.name} is in the catalog no more.")
    permission = permission_on(operation.kind.value, operation)
    decision = world.access.decide(replace(requester, roles=roles), permission, world.catalog)
    return None if decision.is_yes else decision


def listed(world: World, name: str, slack_user: str | None) -> Person | None:
    """The catalog's person for somebody who was known by this name. The Slack id tells: a person who was renamed stays the same,
    and a name that somebody else has by now is not theirs."""
    people = world.catalog.people
    if slack_user and (found := next((p for p in people.values() if p.slack == slack_user), None)):
        return found
    found = people.get(name)
    return found if found and (not slack_user or not found.slack) else None


def standing(world: World, operation: Operation, approvals: Sequence[Approval]) -> list[Approval]:
    """The yeses to the Operation's Plan that count now: one a person, by people who may still give it. Whoever is not listed had
    the role by a Slack group, which is asked for at the click only."""
    if operation.plan is None:
        return []
    permission = permission_on("approve", operation)
    people: dict[str, Approval] = {}
    for approval in approvals:
        if not approval.yes or approval.plan_hash != operation.plan.hash:
            continue
        person = listed(world, approval.actor, approval.slack_user)
        if person is None and not world.catalog.groups:
            continue
        if person is not None and not world.catalog.groups:
            actor = Actor(person.name, person.name, person.roles, approval.slack_user)
            if not world.access.decide(actor, permission, world.catalog).is_yes:
                continue
        people.setdefault(approval.slack_user or approval.actor, approval)
    return list(people.values())


def is_by(approval: Approval, actor: Actor) -> bool:
    """Whether this person gave it, under whatever name."""
    same_slack = bool(actor.slack_user) and approval.slack_user == actor.slack_user
    return same_slack or approval.actor == actor.name


def approvals_needed(world: World, operation: Operation) -> int:
    environment = world.catalog.environments.get(operation.environment)
    rule = environment.approval if environment else None
    if rule is None or operation.kind.value not in rule.kinds:
        return 0
    return rule.count


def approval_gate(world: World, operation: Operation, given: int) -> Decision:
    needed = approvals_needed(world, operation)
    if needed == 0:
        return Decision(Gate.APPROVAL, Answer.YES, f"{operation.environment} asks for no approval of this.")
    clears = world.access.who_may(permission_on("approve", operation), world.catalog)
    if given >= needed:
        return Decision(Gate.APPROVAL, Answer.YES, f"{given} of {needed} approvals are there.")
    return Decision(
        Gate.APPROVAL,
        Answer.WAIT,
        f"{operation.environment} asks for {needed} {'approval' if needed == 1 else 'approvals'}; {given} so far.",
        clears=clears,
    )


def turn_gate(operation: Operation | None) -> Decision:
    if operation is None:
        return Decision(Gate.TURN, Answer.YES, "Nothing else moves this target.")
    return Decision(
        Gate.TURN,
        Answer.WAIT,
        f"#{operation.number} ({operation.kind}) has the target; a new one queues behind it.",
    )
