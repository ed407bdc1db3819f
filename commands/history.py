"""`history`: what was done, by whom, and how it went."""

from __future__ import annotations

from bot.domain.messages import Listing, Reply
from commands.parsed import History
from commands.show import operation_row
from commands.spec import SERVICE, Argument, Call, Spec, Word
from commands.text import escape


async def run(parsed: History, call: Call) -> Reply:
    operations = await call.desk.history(call.actor, parsed.service, parsed.environment)
    where = f" on {escape(parsed.environment)}" if parsed.environment else ""
    if not operations:
        return Reply(f"Nothing was done to {escape(parsed.service)}{where} yet.")
    with_environment = parsed.environment is None
    rows = tuple(operation_row(o, call.now, with_environment=with_environment) for o in operations)
    return Reply(f"*{escape(parsed.service)}*{where}, newest first", sections=(Listing("", rows),))


SPEC: Spec[History] = Spec(
    verb="history",
    summary="see what was done, by whom, and how it went",
    help="The last operations with their number, version, who asked, outcome and duration, newest first.",
    examples=("history shop", "history shop prod"),
    permission="view",
    parsed=History,
    run=run,
    arguments=(SERVICE, Argument("environment", Word.ENVIRONMENT, "ENV", optional=True)),
    in_thread=True,
    synonyms=("log", "past", "releases", "deploys", "audit"),
)
