"""The local Runtime, TrafficControl and Builder: the ports in the agent's words. No process is started and no file read here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from adapters.common.git import normal_url
from adapters.local.client import AgentClient
from bot.domain.artifact import Artifact, BuildReport, BuildState, Revision
from bot.domain.catalog import Configuration, HealthKind, Service, Target
from bot.domain.errors import AdapterError, PermanentError
from bot.domain.instances import Instance, InstanceState, Traffic, TrafficState
from bot.ports import Connection, Effect, EffectState

DEFAULT_COMMAND = "./run"
DEFAULT_OUTPUT = "dist"
DEFAULT_BUILD_TIMEOUT = 600.0
DEFAULT_HOLD = 5.0


class LocalRuntime:
    """A Target's options: `command` (words, run in the Artifact's folder; default `./run`)."""

    def __init__(self, data_dir: Path) -> None:
        self._agent = AgentClient(data_dir)

    async def inspect(self, target: Target) -> Mapping[str, Instance]:
        timeout = target.strategy.health.timeout.total_seconds() + 10
        found = await self._agent.call(
            "instances", {"target": target.key, "health": _check(target)}, timeout=timeout
        )
        instances = [_instance(value) for value in found]
        return {instance.name: instance for instance in sorted(instances, key=lambda i: _in_order(i.name))}

    async def stop(self, effect: Effect, target: Target, instance: str, within: timedelta) -> None:
        await self._agent.call("stop", {**_asked(effect, target, instance), "within": within.total_seconds()})

    async def update(
        self, effect: Effect, target: Target, instance: str, artifact: Artifact, configuration: Configuration
    ) -> None:
        arguments = {
            **_asked(effect, target, instance),
            "artifact": {"digest": artifact.digest, "version": artifact.version},
            "configuration": {"values": dict(configuration.values), "version": configuration.version},
        }
        await self._agent.call("update", arguments)

    async def start(self, effect: Effect, target: Target, instance: str) -> None:
        command = str(target.options.get("command", DEFAULT_COMMAND))
        await self._agent.call(
            "start", {**_asked(effect, target, instance), "command": command, "health": _check(target)}
        )

    async def remove(self, effect: Effect, target: Target, instance: str) -> None:
        await self._agent.call("remove", _asked(effect, target, instance))

    async def logs(self, target: Target, instance: str, lines: int = 50) -> Sequence[str]:
        found = await self._agent.call("logs", {"target": target.key, "instance": instance, "lines": lines})
        return tuple(found)

    async def reconcile(self, effect: Effect, target: Target, instance: str) -> EffectState:
        return EffectState(await self._agent.call("reconcile", _asked(effect, target, instance)))

    async def check(self) -> Sequence[Connection]:
        return [await _agent_line(self._agent, "local agent")]


class LocalTraffic:
    """A Target's options: `port` of its front on 127.0.0.1 (0, the default: one is chosen and kept), `hold`: seconds for which
    requests wait while no Instance takes them (default 5)."""

    def __init__(self, data_dir: Path) -> None:
        self._agent = AgentClient(data_dir)

    async def inspect(self, target: Target) -> Mapping[str, Traffic]:
        found = await self._agent.call("traffic", {"target": target.key}, timeout=20)
        return {name: _traffic(name, found[name]) for name in sorted(found, key=_in_order)}

    async def drain(self, effect: Effect, target: Target, instance: str) -> None:
        await self._agent.call("drain", _asked(effect, target, instance), timeout=20)

    async def enable(self, effect: Effect, target: Target, instance: str, address: str) -> None:
        arguments = {
            **_asked(effect, target, instance),
            "address": address,
            "port": int(target.options.get("port", 0)),
            "hold": float(target.options.get("hold", DEFAULT_HOLD)),
        }
        await self._agent.call("enable", arguments, timeout=20)

    async def remove(self, effect: Effect, target: Target, instance: str) -> None:
        await self._agent.call("forget", _asked(effect, target, instance), timeout=20)

    async def reconcile(self, effect: Effect, target: Target, instance: str) -> EffectState:
        found = await self._agent.call("reconcile_traffic", _asked(effect, target, instance), timeout=20)
        return EffectState(found)

    async def front(self, target: Target) -> str | None:
        found: str | None = await self._agent.call("front", {"target": target.key})
        return found

    async def check(self) -> Sequence[Connection]:
        try:
            found = await self._agent.call("doctor", {}, timeout=20)
        except AdapterError as error:
            return [Connection("local proxy", False, error.what, error.todo)]
        broken = [
            Connection(
                "local proxy", False, f"the port of {target} is not open: {why}", "Free it or choose another."
            )
            for target, why in found["errors"].items()
        ]
        detail = "runs" if found["is_proxy_alive"] else "starts with the first Target that gets traffic"
        return broken or [Connection("local proxy", True, detail)]


class LocalBuilder:
    """A recipe's options: `command` (shell, run in a checkout), `output` (the folder to keep, default `dist`), `timeout` seconds
    (default 600)."""

    def __init__(self, data_dir: Path) -> None:
        self._agent = AgentClient(data_dir)

    async def start(self, key: str, service: Service, revision: Revision) -> BuildReport:
        if service.source.kind != "git":
            raise PermanentError(
                f"Local builds need a source of kind git, and {service.name}'s is {service.source.kind}."
            )
        options = service.build.options
        arguments = {
            "key": key,
            "service": service.name,
            "url": normal_url(service.source.url),
            "sha": revision.sha,
            "revision": _plain(revision),
            "command": str(options.get("command", "")),
            "output": str(options.get("output", DEFAULT_OUTPUT)),
            "timeout": float(options.get("timeout", DEFAULT_BUILD_TIMEOUT)),
        }
        return _report(key, await self._agent.call("build", arguments))

    async def report(self, key: str) -> BuildReport:
        return _report(key, await self._agent.call("build_report", {"key": key}))

    async def log(self, key: str, lines: int = 50) -> Sequence[str]:
        return tuple(await self._agent.call("build_log", {"key": key, "lines": lines}))

    async def cancel(self, key: str) -> None:
        await self._agent.call("build_cancel", {"key": key})

    async def check(self) -> Sequence[Connection]:
        return [await _agent_line(self._agent, "local builds")]


async def _agent_line(agent: AgentClient, name: str) -> Connection:
    try:
        found = await agent.call("doctor", {}, timeout=20)
    except AdapterError as error:
        return Connection(name, False, error.what, error.todo)
    return Connection(name, True, f"the local agent answers (process {found['pid']})")


def _asked(effect: Effect, target: Target, instance: str) -> dict[str, Any]:
    return {
        "effect": {"key": effect.key, "fence": effect.fence, "operation": effect.operation},
        "target": target.key,
        "instance": instance,
    }


def _check(target: Target) -> dict[str, Any]:
    health = target.strategy.health
    check: dict[str, Any] = {"kind": health.kind.value, "timeout": health.timeout.total_seconds()}
    if health.kind is HealthKind.HTTP:
        check["path"] = health.path if health.path.startswith("/") else f"/{health.path}"
    if health.kind is HealthKind.COMMAND:
        check["command"] = health.command or ""
    return check


def _instance(value: dict[str, Any]) -> Instance:
    started_at = value["started_at"]
    return Instance(
        name=value["name"],
        state=InstanceState(value["state"]),
        artifact_digest=value["artifact_digest"],
        configuration_version=value["configuration_version"],
        healthy=value["healthy"],
        address=value["address"],
        started_at=datetime.fromtimestamp(started_at, UTC) if started_at else None,
        restarts=value["restarts"],
        reason=value["reason"],
        log_tail=tuple(value["log_tail"]),
    )


def _traffic(name: str, value: dict[str, Any]) -> Traffic:
    in_flight = int(value["in_flight"])
    state = TrafficState.ENABLED
    if value["state"] == "draining":
        state = TrafficState.DRAINING if in_flight else TrafficState.DRAINED
    return Traffic(name, state, in_flight, value["address"])


def _report(key: str, value: dict[str, Any]) -> BuildReport:
    state = BuildState(value["state"])
    if state is BuildState.UNKNOWN:
        return BuildReport(key, state)
    artifact = None
    if state is BuildState.SUCCEEDED:
        revision = _revision(value["revision"])
        artifact = Artifact(value["digest"], value["service"], value["version"], revision, value["location"])
    return BuildReport(key, state, artifact, value["reason"], tuple(value["log"]))


def _plain(revision: Revision) -> dict[str, Any]:
    at = revision.at.isoformat() if revision.at else None
    return {
        "sha": revision.sha,
        "ref": revision.ref,
        "subject": revision.subject,
        "author": revision.author,
        "at": at,
    }


def _revision(value: dict[str, Any]) -> Revision:
    at = datetime.fromisoformat(value["at"]) if value["at"] else None
    return Revision(value["sha"], value["ref"], value["subject"], value["author"], at)


def _in_order(name: str) -> tuple[str, int]:
    """`shop-2` before `shop-10`."""
    found = re.fullmatch(r"(.*?)(\d*)", name, re.DOTALL)
    assert found is not None
    return found[1], int(found[2] or 0)
