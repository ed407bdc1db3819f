"""`answer`: a choice to an Operation's Question. Buttons say it for people, so it stands in no help."""

from __future__ import annotations

from bot.domain.messages import Reply
from commands.parsed import Answer
from commands.requests import became
from commands.spec import OPERATION, Argument, Call, Spec, Word


async def run(parsed: Answer, call: Call) -> Reply:
    operation = await call.desk.answer(
        parsed.operation, parsed.question, parsed.choice, call.actor, call.origin
    )
    return became(operation, f"Answered: {parsed.choice.value.replace('_', ' ')}.", call)


SPEC: Spec[Answer] = Spec(
    verb="answer",
    summary="answer an operation's question",
    help="Answers the question with this number: retry, skip, roll_back, stop_here or carry_on.",
    examples=("answer #12 1 retry",),
    permission="answer",
    parsed=Answer,
    run=run,
    arguments=(
        OPERATION,
        Argument("question", Word.COUNT, "QUESTION", lowest=0, highest=999_999),
        Argument("choice", Word.CHOICE, "CHOICE"),
    ),
    listed=False,
)
