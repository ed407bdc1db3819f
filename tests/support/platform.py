"""A platform in memory: a small working implementation of the Runtime, Traffic, Builder and CodeSource ports.

It passes the same contract suites as the real ones; unit tests of operations use it where what is tested is the order of
things. What can go wrong is switched on by version: `crashing`, `sick`, `dying`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bot.domain.artifact import Artifact, BuildReport, BuildState, Commit, CommitRange, Revision
from bot.domain.catalog import Configuration, Service, Source, Target
from bot.domain.errors import PermanentError, RefNotFound, TemporaryError
from bot.domain.instances import Instance, InstanceState, Traffic, TrafficState
from bot.ports import Adapters, Effect, EffectState

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@dataclass
class MemoryPlatform:
    """One object behind all four ports. `calls` lists every effect, in order, as `verb instance`."""

    refs_now: dict[str, str] = field(default_factory=lambda: {"main": "a" * 40})
    crashing: set[str] = field(default_factory=set)
    sick: set[str] = field(default_factory=set)
    failing_builds: set[str] = field(default_factory=set)
    slow_builds: set[str] = field(default_factory=set)
    away: bool = False
    in_flight: dict[str, int] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    builds: dict[str, BuildReport] = field(default_factory=dict)
    running: dict[str, dict[str, Instance]] = field(default_factory=dict)
    routes: dict[str, dict[str, Traffic]] = field(default_factory=dict)
    done: set[tuple[str, str]] = field(default_factory=set)
    fences: dict[str, int] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    paused: asyncio.Event = field(default_factory=asyncio.Event)
    pause_at: str = ""
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def adapters(self) -> Adapters:
        return Adapters(
            {"git": self},
            {"local": self},
            {"local": _Runtime(self)},
            {"local": _Traffic(self)},
        )

    # --- CodeSource

    def commit(self, letter: str, ref: str = "main") -> str:
        """Moves a ref to the commit `letter` × 40 and returns its sha."""
        self.refs_now[ref] = letter * 40
        return letter * 40

    async def resolve(self, source: Source, ref: str | None) -> Revision:
        self._asked()
        name = ref or source.branch
        shas = set(self.refs_now.values()) | set(self.versions)
        sha = self.refs_now.get(name) or next(
            (s for s in shas if len(name) >= 7 and s.startswith(name)), None
        )
        if sha is None:
            raise RefNotFound(f"There is no ref “{name}”.", "Try main.", ["main"])
        self.versions[sha] = sha[:7]
        return Revision(sha, name, f"Commit {sha[0]}", "Dana", START)

    async def between(self, source: Source, old: str, new: str, limit: int = 20) -> CommitRange:
        return CommitRange((Commit(new, f"Commit {new[0]}", "Dana", START),), 1, int(new < old))

    async def refs(self, source: Source, limit: int = 200) -> Sequence[str]:
        return list(self.refs_now)

    # --- Builder

    async def start(self, key: str, service: Service, revision: Revision) -> BuildReport:
        self._asked()
        if key not in self.builds:
            self.calls.append(f"build {revision.short}")
            letter = revision.sha[0]
            if letter in self.failing_builds:
                report = BuildReport(
                    key, BuildState.FAILED, None, "The build failed: exit status 1.", ("boom",)
                )
            else:
                artifact = Artifact(f"sha256:{letter * 64}", service.name, revision.short, revision)
                state = BuildState.RUNNING if letter in self.slow_builds else BuildState.SUCCEEDED
                report = BuildReport(key, state, artifact if state is BuildState.SUCCEEDED else None)
            self.builds[key] = report
        return self.builds[key]

    async def report(self, key: str) -> BuildReport:
        return self.builds.get(key, BuildReport(key, BuildState.UNKNOWN))

    async def log(self, key: str, lines: int = 50) -> Sequence[str]:
        return self.builds[key].log_tail if key in self.builds else ()

    async def cancel(self, key: str) -> None:
        report = self.builds.get(key)
        if report is not None and report.state is BuildState.RUNNING:
            self.calls.append(f"cancel {key}")
            self.builds[key] = replace(report, state=BuildState.CANCELLED)

    # --- shared

    def _asked(self) -> None:
        if self.away:
            raise TemporaryError("The platform does not answer.", "It is tried again.")

    async def effect(self, effect: Effect, target: Target, verb: str, instance: str) -> bool:
        """False when this key happened before. Blocks at `pause_at` until `paused` is set, for tests of what comes between."""
        self._asked()
        if effect.fence < self.fences.get(target.key, 0):
            raise PermanentError("A newer fence was seen: this replica is stale.")
        self.fences[target.key] = effect.fence
        name = f"{verb} {instance}"
        if self.pause_at == name:
            self.reached.set()
            await self.paused.wait()
        if (effect.key, verb) in self.done:
            return False
        self.done.add((effect.key, verb))
        self.calls.append(name)
        return True

    async def reconciled(self, effect: Effect) -> EffectState:
        known = any(key == effect.key for key, _ in self.done)
        return EffectState.DONE if known else EffectState.NOT_DONE

    def versions_of(self, target: str) -> dict[str, str]:
        """Instance -> first letter of what it runs, with its traffic: `a enabled`."""
        routes = self.routes.get(target, {})
        return {
            name: f"{(i.artifact_digest or 'sha256:-')[7]} {i.state} "
            f"{routes[name].state if name in routes else 'absent'}"
            for name, i in self.running.get(target, {}).items()
        }


class _Runtime:
    def __init__(self, platform: MemoryPlatform) -> None:
        self._p = platform

    async def inspect(self, target: Target) -> Mapping[str, Instance]:
        self._p._asked()
        mine = self._p.running.get(target.key, {})
        return {name: mine[name] for name in sorted(mine, key=lambda name: (len(name), name))}

    async def stop(self, effect: Effect, target: Target, instance: str, within: timedelta) -> None:
        if await self._p.effect(effect, target, "stop", instance):
            self._change(target, instance, state=InstanceState.STOPPED, healthy=None, address=None)

    async def update(
        self, effect: Effect, target: Target, instance: str, artifact: Artifact, configuration: Configuration
    ) -> None:
        if await self._p.effect(effect, target, "update", instance):
            self._require_stopped(target, instance)
            mine = self._p.running.setdefault(target.key, {})
            mine.setdefault(instance, Instance(instance, InstanceState.STOPPED))
            self._change(
                target,
                instance,
                artifact_digest=artifact.digest,
                configuration_version=configuration.version,
            )

    async def start(self, effect: Effect, target: Target, instance: str) -> None:
        if not await self._p.effect(effect, target, "start", instance):
            return
        mine = self._p.running.get(target.key, {})
        if instance not in mine:
            raise PermanentError(f"{instance} was never updated.")
        letter = (mine[instance].artifact_digest or "sha256:-")[7]
        number = len(self._p.calls)
        changes: dict[str, object] = {
            "state": InstanceState.RUNNING,
            "healthy": True,
            "address": f"127.0.0.1:{40000 + number}",
            "started_at": START,
            "reason": "",
            "log_tail": (),
            "restarts": 0,
        }
        if letter in self._p.crashing:
            changes |= {
                "state": InstanceState.CRASHED,
                "healthy": False,
                "address": None,
                "reason": "exit status 3",
                "log_tail": ("about to crash", "crashed"),
            }
        elif letter in self._p.sick:
            changes |= {"healthy": False, "reason": "/healthz answered 500"}
        self._change(target, instance, **changes)

    async def remove(self, effect: Effect, target: Target, instance: str) -> None:
        if await self._p.effect(effect, target, "remove", instance):
            self._require_stopped(target, instance)
            self._p.running.get(target.key, {}).pop(instance, None)

    async def logs(self, target: Target, instance: str, lines: int = 50) -> Sequence[str]:
        seen = self._p.running.get(target.key, {}).get(instance)
        return seen.log_tail if seen and seen.log_tail else (f"{instance} says hello",)

    async def reconcile(self, effect: Effect, target: Target, instance: str) -> EffectState:
        return await self._p.reconciled(effect)

    def _require_stopped(self, target: Target, name: str) -> None:
        seen = self._p.running.get(target.key, {}).get(name)
        if seen is not None and seen.state is InstanceState.RUNNING:
            raise PermanentError(f"{name} must be stopped first.")

    def _change(self, target: Target, name: str, **changes: object) -> None:
        mine = self._p.running.get(target.key, {})
        if name in mine:
            mine[name] = replace(mine[name], **changes)  # type: ignore[arg-type]


class _Traffic:
    def __init__(self, platform: MemoryPlatform) -> None:
        self._p = platform

    async def inspect(self, target: Target) -> Mapping[str, Traffic]:
        self._p._asked()
        found: dict[str, Traffic] = {}
        for name, route in self._p.routes.get(target.key, {}).items():
            count = self._p.in_flight.get(name, 0)
            quiet = route.state is TrafficState.DRAINING and count == 0
            found[name] = replace(
                route, in_flight=count, state=TrafficState.DRAINED if quiet else route.state
            )
        return found

    async def drain(self, effect: Effect, target: Target, instance: str) -> None:
        if await self._p.effect(effect, target, "drain", instance):
            mine = self._p.routes.get(target.key, {})
            if instance in mine:
                mine[instance] = replace(mine[instance], state=TrafficState.DRAINING)

    async def enable(self, effect: Effect, target: Target, instance: str, address: str) -> None:
        if await self._p.effect(effect, target, "enable", instance):
            mine = self._p.routes.setdefault(target.key, {})
            mine[instance] = Traffic(instance, TrafficState.ENABLED, 0, address)

    async def remove(self, effect: Effect, target: Target, instance: str) -> None:
        if await self._p.effect(effect, target, "forget", instance):
            seen = (await self.inspect(target)).get(instance)
            if seen is not None and seen.state is not TrafficState.DRAINED:
                raise PermanentError(f"{instance} must be drained first.")
            self._p.routes.get(target.key, {}).pop(instance, None)

    async def reconcile(self, effect: Effect, target: Target, instance: str) -> EffectState:
        return await self._p.reconciled(effect)

    async def front(self, target: Target) -> str | None:
        return "http://127.0.0.1:8501"
