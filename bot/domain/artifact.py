"""Revisions, commits, Builds and Artifacts: what can run, and where it came from."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Revision:
    """A git commit. `ref` is what a person typed (or the default branch); `sha` is full; `at` is the commit's time, UTC."""

    sha: str
    ref: str
    subject: str = ""
    author: str = ""
    at: datetime | None = None

    @property
    def short(self) -> str:
        return self.sha[:7]


@dataclass(frozen=True)
class Commit:
    sha: str
    subject: str
    author: str
    at: datetime | None = None
    url: str | None = None


@dataclass(frozen=True)
class CommitRange:
    """Commits that `new` has and `old` has not, newest first, cut at a limit; `total` counts all. `behind` counts what
    `old` has and `new` has not: more than 0 means going back or sideways."""

    commits: tuple[Commit, ...]
    total: int
    behind: int = 0


@dataclass(frozen=True)
class Artifact:
    """The immutable thing that runs. `digest`: `sha256:…`; `version`: its name for people (a tag, else the short sha)."""

    digest: str
    service: str
    version: str
    revision: Revision
    location: str = ""

    @property
    def short(self) -> str:
        return self.digest.removeprefix("sha256:")[:12]


class BuildState(enum.StrEnum):
    UNKNOWN = "unknown"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINISHED_BUILD = frozenset({BuildState.SUCCEEDED, BuildState.FAILED, BuildState.CANCELLED})


@dataclass(frozen=True)
class BuildReport:
    """Where a Build is. `log_tail`: its last lines; `reason`: one sentence when it failed; `artifact` when it succeeded."""

    key: str
    state: BuildState
    artifact: Artifact | None = None
    reason: str = ""
    log_tail: tuple[str, ...] = ()
    url: str | None = None
