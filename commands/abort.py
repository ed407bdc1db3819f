"""`abort`: end an Operation that is under way."""

from __future__ import annotations

from bot.domain.messages import Reply
from commands.parsed import Abort
from commands.requests import became
from commands.spec import OPERATION, REASON, Call, Spec


async def run(parsed: Abort, call: Call) -> Reply:
    operation = await call.desk.abort(parsed.operation, call.actor, call.origin, reason=parsed.reason)
    said = "" if operation.is_final else "It stops at the next safe point and asks how to go on."
    return became(operation, said, call)


SPEC: Spec[Abort] = Spec(
    verb="abort",
    summary="stop an operation that is under way",
    help="Where nothing was touched yet it ends at once. Else it stops at the next safe point and asks: stop here, or roll back.",
    examples=("abort #12", "abort #12 too many errors"),
    permission="abort",
    parsed=Abort,
    run=run,
    arguments=(OPERATION, REASON),
    in_thread=True,
    synonyms=("cancel", "break", "quit", "interrupt"),
)
