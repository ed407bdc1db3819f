"""What one part of a catalog says about another: names that have to exist, ports and Slack ids that only one may have.

Works on the tree as it was read, not on the models, so that a mistake in the shape of one part doesn't hide these. Whatever has
not the expected shape is passed over here: `shapes` complains about it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping

from bot.catalog.errors import Findings, Place, nearest
from bot.catalog.tree import Map, Seq, Value
from bot.domain.identity import ROLES

Words = Iterator[tuple[str, Place]]


def check_references(tree: Map, findings: Findings) -> None:
    _check_own_roles(tree, findings)
    _check_roles(tree, findings)
    _check_people(tree, findings)
    _check_names(tree, findings)
    _check_strategies(tree, findings)
    _check_targets(tree, findings)
    _check_approvals(tree, findings)


def known_roles(tree: Map) -> tuple[str, ...]:
    """The shipped roles, then the catalog's own."""
    own = [role for role in _map(tree, "roles") if role not in ROLES]
    return (*ROLES, *own)


def _check_own_roles(tree: Map, findings: Findings) -> None:
    roles = _map(tree, "roles")
    for role in roles:
        if role in ROLES:
            what = f"`{role}` is a role that ships with Shipbell. Give yours another name, and say `like: [{role}]`."
            findings.add(roles.key_places[role], what)
        for word, place in _words(_map(roles, role), "like"):
            if word not in ROLES:
                what = f"`like` names the role `{word}`; it can name shipped roles: {', '.join(ROLES)}."
                findings.add(place, what, nearest(word, ROLES))


def _check_roles(tree: Map, findings: Findings) -> None:
    known = known_roles(tree)
    for word, place in _role_words(tree):
        if word not in known:
            near = nearest(word, known)
            listed = "" if near else f" There are {', '.join(known)}."
            findings.add(place, f"There is no role `{word}`.{listed}", near)


def _role_words(tree: Map) -> Words:
    for environment in _maps(tree, "environments").values():
        yield from _words(environment, "tell")
        yield from _words(_map(environment, "approvals"), "roles")
        may = _map(environment, "may")
        for action in may:
            yield from _words(may, action)
    for person in _maps(tree, "people").values():
        yield from _words(person, "roles")
    groups = _map(tree, "groups")
    for group in groups:
        yield from _words(groups, group)


def _check_people(tree: Map, findings: Findings) -> None:
    first: dict[tuple[str, str], str] = {}
    home = _word(tree, "team")
    for name, person in _maps(tree, "people").items():
        slack = _word(person, "slack")
        if not slack:
            continue
        # Without a team of the catalog, a person with one and a person without could be the same.
        key = (_word(person, "team") or home, slack)
        if other := first.get(key):
            what = f"`{name}` has the Slack id {slack}, which `{other}` has already. One person has one name."
            findings.add(person.place_of("slack"), what)
        first.setdefault(key, name)


def _check_names(tree: Map, findings: Findings) -> None:
    """Names that differ in capitals only would be the same word in a command."""
    for part in ("environments", "services", "people"):
        named = _map(tree, part)
        first: dict[str, str] = {}
        for name in named:
            other = first.setdefault(name.casefold(), name)
            if other != name:
                findings.add(
                    named.key_places[name],
                    f"`{name}` and `{other}` are the same word to a person who types it.",
                )


def _check_strategies(tree: Map, findings: Findings) -> None:
    known = tuple(_map(tree, "strategies"))
    for holder in _strategy_holders(tree):
        said = holder.get("strategy")
        if isinstance(said, str):
            word, place = _normal(said), holder.place_of("strategy")
        elif isinstance(said, Map) and isinstance(said.get("like"), str):
            word, place = _word(said, "like"), said.place_of("like")
        else:
            continue
        if word not in known:
            listed = f"There are {', '.join(known)}." if known else "None are under `strategies`."
            near = nearest(word, known)
            findings.add(place, f"There is no strategy `{word}`.{'' if near else f' {listed}'}", near)


def _strategy_holders(tree: Map) -> Iterator[Map]:
    for service in _maps(tree, "services").values():
        yield service
        yield from _maps(service, "targets").values()


def _check_targets(tree: Map, findings: Findings) -> None:
    environments = tuple(_map(tree, "environments"))
    ports: dict[str, str] = {}
    for service_name, service in _maps(tree, "services").items():
        targets = _map(service, "targets")
        for name in targets:
            if name not in environments:
                near = nearest(name, environments)
                listed = f" There are {', '.join(environments)}." if environments and not near else ""
                findings.add(targets.key_places[name], f"There is no environment `{name}`.{listed}", near)
            local = _map(_map(targets, name), "local")
            _check_port(f"{service_name} in {name}", local, ports, findings)


def _check_port(title: str, local: Map, ports: dict[str, str], findings: Findings) -> None:
    port = _word(local, "port")
    if not port:
        return
    if other := ports.get(port):
        what = f"Port {port} is taken by {other}. Two targets can't share a port."
        findings.add(local.place_of("port"), what)
    ports.setdefault(port, title)


def _check_approvals(tree: Map, findings: Findings) -> None:
    """An approval that nobody could give is told now, not at the first release."""
    groups = _map(tree, "groups")
    by_group = {word for group in groups for word, _ in _words(groups, group)}
    held = [_with_included(tree, person) for person in _maps(tree, "people").values()]
    for environment in _maps(tree, "environments").values():
        approvals = environment.get("approvals")
        if not isinstance(approvals, Map):
            continue
        roles = {word for word, _ in _words(approvals, "roles")} or {"lead"}
        wanted = _word(approvals, "count") or "1"
        if roles & by_group or not wanted.isdecimal() or not roles <= set(known_roles(tree)):
            continue
        number = sum(1 for person_roles in held if person_roles & (roles | {"admin"}))
        if number < int(wanted):
            what = (
                f"{wanted} {'person has' if wanted == '1' else 'people have'} to approve here, but only {number} of the people "
                f"in the catalog {'has' if number == 1 else 'have'} the role {' or '.join(sorted(roles))} (or admin)."
            )
            place = approvals.place_of("count") if "count" in approvals else environment.place_of("approvals")
            findings.add(place, what.replace("only 0", "none"))


def _with_included(tree: Map, person: Map) -> set[str]:
    roles = {word for word, _ in _words(person, "roles")}
    own = _map(tree, "roles")
    return roles | {word for role in roles for word, _ in _words(_map(own, role), "like")}


# Reading a tree whose shape nobody has vouched for.


def _map(holder: Mapping[str, Value], key: str) -> Map:
    found = holder.get(key)
    return found if isinstance(found, Map) else Map()


def _maps(holder: Map, key: str) -> dict[str, Map]:
    return {name: value for name, value in _map(holder, key).items() if isinstance(value, Map)}


def _word(holder: Map, key: str) -> str:
    found = holder.get(key)
    return _normal(found) if isinstance(found, str) else ""


def _words(holder: Map, key: str) -> Words:
    found = holder.get(key)
    if isinstance(found, Seq):
        for item, place in zip(found, found.places, strict=True):
            if isinstance(item, str):
                yield _normal(item), place


def _normal(word: str) -> str:
    return unicodedata.normalize("NFC", word).strip()
