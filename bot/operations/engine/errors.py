"""What the engine says when it can't, in words for the person who runs Shipbell. No vendor's error leaves this package."""

from __future__ import annotations

from bot.domain.errors import ShipbellError


class EngineError(ShipbellError):
    """The engine was used or configured in a way that can't work: trying again won't help."""


class EngineUnavailable(EngineError):
    """The engine's database can't be opened, read or written just now (away, full, locked). Trying again may help."""


class StepFailed(ShipbellError):
    """A step's function raised. The failure is recorded: a replay raises the same again without running the function.

    kind: the class name of what was raised; what: its message. The original is the cause, in the run that saw it only.
    """

    def __init__(self, step: str, kind: str, message: str) -> None:
        super().__init__(
            f"The step {step} failed: {kind}: {message}" if message else f"The step {step} failed: {kind}"
        )
        self.step = step
        self.kind = kind
        self.message = message


class RunEnded(BaseException):
    """This run of a workflow ends without an outcome: its row stays, and the workflow is carried on by a later run.

    Not an Exception, so that neither a workflow's own `except Exception` nor DBOS takes it for the workflow's result.
    retry: whether this replica should carry on by itself after a pause.
    """

    def __init__(self, reason: str, *, retry: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry = retry
