"""`status`: what is where."""

from __future__ import annotations

from bot.domain.messages import Listing, Paragraph, Reply, Section, Suggestion
from bot.domain.reports import TargetStatus
from commands.parsed import Status
from commands.show import instance_row, target_row
from commands.spec import Argument, Call, Spec, Word
from commands.text import code, escape, to_wire
from commands.tokens import quote


async def run(parsed: Status, call: Call) -> Reply:
    targets = await call.desk.status(call.actor, parsed.service, parsed.environment)
    if not targets:
        where = " and ".join(escape(word) for word in (parsed.service, parsed.environment) if word)
        return Reply(f"There is nothing to see of {where}." if where else "There is nothing to see yet.")
    if len(targets) == 1:
        return _one(targets[0], call)
    rows = tuple(target_row(target, call.now) for target in targets)
    return Reply("*What is where*", sections=(Listing("", rows),))


def _one(target: TargetStatus, call: Call) -> Reply:
    traffic = {seen.instance: seen for seen in target.traffic}
    rows = tuple(instance_row(i, traffic.get(i.name), call.now) for i in target.instances)
    sections: list[Section] = [Listing("Instances", rows)] if rows else []
    if target.front:
        sections.append(Paragraph(f"It answers at {code(target.front)}."))
    words = f"{quote(target.service)} {quote(target.environment)}"
    return Reply(
        target_row(target, call.now),
        sections=tuple(sections),
        suggestions=(
            Suggestion("History", to_wire(f"history {words}")),
            Suggestion("Logs", to_wire(f"logs {words}")),
        ),
    )


SPEC: Spec[Status] = Spec(
    verb="status",
    summary="see what is where: version, who, when, health",
    help="One line a service and environment; with both named, each instance too.",
    examples=("status", "status shop", "status prod", "status shop prod"),
    permission="view",
    parsed=Status,
    run=run,
    arguments=(
        Argument("service", Word.SERVICE, "SERVICE", optional=True),
        Argument("environment", Word.ENVIRONMENT, "ENV", optional=True),
    ),
    in_thread=True,
    synonyms=("state", "show", "list", "ps", "where", "version", "versions", "info"),
)
