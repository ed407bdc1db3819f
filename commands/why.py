"""`why`: whether a deploy would be let through now, and what stands in its way."""

from __future__ import annotations

from bot.domain.messages import Listing, Paragraph, Reply, Section, Tone
from commands.parsed import Why
from commands.show import decision_row, icon, state, what
from commands.spec import ENVIRONMENT, SERVICE, Call, Spec
from commands.text import escape


async def run(parsed: Why, call: Call) -> Reply:
    report = await call.desk.why(call.actor, parsed.service, parsed.environment)
    blocked = sum(1 for decision in report.decisions if not decision.is_yes)
    where = f"{escape(report.service)} to {escape(report.environment)}"
    sections: list[Section] = []
    if report.decisions:
        sections.append(Listing("", tuple(decision_row(decision) for decision in report.decisions)))
    if report.latest is not None:
        latest = report.latest.operation
        words = f"{icon(latest)} #{latest.number} {state(latest)}: {what(latest)}."
        sections.append(Paragraph(f"{words} {escape(latest.outcome)}".strip()))
    if not blocked:
        return Reply(f"You may deploy {where} now.", Tone.GOOD, tuple(sections))
    things = "one thing stands" if blocked == 1 else f"{blocked} things stand"
    return Reply(f"Before you can deploy {where}, {things} in the way.", Tone.WAIT, tuple(sections))


SPEC: Spec[Why] = Spec(
    verb="why",
    summary="see what lets a deploy through, or stands in its way",
    help="Asks every gate about a deploy by you now, and shows each answer, its reason and who can clear it.",
    examples=("why shop prod",),
    permission="view",
    parsed=Why,
    run=run,
    arguments=(SERVICE, ENVIRONMENT),
    in_thread=True,
    synonyms=("explain", "reason", "gates"),
)
