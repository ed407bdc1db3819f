"""One run of a workflow: its steps, and the ways in which a run can end without an outcome."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from dbos import DBOS
from dbos import error as dbos_error

from bot.domain.errors import LeaseLost
from bot.operations.engine.errors import EngineError, RunEnded, StepFailed
from bot.operations.engine.steps import through_json


class WorkflowRun:
    """may_go_on: raises RunEnded when no effect may begin. interruptions: what is no outcome of a step. report: told the text of
    a failure to record, or None after a success."""

    def __init__(
        self,
        workflow_id: str,
        may_go_on: Callable[[], None],
        interruptions: tuple[type[Exception], ...],
        report: Callable[[str | None], None],
    ) -> None:
        self._workflow_id = workflow_id
        self._may_go_on = may_go_on
        self._interruptions = interruptions
        self._report = report

    def may_go_on(self) -> None:
        self._may_go_on()

    async def step(self, name: str, function: Callable[..., Awaitable[object]], *args: object) -> object:
        # Nothing is awaited before DBOS numbers the step, so that steps of one `gather` are numbered in its order.
        cause: Exception | None = None

        async def record() -> dict[str, object]:
            nonlocal cause
            self._may_go_on()
            try:
                return {"value": through_json(f"What the step {name} returned", await function(*args))}
            except LeaseLost as loss:
                raise RunEnded(loss.what, retry=False) from loss
            except self._interruptions as error:
                raise RunEnded(f"{type(error).__name__}: {error}", retry=True) from error
            except Exception as error:  # noqa: BLE001 - whatever the step raised is its outcome, and is recorded
                # As a value: DBOS would bring an exception back as another class than the one the first run saw.
                cause = error
                return {"failed": [type(error).__name__, str(error)]}

        try:
            outcome = await DBOS.run_step_async({"name": name}, record)
        except (dbos_error.DBOSWorkflowConflictIDError, dbos_error.DBOSWorkflowCancelledError) as error:
            raise RunEnded("another run carries it on, or its records were removed", retry=False) from error
        except (dbos_error.DBOSUnexpectedStepError, dbos_error.DBOSStepNondeterminismError) as error:
            raise EngineError(
                f"The workflow {self._workflow_id} took another way than its records at the step {name}.",
                "Its steps must come in the same order in every run.",
            ) from error
        except Exception as error:
            reason = first_line(error)
            self._report(f"The step {name} of {self._workflow_id} can't be recorded: {reason}")
            raise RunEnded(f"the step {name} can't be recorded: {reason}", retry=True) from error
        self._report(None)
        if "failed" in outcome:
            kind, message = cast("list[str]", outcome["failed"])
            raise StepFailed(name, kind, message) from cause
        return outcome["value"]


def first_line(error: BaseException) -> str:
    """What a database said, without the SQL, parameters and links that SQLAlchemy adds."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__
