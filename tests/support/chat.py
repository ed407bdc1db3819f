"""Talking to the dispatcher in tests: say something, and see the whole answer as text."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.domain.identity import Actor
from bot.domain.messages import Facts, Listing, Paragraph, Preformatted, Reply
from commands.dispatch import Dispatcher, Invocation
from tests.support.desk import DANA, NOW, ORIGIN, MemoryDesk


class Chat:
    """One person's talk with a dispatcher on a desk in memory."""

    def __init__(self, desk: MemoryDesk | None = None, now: datetime | None = None) -> None:
        self.desk = desk or MemoryDesk()
        self._now = now or NOW
        self._dispatcher = Dispatcher(self.desk, clock=lambda: self._now)

    def later(self, **by: float) -> None:
        self._now += timedelta(**by)

    async def say(
        self, text: str, *, actor: Actor = DANA, thread: int | None = None, slash: str | None = None
    ) -> Reply:
        return await self._dispatcher.run(Invocation(text, actor, ORIGIN, thread, slash))


def shown(reply: Reply) -> str:
    """A whole answer: tone and headline, sections, buttons in brackets (with their command where it differs)."""
    lines = [f"{reply.tone}: {reply.headline}"]
    if reply.opens:
        lines.append(f"(opens {reply.opens})")
    for section in reply.sections:
        match section:
            case Paragraph():
                lines.append(section.text)
            case Facts():
                lines += [f"{label} = {value}" for label, value in section.pairs]
            case Listing():
                lines += [f"{section.title}:"] * bool(section.title) + [f"- {row}" for row in section.rows]
            case Preformatted():
                lines += [f"{section.title}:", *(f"| {line}" for line in section.lines)]
    for button in reply.suggestions:
        lines.append(f"[{button.label}]" + ("" if button.command == button.label else f" {button.command}"))
    if reply.operation is not None:
        lines.append(f"(card of #{reply.operation})")
    if not reply.only_asker:
        lines.append("(for all)")
    return "\n".join(lines)
