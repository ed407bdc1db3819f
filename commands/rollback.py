"""`rollback`: back to an earlier version."""

from __future__ import annotations

from bot.domain.messages import Reply
from bot.domain.operation import Kind, Wish
from commands.parsed import Rollback
from commands.requests import request
from commands.spec import ENVIRONMENT, SERVICE, Argument, Call, Spec, Word


async def run(parsed: Rollback, call: Call) -> Reply:
    wish = Wish(to=parsed.to, command=call.command)
    return await request(Kind.ROLLBACK, parsed.service, parsed.environment, wish, call)


SPEC: Spec[Rollback] = Spec(
    verb="rollback",
    summary="bring back what ran before",
    help=(
        "Brings back the version that ran before the current one, or the one that is named, by its version or by the operation that"
        " brought it. The configuration goes back with it."
    ),
    examples=("rollback shop prod", "rollback shop prod to v1.3", "rollback shop prod to #12"),
    permission="rollback",
    parsed=Rollback,
    run=run,
    arguments=(
        SERVICE,
        ENVIRONMENT,
        Argument("to", Word.RELEASE, "VERSION|#operation", optional=True, lead_in="to"),
    ),
    slash=True,
    synonyms=("revert", "undo", "back", "roll"),
)
