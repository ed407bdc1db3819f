"""The answer to a command, as blocks. Paragraphs, facts and listings come escaped from commands; log lines come as they are."""

from __future__ import annotations

from collections.abc import Mapping

from bot.domain.messages import Facts, Listing, Paragraph, Preformatted, Reply, Section, Tone
from bot.slack.views.blocks import Message, actions, button, fields, message, section
from bot.slack.views.buttons import OPEN_DEPLOY, RUN
from bot.slack.views.limits import SECTION, VALUE, Block, some_lines
from bot.slack.views.text import fenced

TONES: Mapping[Tone, str] = {Tone.PLAIN: "", Tone.GOOD: "✅", Tone.WAIT: "⏳", Tone.BAD: "⚠️"}
_LISTED = 40


def reply(answer: Reply, card_link: str | None = None) -> Message:
    """`card_link`: where the Operation's card can be seen, when it is known."""
    head = " ".join(part for part in (TONES[answer.tone], answer.headline) if part)
    if card_link:
        head += f" · <{card_link}|see its card>"
    blocks: list[Block | None] = [section(head or "…")]
    for part in answer.sections:
        blocks += _section(part)
    blocks.append(_buttons(answer))
    return message(head, blocks)


def _section(part: Section) -> list[Block | None]:
    match part:
        case Paragraph():
            return [section(part.text)]
        case Facts():
            return [*fields(part.pairs)]
        case Listing():
            rows = some_lines([f"• {row}" for row in part.rows], SECTION - 200, _LISTED)
            title = [f"*{part.title}*"] if part.title else []
            return [section("\n".join([*title, *rows]))]
        case Preformatted():
            text = fenced(part.lines, limit=SECTION - 200)
            return [
                section("\n".join(line for line in (f"*{part.title}*" if part.title else "", text) if line))
            ]


def _buttons(answer: Reply) -> Block | None:
    """Pressed, a suggestion runs its command; one that is too long to be carried whole gets no button."""
    found = [
        button(suggestion.label, f"{RUN}:{place}", suggestion.command)
        for place, suggestion in enumerate(answer.suggestions[:5])
        if suggestion.command and len(suggestion.command) <= VALUE
    ]
    if answer.opens == "deploy":
        found.append(button("Choose and deploy", OPEN_DEPLOY, "deploy", "primary"))
    return actions(found, "suggestions")
