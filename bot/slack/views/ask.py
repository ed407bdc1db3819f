"""A question to people, in the card's thread; a new message, since mentions in an update notify nobody."""

from __future__ import annotations

from bot.domain.operation import Snapshot
from bot.slack.views.blocks import Message, actions, message, section
from bot.slack.views.buttons import answer_buttons
from bot.slack.views.text import esc, mentions
from bot.slack.views.words import state_words, title


def ask(snapshot: Snapshot, question: int | None, key: str | None = None) -> Message:
    """`question`: the id of the Question that this message asks; answered ones have no buttons."""
    operation = snapshot.operation
    open_question = operation.question
    if open_question is None or question not in (None, open_question.id):
        text = f"☑️ *Answered.* {state_words(snapshot)}"
        return message(f"#{operation.number}: answered", [section(text)], key)
    asked = mentions(people_to_ask(snapshot))
    text = f"❓ {asked + ': ' if asked else ''}{esc(open_question.text)}"
    return message(
        f"#{operation.number} {esc(title(operation))}: {esc(open_question.text)}",
        [section(text), actions(answer_buttons(operation, only=question), f"buttons:{operation.number}")],
        key,
    )


def people_to_ask(snapshot: Snapshot) -> tuple[str, ...]:
    """Slack ids: who asked for it, who approved it, who can approve, each once."""
    operation = snapshot.operation
    found = [
        operation.requester.slack_user,
        *(a.slack_user for a in snapshot.approvals if a.yes),
        *snapshot.approvers,
    ]
    return tuple(dict.fromkeys(user for user in found if user))
