"""Recorded steps: what a workflow has done once it never does again, also after a crash.

`step`, or `checkpoint` where a workflow keeps its own records, is all that a workflow needs of this package. Which engine runs
it is known from the context that the engine sets around each run.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Protocol, TypeAlias, TypeVar

from bot.operations.engine.errors import EngineError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
T = TypeVar("T")


class Run(Protocol):
    """One execution of a workflow, as its steps see it."""

    def may_go_on(self) -> None: ...

    async def step(self, name: str, function: Callable[..., Awaitable[object]], *args: object) -> object: ...


current_run: ContextVar[Run | None] = ContextVar("shipbell_engine_run", default=None)


async def step(name: str, function: Callable[..., Awaitable[T]], *args: object) -> T:
    """Awaits `function(*args)` and records what it returned; a replay returns the record instead of calling it again.

    The value must be JSON; what comes back has been through JSON, in the first run as in a replay (tuples are lists). Raises
    StepFailed for what the function raised, recorded likewise. A kill between the function's effect and the record runs the
    function again: effects are idempotent by themselves.

    Steps are told apart by their order, so a workflow calls the same ones in the same order whenever it runs: one after
    another, or several at once in one `asyncio.gather` of single steps. What decides the order comes from recorded steps.
    """
    run = current_run.get()
    if run is None:
        raise EngineError(
            f"The step {name} was called outside a workflow.",
            "Only workflows given to the Engine have steps.",
        )
    return await run.step(name, function, *args)  # type: ignore[return-value]  # JSON of T, as promised above


def checkpoint() -> None:
    """For workflows that keep their own records: to be called before each effect. Returns, or ends this run without an outcome
    (the engine closes, the lease is lost) by raising what `except Exception` lets through; the workflow stays pending."""
    run = current_run.get()
    if run is None:
        raise EngineError(
            "A checkpoint was called outside a workflow.", "Only workflows given to the Engine have them."
        )
    run.may_go_on()


def through_json(name: str, value: object) -> object:
    """The value as a replay would see it. Raises EngineError for what JSON can't hold."""
    try:
        return json.loads(json.dumps(value, allow_nan=False, ensure_ascii=False))
    except (TypeError, ValueError) as error:
        raise EngineError(
            f"{name} is not JSON: {error}.",
            "Texts, numbers, booleans, None, lists and dicts with text keys are.",
        ) from error
