"""A Plan: what an Operation will do, worked out beforehand, as Batches of Steps with a hash that approvals are bound to."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class StepKind(enum.StrEnum):
    """The six steps of a release, and `remove`, which ends an Instance's life when a Target gets smaller."""

    CHECK = "check"
    DRAIN = "drain"
    STOP = "stop"
    UPDATE = "update"
    START = "start"
    ENABLE = "enable"
    REMOVE = "remove"


class Phase(enum.StrEnum):
    FORWARD = "forward"
    UNDO = "undo"


@dataclass(frozen=True)
class Step:
    """One effect on one Instance. `seq` is its place in the Operation, from 1; `batch` from 1.

    `artifact_digest` and `configuration_version` say what `update` brings; None for other kinds."""

    seq: int
    phase: Phase
    batch: int
    instance: str
    kind: StepKind
    artifact_digest: str | None = None
    configuration_version: str | None = None


@dataclass(frozen=True)
class Before:
    """How an Instance was when the Plan was made: what an undo returns it to. `runs`: it was meant to be running."""

    instance: str
    exists: bool
    runs: bool
    artifact_digest: str | None = None
    configuration_version: str | None = None


@dataclass(frozen=True)
class Plan:
    """What will be done and nothing else. It holds all that a rollout needs to know of the catalog, so that a catalog that
    changes under it changes nothing: `target_kind`, `target_options` and `strategy` are the Target's, as JSON words.

    What enters the hash: kind, target with its options, artifact, configuration version, strategy, the Instances with their
    Steps, and what an undo returns each to. What does not: who asked, when, health and whether an Instance ran."""

    kind: str
    service: str
    environment: str
    artifact_digest: str | None
    configuration_version: str
    target_kind: str
    target_options: Mapping[str, Any]
    strategy: Mapping[str, Any]
    instances: tuple[str, ...]
    before: tuple[Before, ...]
    steps: tuple[Step, ...]
    warnings: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """sha256 over the canonical JSON of what enters the hash, as 64 hex digits."""
        facts = {
            "kind": self.kind,
            "target": [self.service, self.environment],
            "artifact": self.artifact_digest,
            "configuration": self.configuration_version,
            "options": [self.target_kind, dict(self.target_options)],
            "before": [
                [b.instance, b.exists, b.artifact_digest, b.configuration_version] for b in self.before
            ],
            "strategy": dict(self.strategy),
            "instances": list(self.instances),
            "steps": [
                [s.batch, s.instance, s.kind.value, s.artifact_digest, s.configuration_version]
                for s in self.steps
            ],
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @property
    def batches(self) -> tuple[tuple[str, ...], ...]:
        """The Instances of each Batch, in order."""
        found: dict[int, dict[str, None]] = {}
        for step in self.steps:
            found.setdefault(step.batch, {})[step.instance] = None
        return tuple(tuple(found[number]) for number in sorted(found))
