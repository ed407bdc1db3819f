"""What is seen of a Target's Instances and of its traffic. Ports report these; nobody stores them as truth."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


class InstanceState(enum.StrEnum):
    ABSENT = "absent"
    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    CRASHED = "crashed"


class TrafficState(enum.StrEnum):
    """ENABLED gets new requests; DRAINING finishes those in flight; DRAINED is quiet; ABSENT is not known to the proxy."""

    ABSENT = "absent"
    ENABLED = "enabled"
    DRAINING = "draining"
    DRAINED = "drained"


@dataclass(frozen=True)
class Instance:
    """One Instance as the Runtime sees it. `healthy` is None when nothing could be asked; `reason` says why it is down."""

    name: str
    state: InstanceState
    artifact_digest: str | None = None
    configuration_version: str | None = None
    healthy: bool | None = None
    address: str | None = None
    started_at: datetime | None = None
    restarts: int = 0
    reason: str = ""
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True)
class Traffic:
    """One Instance as the proxy sees it; `in_flight` counts requests not yet answered."""

    instance: str
    state: TrafficState
    in_flight: int = 0
    address: str | None = None


@dataclass(frozen=True)
class TargetState:
    """All Instances of a Target, by name, in order, with their traffic."""

    instances: Mapping[str, Instance] = field(default_factory=dict)
    traffic: Mapping[str, Traffic] = field(default_factory=dict)
