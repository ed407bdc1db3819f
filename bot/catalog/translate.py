"""From the models of the file to the domain's values: what is left out gets its meaning here, and nothing is checked any more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from bot.catalog import shapes, words
from bot.domain.catalog import (
    ApprovalRule,
    BuildRecipe,
    Catalog,
    Configuration,
    Environment,
    Group,
    Health,
    HealthKind,
    OnFailure,
    Person,
    Service,
    Source,
    Strategy,
    Target,
)
from bot.domain.identity import ROLES

T = TypeVar("T")
Said = dict[str, Any]
"""The keys of a strategy that were said, with their values; `health` is such a dict itself."""


def to_catalog(shape: shapes.CatalogShape, folder: Path, digest: str) -> Catalog:
    """The Catalog that a valid file means. `folder` is where relative paths begin."""
    included = {name: frozenset({name, *role.like}) for name, role in shape.roles.items()}

    def roles(names: list[str]) -> frozenset[str]:
        return frozenset(role for name in names for role in included.get(name, {name}))

    named = {name: _said(strategy) for name, strategy in shape.strategies.items()}
    return Catalog(
        environments=_frozen({name: _environment(name, e) for name, e in shape.environments.items()}),
        services=_frozen({name: _service(name, s, named, folder) for name, s in shape.services.items()}),
        people=_frozen(
            {name: Person(name, p.slack, roles(p.roles), p.team) for name, p in shape.people.items()}
        ),
        groups=tuple(Group(slack, roles(names)) for slack, names in shape.groups.items()),
        team=shape.team,
        admins_channel=shape.admins,
        fallback_channel=shape.fallback,
        digest=digest,
        roles=(*ROLES, *shape.roles),
    )


def _environment(name: str, shape: shapes.EnvironmentShape) -> Environment:
    approvals = shape.approvals
    rule = (
        None
        if approvals is None
        else ApprovalRule(
            approvals.count, frozenset(approvals.roles), approvals.expires, frozenset(approvals.kinds)
        )
    )
    return Environment(
        name=name,
        channel=shape.channel,
        approvals_channel=(approvals and approvals.channel) or shape.channel,
        approval=rule,
        permissions=_frozen({action: frozenset(roles) for action, roles in shape.may.items()}),
        tell=frozenset(shape.tell),
    )


def _service(name: str, shape: shapes.ServiceShape, named: Mapping[str, Said], folder: Path) -> Service:
    assert shape.source.git is not None
    assert shape.build.local is not None
    build = shape.build.local
    own = _strategy_said(shape.strategy, named, {})
    targets = {
        environment: _target(name, environment, target, shape, named, own)
        for environment, target in shape.targets.items()
    }
    options = {"command": build.command, "output": build.output, "timeout": build.timeout.total_seconds()}
    return Service(
        name=name,
        source=Source(kind="git", url=_located(shape.source.git, folder), branch=shape.source.branch),
        build=BuildRecipe(kind="local", options=_frozen(options)),
        targets=_frozen(targets),
        description=shape.description,
        url=_frozen({environment: t.url for environment, t in shape.targets.items() if t.url}),
    )


def _target(
    service: str,
    environment: str,
    shape: shapes.TargetShape,
    holder: shapes.ServiceShape,
    named: Mapping[str, Said],
    strategy: Said,
) -> Target:
    assert shape.local is not None
    local = shape.local
    options: dict[str, Any] = {"command": local.command, "hold": local.hold.total_seconds()}
    if local.port is not None:
        options["port"] = local.port
    return Target(
        service=service,
        environment=environment,
        kind="local",
        instances=local.instances,
        options=_frozen(options),
        strategy=_strategy(_strategy_said(shape.strategy, named, strategy)),
        configuration=Configuration(_frozen({**holder.configuration, **shape.configuration})),
    )


def _strategy_said(shape: shapes.StrategyShape | None, named: Mapping[str, Said], base: Said) -> Said:
    """`base` with what this strategy says; one that is `like` a named strategy begins with that instead."""
    if shape is None:
        return base
    own = _said(shape)
    like = own.pop("like", None)
    return _over(named[like] if like else base, own)


def _over(base: Said, own: Said) -> Said:
    health = {**base.get("health", {}), **own.get("health", {})}
    # Another kind of check doesn't inherit what the first one was told.
    return {**base, **own, **({"health": health} if health else {})}


def _said(shape: shapes.NamedStrategyShape) -> Said:
    said = {key: getattr(shape, key) for key in shape.model_fields_set}
    if isinstance(health := said.get("health"), shapes.HealthShape):
        values = {key: getattr(health, key) for key in health.model_fields_set}
        if "kind" not in values and ("command" in values or "path" in values):
            values["kind"] = "command" if "command" in values else "http"
        said["health"] = values
    return said


def _strategy(said: Said) -> Strategy:
    values = dict(said)
    if "on_failure" in values:
        values["on_failure"] = OnFailure(values["on_failure"])
    if health := values.pop("health", None):
        values["health"] = Health(**{**health, "kind": HealthKind(health.get("kind", HealthKind.HTTP))})
    return Strategy(**values)


def _located(url: str, folder: Path) -> str:
    if not words.is_path(url):
        return url
    return str((folder / Path(url).expanduser()).resolve())


def _frozen(values: Mapping[str, T]) -> Mapping[str, T]:
    return MappingProxyType(dict(values))
