"""`scale`: how many instances run."""

from __future__ import annotations

from bot.domain.messages import Reply
from bot.domain.operation import Kind, Wish
from commands.parsed import Scale
from commands.requests import request
from commands.spec import ENVIRONMENT, SERVICE, Argument, Call, Spec, Word


async def run(parsed: Scale, call: Call) -> Reply:
    wish = Wish(replicas=parsed.replicas, command=call.command)
    return await request(Kind.SCALE, parsed.service, parsed.environment, wish, call)


SPEC: Spec[Scale] = Spec(
    verb="scale",
    summary="set how many instances run",
    help="Adds instances of the running version, or drains and removes the last ones. To take all down, say stop.",
    examples=("scale shop test 3",),
    permission="scale",
    parsed=Scale,
    run=run,
    arguments=(SERVICE, ENVIRONMENT, Argument("replicas", Word.COUNT, "N", lowest=1, highest=1000)),
    synonyms=("resize", "replicas", "instances"),
)
