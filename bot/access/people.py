"""Slack identities become Actors: by team and user id, from the catalog's people and groups, never by name or e-mail address.

The identity gate only says who somebody is; what they may do is Cedar's.
"""

from __future__ import annotations

from bot.domain.catalog import Catalog, Person
from bot.domain.gates import Answer, Decision, Gate, WhoMay
from bot.domain.identity import Actor, Profile, SlackIdentity


def identify(profile: Profile, catalog: Catalog) -> Actor | Decision:
    """The Actor with the roles that the catalog and the person's user groups give now, or the NO and its reason."""
    if refusal := _not_one_of_us(profile, catalog):
        return Decision(Gate.IDENTITY, Answer.NO, refusal)
    person = _listed(profile.identity, catalog)
    groups = [group for group in catalog.groups if group.slack in profile.groups]
    if person is None and not groups:
        return _unlisted(profile, catalog)
    roles = person.roles if person else frozenset[str]()
    for group in groups:
        roles |= group.roles
    return Actor(
        name=person.name if person else profile.identity.user,
        display_name=profile.display_name,
        roles=roles,
        slack_user=profile.identity.user,
    )


def _not_one_of_us(profile: Profile, catalog: Catalog) -> str:
    """Why the account itself can't act, or ""."""
    name = profile.display_name or "This account"
    if not profile.identity.user or not profile.identity.team:
        return "Slack did not say who this is, so nothing can be permitted."
    if profile.is_deleted:
        return f"{name} is deactivated in Slack, so Shipbell takes no requests from this account."
    if profile.is_bot and profile.identity.by_app:
        return f"An app said this in the name of {name}. Shipbell takes requests from people only."
    if profile.is_bot:
        return f"{name} is a bot. Shipbell takes requests from people only."
    if profile.is_stranger:
        return (
            f"{name} belongs to another Slack workspace. Shipbell takes requests from its own workspace only."
        )
    if profile.is_guest:
        return f"{name} is a guest in this Slack workspace. Shipbell takes requests from full members only."
    identity = profile.identity
    is_listed_elsewhere = _listed(identity, catalog) is not None
    if catalog.team and catalog.team not in (identity.team, identity.enterprise) and not is_listed_elsewhere:
        return f"{name} belongs to another Slack workspace than the one that the catalog names."
    return ""


def _listed(identity: SlackIdentity, catalog: Catalog) -> Person | None:
    for person in catalog.people.values():
        if person.slack != identity.user:
            continue
        home = person.team or catalog.team
        if home is None or home in (identity.team, identity.enterprise):
            return person
    return None


def _unlisted(profile: Profile, catalog: Catalog) -> Decision:
    """The NO for somebody whom nobody has listed; `clears` are those who are likely to keep the catalog."""
    clears = WhoMay()
    for role in ("admin", "lead"):
        if people := tuple(person.name for person in catalog.people_with(frozenset({role}))):
            clears = WhoMay((role,), people)
            break
    name = profile.display_name or profile.identity.user
    reason = (
        f"{name} is not in the catalog: it doesn't list the Slack id {profile.identity.user} under “people”."
    )
    return Decision(Gate.IDENTITY, Answer.NO, reason, clears=clears)
