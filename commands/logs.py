"""`logs`: the last lines of the instances."""

from __future__ import annotations

from bot.domain.messages import Preformatted, Reply
from commands.parsed import Logs
from commands.spec import ENVIRONMENT, SERVICE, Argument, Call, Flag, Spec, Value, Word
from commands.text import escape

_LINES = 50


async def run(parsed: Logs, call: Call) -> Reply:
    found = await call.desk.logs(
        call.actor, parsed.service, parsed.environment, parsed.instance, parsed.lines or _LINES
    )
    where = f"{escape(parsed.service)} on {escape(parsed.environment)}"
    if not found:
        return Reply(f"No instance of {where} has a log yet.")
    sections = tuple(
        Preformatted(escape(log.instance), tuple(log.lines) or ("(nothing yet)",)) for log in found
    )
    return Reply(f"Logs of {where}, newest last", sections=sections)


SPEC: Spec[Logs] = Spec(
    verb="logs",
    summary="read the last lines of the instances",
    help="The last 50 lines, or as many as are asked for, of every instance or of one.",
    examples=("logs shop test", "logs shop prod shop-2 --lines 100"),
    permission="logs",
    parsed=Logs,
    run=run,
    arguments=(SERVICE, ENVIRONMENT, Argument("instance", Word.INSTANCE, "INSTANCE", optional=True)),
    flags=(Flag("lines", Value.COUNT, "how many lines of each, 1 to 200", "N", lowest=1, highest=200),),
    in_thread=True,
    synonyms=("tail", "output"),
)
