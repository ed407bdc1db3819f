"""A button's ids as the command that it stands for: the same command that somebody could have typed, with what they saw."""

from __future__ import annotations

import re

from bot.domain.operation import Choice
from bot.slack.views.buttons import ABORT, ANSWER, APPROVE, RUN
from commands.parsed import Abort, Answer, Approve
from commands.registry import command_text

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


def command_of(action: str, value: str) -> str | None:
    """The command's text; None for a button that isn't ours or whose value makes no sense."""
    if action == RUN or action.startswith(f"{RUN}:"):
        return value or None
    number, _, rest = value.partition(":")
    if not _NUMBER.fullmatch(number):
        return None
    operation = int(number)
    if action == APPROVE:
        return command_text(Approve(operation, seen=rest or None))
    if action == ABORT:
        return command_text(Abort(operation))
    if action.startswith(f"{ANSWER}:") and rest.isdigit():
        choice = action.removeprefix(f"{ANSWER}:")
        return command_text(Answer(operation, int(rest), Choice(choice))) if choice in list(Choice) else None
    return None


def number_of(value: str) -> int | None:
    """The Operation whose button it is."""
    number = value.partition(":")[0]
    return int(number) if _NUMBER.fullmatch(number) else None
