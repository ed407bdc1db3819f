"""`help`: the commands, rendered from the registry."""

from __future__ import annotations

from bot.domain.messages import Paragraph, Reply, Suggestion
from commands.parsed import Help
from commands.render import help_sections, overview
from commands.spec import Argument, Call, Spec, Word


async def run(parsed: Help, call: Call) -> Reply:
    for spec in call.specs:
        if spec.verb == parsed.topic:
            return Reply(f"*{spec.verb}*: {spec.summary}", sections=help_sections(spec))
    everywhere = Paragraph(
        "Say them as `/shipbell VERB …`, as `@shipbell VERB …` in a channel or thread, or in a direct message to me."
    )
    return Reply(
        "This is what you can say to me.",
        sections=(overview(call.specs), everywhere),
        suggestions=tuple(Suggestion(f"help {verb}", f"help {verb}") for verb in ("deploy", "rollback")),
    )


SPEC: Spec[Help] = Spec(
    verb="help",
    summary="see the commands, or one of them in full",
    help="All commands, a line each; with a verb, that one with its flags and examples.",
    examples=("help", "help deploy"),
    permission="",
    parsed=Help,
    run=run,
    arguments=(Argument("topic", Word.VERB, "VERB", optional=True),),
    synonyms=("?", "hi", "hello", "usage", "commands", "man", "--help", "-h"),
)
