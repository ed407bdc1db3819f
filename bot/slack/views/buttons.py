"""The buttons of an Operation: which apply in which state, and the ids they carry. A button carries ids, never state.

Action ids and values, read back by bot.slack.incoming:
`op:approve` value `12:<first 12 of the plan's hash>`; `op:reject` and `op:abort` value `12`; `op:answer:<choice>` value `12:<question id>`;
`run:<n>` value the command's text; `open:deploy` opens the modal; `link:<n>` only opens a web page.
"""

from __future__ import annotations

from bot.domain.operation import Operation, State
from bot.slack.views.blocks import button
from bot.slack.views.limits import Block
from bot.slack.views.words import CHOICES

APPROVE = "op:approve"
REJECT = "op:reject"
ABORT = "op:abort"
ANSWER = "op:answer"
RUN = "run"
OPEN_DEPLOY = "open:deploy"
LINK = "link"
SEEN = 12
"""How much of the Plan's hash a button carries: what the person saw."""


def approval_buttons(operation: Operation) -> list[Block]:
    """Approve and Reject, while they apply."""
    if operation.state is not State.AWAITING_APPROVAL or operation.plan is None:
        return []
    return [
        button("Approve", APPROVE, f"{operation.number}:{operation.plan.hash[:SEEN]}", "primary"),
        button("Reject", REJECT, str(operation.number), "danger"),
    ]


def abort_button(operation: Operation) -> list[Block]:
    """Abort, until it has ended, was asked to end, or has stopped to ask how to go on: the answers are the buttons then."""
    if operation.is_final or operation.abort_by is not None or operation.state is State.ASKING:
        return []
    return [button("Abort", ABORT, str(operation.number))]


def answer_buttons(operation: Operation, *, only: int | None = None) -> list[Block]:
    """One for each choice of the open Question (`only`: if its id is this one)."""
    question = operation.question
    if operation.state is not State.ASKING or question is None or only not in (None, question.id):
        return []
    return [
        button(
            CHOICES[choice][0],
            f"{ANSWER}:{choice.value}",
            f"{operation.number}:{question.id}",
            CHOICES[choice][1],
        )
        for choice in question.choices
    ]
