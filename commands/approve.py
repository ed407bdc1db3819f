"""`approve`: a yes to an Operation's Plan."""

from __future__ import annotations

from bot.domain.messages import Reply
from bot.domain.operation import State
from commands.parsed import Approve
from commands.requests import became
from commands.spec import OPERATION, REASON, Call, Flag, Spec, Value


async def run(parsed: Approve, call: Call) -> Reply:
    operation = await call.desk.approve(
        parsed.operation, call.actor, call.origin, plan_hash=parsed.seen, reason=parsed.reason
    )
    counts = operation.state is State.AWAITING_APPROVAL
    return became(operation, "Your yes counts, and more are needed." if counts else "Approved.", call)


SPEC: Spec[Approve] = Spec(
    verb="approve",
    summary="say yes to an operation that waits for approval",
    help="Your yes holds for the plan as it is now: when the plan changes, it is asked for again. Nobody approves their own.",
    examples=("approve #12", "approve #12 looks good"),
    permission="approve",
    parsed=Approve,
    run=run,
    arguments=(OPERATION, REASON),
    flags=(Flag("seen", Value.HASH, "the plan that was seen", "HASH", hidden=True),),
    in_thread=True,
    synonyms=("yes", "ok", "accept", "lgtm", "confirm", "+1"),
)
