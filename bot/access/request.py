"""What Cedar is asked, as typed values that are always complete: an attribute that were left out could let a `forbid` be skipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.domain.actions import ADMINISTERS
from bot.domain.catalog import Catalog
from bot.domain.identity import Actor
from bot.ports import Permission

ANY = "*"
"""Stands for a service or an environment where the question is about none in particular."""


@dataclass(frozen=True)
class Principal:
    name: str
    slack: str
    is_automatic: bool
    roles: tuple[str, ...]

    @classmethod
    def of(cls, actor: Actor) -> Principal:
        return cls(actor.name, actor.slack_user or "", actor.is_automatic, tuple(sorted(actor.roles)))

    def entities(self) -> list[dict[str, Any]]:
        attributes = {"name": self.name, "slack": self.slack, "is_automatic": self.is_automatic}
        parents = [_uid("Role", role) for role in self.roles]
        person = {"uid": _uid("Person", self.name), "attrs": attributes, "parents": parents}
        return [person, *({"uid": _uid("Role", role), "attrs": {}, "parents": []} for role in self.roles)]


@dataclass(frozen=True)
class Resource:
    """A Target (or Shipbell itself, for `admin`) with what its environment in the catalog says about the action."""

    kind: str
    service: str
    environment: str
    is_known: bool
    own_rule: bool
    may: tuple[str, ...]
    needs_approval: bool
    approvers: tuple[str, ...]

    @classmethod
    def of(cls, permission: Permission, catalog: Catalog) -> Resource:
        kind = "Shipbell" if permission.action in ADMINISTERS else "Target"
        environment = catalog.environments.get(permission.environment)
        is_known = environment is not None and permission.service in catalog.services
        own = environment.permissions.get(permission.action) if environment else None
        rule = environment.approval if environment else None
        return cls(
            kind=kind,
            service=permission.service or ANY,
            environment=permission.environment or ANY,
            is_known=is_known,
            own_rule=own is not None,
            may=tuple(sorted(own or ())),
            # Of an environment that the catalog has lost, the strict reading holds: somebody running there is in production.
            needs_approval=rule is not None or (environment is None and bool(permission.environment)),
            approvers=tuple(sorted(rule.roles)) if rule else (),
        )

    @property
    def uid(self) -> dict[str, str]:
        if self.kind == "Shipbell":
            return _uid("Shipbell", "shipbell")
        return _uid("Target", f"{self.service}@{self.environment}")

    def entities(self) -> list[dict[str, Any]]:
        if self.kind == "Shipbell":
            return [{"uid": self.uid, "attrs": {}, "parents": []}]
        attributes: dict[str, Any] = {
            "is_known": self.is_known,
            "own_rule": self.own_rule,
            "may": [_reference("Role", role) for role in self.may],
            "needs_approval": self.needs_approval,
            "approvers": [_reference("Role", role) for role in self.approvers],
        }
        parents = [_uid("Service", self.service), _uid("Environment", self.environment)]
        target = {"uid": self.uid, "attrs": attributes, "parents": parents}
        return [target, *({"uid": parent, "attrs": {}, "parents": []} for parent in parents)]


@dataclass(frozen=True)
class Asked:
    """The context. The requester is the same person when name or Slack id agree: a renamed person stays the same."""

    has_requester: bool
    is_own: bool
    requester: str

    @classmethod
    def of(cls, principal: Principal, permission: Permission) -> Asked:
        same_name = bool(permission.requester) and permission.requester == principal.name
        same_slack = bool(permission.requester_slack) and permission.requester_slack == principal.slack
        has_requester = bool(permission.requester or permission.requester_slack)
        return cls(has_requester, same_name or same_slack, permission.requester)

    def as_context(self) -> dict[str, Any]:
        return {
            "has_requester": self.has_requester,
            "is_own": self.is_own,
            "requester": self.requester,
        }


@dataclass(frozen=True)
class Question:
    """One request to Cedar: may this principal do this action to this resource, given this context."""

    principal: Principal
    action: str
    resource: Resource
    asked: Asked

    @classmethod
    def of(cls, actor: Actor, permission: Permission, catalog: Catalog) -> Question:
        principal = Principal.of(actor)
        return cls(
            principal, permission.action, Resource.of(permission, catalog), Asked.of(principal, permission)
        )

    def as_request(self) -> dict[str, Any]:
        return {
            "principal": _uid("Person", self.principal.name),
            "action": _uid("Action", self.action),
            "resource": self.resource.uid,
            "context": self.asked.as_context(),
        }

    def entities(self) -> list[dict[str, Any]]:
        return [*self.principal.entities(), *self.resource.entities()]


def _uid(kind: str, identity: str) -> dict[str, str]:
    return {"type": kind, "id": identity}


def _reference(kind: str, identity: str) -> dict[str, Any]:
    return {"__entity": _uid(kind, identity)}
