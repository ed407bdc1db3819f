"""Answers to questions: what is where, why something may or may not be done, what waits for a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.domain.gates import Decision
from bot.domain.identity import Actor
from bot.domain.instances import Instance, Traffic
from bot.domain.operation import Operation, Release, Snapshot


@dataclass(frozen=True)
class TargetStatus:
    """One Target as it is now. `problem`: a sentence when it could not be asked; `asked_at` in UTC; `front`: its URL."""

    service: str
    environment: str
    release: Release | None
    instances: tuple[Instance, ...] = ()
    traffic: tuple[Traffic, ...] = ()
    wanted: int = 0
    front: str | None = None
    running: Operation | None = None
    problem: str = ""
    asked_at: datetime | None = None

    @property
    def healthy(self) -> int:
        return sum(1 for instance in self.instances if instance.healthy)


@dataclass(frozen=True)
class WhyReport:
    """The Gates' Decisions for a deploy of this Target by this Actor now, and the Operation that matters most."""

    service: str
    environment: str
    decisions: tuple[Decision, ...]
    latest: Snapshot | None = None


@dataclass(frozen=True)
class InstanceLog:
    instance: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class HomeReport:
    """App Home of one Actor: what waits for them, what runs now, what is where. `refusal` when they are nobody here."""

    actor: Actor | None
    waiting: tuple[Snapshot, ...] = ()
    running: tuple[Snapshot, ...] = ()
    targets: tuple[TargetStatus, ...] = ()
    refusal: str = ""
    now: datetime | None = None
