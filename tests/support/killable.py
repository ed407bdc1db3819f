"""The real bot, which kills itself with SIGKILL at one point of its work: `python -m tests.support.killable`, with TEST_KILL_AT.

Points are `WHERE:PHASE:KIND:INSTANCE` with WHERE
  intended   the step's intent is written, its effect not begun
  about      the port's verb is called with a fence that was checked, and nothing of it has left the process
  begun      the port's verb returned, and its end is not awaited yet
  effected   the effect is through, its outcome not written
  recorded   the outcome is written
or `built` (the builder's start returned), `building` (a report said it runs), `posted` (a message was posted, not recorded),
`planned` (the Plan is stored, its state not yet told), `accepted` (a request is stored, not acknowledged).
It kills once: the file TEST_KILL_MARK says that it did. With TEST_KILL_BY=STOP it stops there instead, until it gets SIGCONT.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from adapters.local.adapter import LocalBuilder, LocalRuntime, LocalTraffic
from bot import cli
from bot.domain.artifact import BuildState
from bot.domain.operation import Operation, StepRecord, StepState
from bot.operations.ledger import Ledger
from bot.operations.prepare import Prepare
from bot.operations.service import DeskService
from bot.operations.stepping import Stepper

POINT = os.environ["TEST_KILL_AT"]
MARK = Path(os.environ.get("TEST_KILL_MARK", os.devnull))
BY = signal.SIGSTOP if os.environ.get("TEST_KILL_BY") == "STOP" else signal.SIGKILL


def reached(point: str) -> None:
    if point == POINT and not (MARK.is_file() and MARK.read_text() == point):
        if str(MARK) != os.devnull:
            MARK.write_text(point)
        os.kill(os.getpid(), BY)


def name_of(record: StepRecord) -> str:
    return f"{record.step.phase}:{record.step.kind}:{record.step.instance}"


def around_records() -> None:
    write = Ledger.record

    async def record(self: Ledger, operation: Operation, record: StepRecord) -> None:
        if record.state in (StepState.DONE, StepState.FAILED):
            reached(f"effected:{name_of(record)}")
        await write(self, operation, record)
        reached(f"{'intended' if record.state is StepState.INTENDED else 'recorded'}:{name_of(record)}")

    Ledger.record = record  # type: ignore[method-assign]


def around_effects() -> None:
    current: list[StepRecord] = []
    perform = Stepper.perform

    async def performing(self: Stepper, record: StepRecord) -> StepRecord:
        current[:] = [record]
        return await perform(self, record)

    Stepper.perform = performing  # type: ignore[method-assign]

    def after(owner: type, verb: str) -> None:
        call: Callable[..., Awaitable[Any]] = getattr(owner, verb)

        async def called(self: object, *words: Any) -> Any:
            if current:
                reached(f"about:{current[0].step.phase}:{verb}:{current[0].step.instance}")
            answer = await call(self, *words)
            if current:
                reached(f"begun:{current[0].step.phase}:{verb}:{current[0].step.instance}")
            return answer

        setattr(owner, verb, called)

    for verb in ("stop", "update", "start"):
        after(LocalRuntime, verb)
    for verb in ("drain", "enable"):
        after(LocalTraffic, verb)


def around_builds() -> None:
    start, report = LocalBuilder.start, LocalBuilder.report

    async def started(self: LocalBuilder, *words: Any) -> Any:
        answer = await start(self, *words)
        reached("built")
        return answer

    async def reported(self: LocalBuilder, key: str) -> Any:
        answer = await report(self, key)
        if answer.state is BuildState.RUNNING:
            reached("building")
        return answer

    LocalBuilder.start = started  # type: ignore[method-assign]
    LocalBuilder.report = reported  # type: ignore[method-assign]


def around_the_rest() -> None:
    post, planned, accept = AsyncWebClient.chat_postMessage, Prepare._planned, DeskService.accept

    async def posted(self: AsyncWebClient, **words: Any) -> Any:
        answer = await post(self, **words)
        reached("posted")
        return answer

    async def planning(self: Prepare, *words: Any) -> None:
        await planned(self, *words)
        reached("planned")

    async def accepted(self: DeskService, *words: Any) -> bool:
        answer = await accept(self, *words)
        reached("accepted")
        return answer

    AsyncWebClient.chat_postMessage = posted  # type: ignore[method-assign, assignment]
    Prepare._planned = planning  # type: ignore[method-assign, assignment]
    DeskService.accept = accepted  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    around_records()
    around_effects()
    around_builds()
    around_the_rest()
    sys.exit(cli.main(["serve"]))
