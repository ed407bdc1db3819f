"""`reject`: a no to an Operation that waits for approval."""

from __future__ import annotations

from bot.domain.messages import Reply
from commands.parsed import Reject
from commands.requests import became
from commands.spec import OPERATION, REASON, Call, Spec


async def run(parsed: Reject, call: Call) -> Reply:
    operation = await call.desk.reject(parsed.operation, call.actor, call.origin, reason=parsed.reason)
    return became(operation, "", call)


SPEC: Spec[Reject] = Spec(
    verb="reject",
    summary="say no to an operation that waits for approval",
    help="One no ends it. The reason stands on its card.",
    examples=("reject #12", "reject #12 not on a Friday"),
    permission="reject",
    parsed=Reject,
    run=run,
    arguments=(OPERATION, REASON),
    in_thread=True,
    synonyms=("no", "deny", "decline", "refuse", "-1"),
)
