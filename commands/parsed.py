"""What a command says, parsed: one frozen value a verb. Field names are the ones that the registry's arguments and flags bear.

Texts are plain and on one line (`commands.text.normalise`). `commands.render.command_text` writes a value back as a command.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.operation import Choice


@dataclass(frozen=True)
class Deploy:
    """`ref`: branch, tag, commit, version or `#operation`, None for the default branch; `batch`: `2` or `50%`."""

    service: str
    environment: str
    ref: str | None = None
    only: tuple[str, ...] = ()
    batch: str | None = None
    plan: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Rollback:
    """`to`: a version or `#operation`; None for what ran before."""

    service: str
    environment: str
    to: str | None = None


@dataclass(frozen=True)
class Restart:
    service: str
    environment: str
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stop:
    service: str
    environment: str
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Start:
    service: str
    environment: str
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scale:
    service: str
    environment: str
    replicas: int


@dataclass(frozen=True)
class Status:
    service: str | None = None
    environment: str | None = None


@dataclass(frozen=True)
class History:
    service: str
    environment: str | None = None


@dataclass(frozen=True)
class Logs:
    """`lines` is None where nobody said how many."""

    service: str
    environment: str
    instance: str | None = None
    lines: int | None = None


@dataclass(frozen=True)
class Approve:
    """`seen`: the beginning of the hash of the Plan that the person saw, given by buttons; None for the current one."""

    operation: int
    reason: str = ""
    seen: str | None = None


@dataclass(frozen=True)
class Reject:
    operation: int
    reason: str = ""


@dataclass(frozen=True)
class Abort:
    operation: int
    reason: str = ""


@dataclass(frozen=True)
class Answer:
    """The answer to an Operation's Question with the id `question`."""

    operation: int
    question: int
    choice: Choice


@dataclass(frozen=True)
class Why:
    service: str
    environment: str


@dataclass(frozen=True)
class WhoAmI:
    pass


@dataclass(frozen=True)
class Help:
    topic: str | None = None


Parsed = (
    Deploy
    | Rollback
    | Restart
    | Stop
    | Start
    | Scale
    | Status
    | History
    | Logs
    | Approve
    | Reject
    | Abort
    | Answer
    | Why
    | WhoAmI
    | Help
)
