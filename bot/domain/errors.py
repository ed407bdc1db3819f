"""Errors as a person reads them: what is wrong, what to do, and the nearest thing that would have worked.

Adapters raise `TemporaryError` or `PermanentError` with the vendor's error as its cause; no vendor error leaves an adapter.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.domain.gates import Decision


class ShipbellError(Exception):
    """An error with sentences for a person.

    what: one sentence on what is wrong. todo: one sentence on what to do next. nearest: texts (commands or words)
    that would have worked, best first.
    """

    def __init__(self, what: str, todo: str = "", nearest: Iterable[str] = ()) -> None:
        super().__init__(what if not todo else f"{what} {todo}")
        self.what = what
        self.todo = todo
        self.nearest = tuple(nearest)


class UsageError(ShipbellError):
    """The words of a command don't fit its grammar, or name something that doesn't exist."""


class UnknownWord(UsageError):
    """A word that names nothing: a service, an environment, an instance, a verb, an operation."""

    def __init__(
        self, what: str, todo: str = "", nearest: Iterable[str] = (), *, word: str, kind: str
    ) -> None:
        super().__init__(what, todo, nearest)
        self.word = word
        self.kind = kind


class RefNotFound(UsageError):
    """A branch, tag, commit or version that the source doesn't have."""


class Refused(ShipbellError):
    """A Gate said no. Carries the Decision so that the answer can name who can clear it."""

    def __init__(self, decision: Decision, what: str, todo: str = "", nearest: Iterable[str] = ()) -> None:
        super().__init__(what, todo, nearest)
        self.decision = decision


class NotNow(ShipbellError):
    """The Operation is in a state in which this doesn't apply any more (a stale button, a second click)."""


class StaleWrite(ShipbellError):
    """Somebody else changed the row first: read again and decide again."""


class AdapterError(ShipbellError):
    """A system that Shipbell delegates to said no or didn't answer."""


class TemporaryError(AdapterError):
    """May work when tried again: time-outs, 429, 5xx, a server that restarts."""


class PermanentError(AdapterError):
    """Won't work when tried again: bad credentials, a missing job, an image that doesn't exist."""


class LeaseLost(ShipbellError):
    """This replica was silent for too long: another one may have taken its work, so it must stop before any effect."""


class StorageError(ShipbellError):
    """The database said no or didn't answer: the disk is full, it can't be written, it is away, its schema is another version's.
    What the transaction had written is not kept, except when the connection broke while it was being committed."""
