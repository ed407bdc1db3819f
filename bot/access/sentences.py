"""The sentences of the role gate and the identity gate: pure functions from facts to words."""

from __future__ import annotations

from bot.domain.identity import Actor
from bot.ports import Permission

_DEEDS = {
    "deploy": ("deploy", "to"),
    "promote": ("promote", "to"),
    "rollback": ("roll back", "in"),
    "restart": ("restart", "in"),
    "stop": ("stop", "in"),
    "start": ("start", "in"),
    "scale": ("scale", "in"),
    "configure": ("configure", "in"),
    "approve": ("approve an Operation on", "in"),
    "reject": ("reject an Operation on", "in"),
    "abort": ("abort an Operation on", "in"),
    "answer": ("answer for an Operation on", "in"),
    "view": ("see", "in"),
    "logs": ("read the logs of", "in"),
}


def deed(permission: Permission) -> str:
    """What is asked for, as an infinitive: `deploy shop to prod`."""
    if permission.action not in _DEEDS:
        return "administer Shipbell" if permission.action == "admin" else permission.action
    verb, preposition = _DEEDS[permission.action]
    place = f" {preposition} {permission.environment}" if permission.environment else ""
    return f"{verb} {permission.service or 'services'}{place}"


def who(actor: Actor) -> str:
    """The person with their roles: `dana (developer)`."""
    if actor.is_automatic:
        return actor.display_name
    return f"{actor.name} ({', '.join(sorted(actor.roles)) or 'no role'})"


def permitted(actor: Actor, permission: Permission) -> str:
    return f"{who(actor)} may {deed(permission)}."


def not_permitted(actor: Actor, permission: Permission) -> str:
    """Without the roles that would be permitted and their people: those are the Decision's `clears`, and shown from there."""
    return f"{who(actor)} may not {deed(permission)}."
