"""What the commands share that ask for an Operation: handing the wish to the desk, and saying what came of it."""

from __future__ import annotations

from bot.domain.messages import Paragraph, Reply, Tone
from bot.domain.operation import FINAL, Kind, Operation, State, Wish
from commands.show import ago, icon, state, what
from commands.spec import Call
from commands.text import escape

_TONES = {State.SUCCEEDED: Tone.GOOD, State.FAILED: Tone.BAD}


async def request(kind: Kind, service: str, environment: str, wish: Wish, call: Call) -> Reply:
    """Asks the desk for an Operation. Said twice while the first is open, the answer shows the first."""
    operation = await call.desk.request(kind, service, environment, wish, call.actor, call.origin)
    begun = f"#{operation.number}: {what(operation)}"
    # The clock was read before the desk was asked, so an Operation that is older was there already.
    if operation.created_at < call.now:
        headline = (
            f"{begun} {state(operation)} already, since you asked {ago(call.now, operation.created_at)}."
        )
    elif wish.plan_only:
        headline = f"{begun}: the plan only, nothing will be changed."
    else:
        headline = f"{begun} {state(operation)}."
    return Reply(headline, sections=_where(operation, call), operation=operation.number)


def became(operation: Operation, said: str, call: Call) -> Reply:
    """The answer to a word about an Operation: what was said, and where it is now."""
    tone = _TONES.get(operation.state, Tone.PLAIN)
    now = f"{icon(operation)} #{operation.number} {state(operation)}: {what(operation)}."
    headline = f"{said} {now}" if said else now
    sections = _where(operation, call)
    if operation.outcome and operation.state in FINAL:
        sections = (Paragraph(escape(operation.outcome)), *sections)
    return Reply(headline, tone, sections, operation=operation.number)


def _where(operation: Operation, call: Call) -> tuple[Paragraph, ...]:
    environment = call.desk.catalog.environments.get(operation.environment)
    if environment is None or operation.is_final:
        return ()
    return (Paragraph(f"Its card in {escape(environment.channel)} follows it."),)
