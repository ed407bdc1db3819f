"""The sentences of the role gate and the identity gate: pure functions from facts to words."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.catalog import Catalog
from bot.domain.gates import WhoMay
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
_MOST_PEOPLE = 5


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


def forbidden(reason: str, may: WhoMay) -> str:
    """A forbid's own sentence, then who can do it where somebody can."""
    if may.people:
        return f"{reason} {_people(may.people)} can."
    return f"{reason} It takes somebody else with the role {any_of(may.roles)}." if may.roles else reason


def not_permitted(actor: Actor, permission: Permission, may: WhoMay, catalog: Catalog) -> str:
    """What would be permitted instead: roles, and the people who have them."""
    start = f"{who(actor)} may not {deed(permission)}"
    if may.roles:
        start += f": that takes the role {any_of(may.roles)}"
    if may.people:
        return f"{start}. {_people(may.people)} can."
    if may.roles:
        by_group = any(group.roles & frozenset(may.roles) for group in catalog.groups)
        return f"{start}. " + (
            "Nobody is listed with it; members of a Slack user group have it."
            if by_group
            else "Nobody in the catalog can."
        )
    return f"{start}. No role would be permitted to."


def any_of(words: Sequence[str]) -> str:
    return _listed(words, "or")


def _people(names: Sequence[str]) -> str:
    if len(names) > _MOST_PEOPLE:
        names = [*names[:_MOST_PEOPLE], f"{len(names) - _MOST_PEOPLE} more"]
    return _listed(names, "and")


def _listed(words: Sequence[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
