"""Gates and their Decisions: a closed set of answers, each with its reason and who can clear it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Gate(enum.StrEnum):
    IDENTITY = "identity"
    ROLE = "role"
    APPROVAL = "approval"
    TURN = "turn"
    CHANNEL = "channel"
    CATALOG = "catalog"
    TARGET = "target"


class Answer(enum.StrEnum):
    YES = "yes"
    NO = "no"
    WAIT = "wait"


@dataclass(frozen=True)
class WhoMay:
    """The roles that a policy would permit, and the people (catalog names) who have them."""

    roles: tuple[str, ...] = ()
    people: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """A Gate's answer. `reason`: a sentence; `policies`: ids of the policies that decided; `clears`: who can clear it."""

    gate: Gate
    answer: Answer
    reason: str
    policies: tuple[str, ...] = ()
    clears: WhoMay = WhoMay()

    @property
    def is_yes(self) -> bool:
        return self.answer is Answer.YES
