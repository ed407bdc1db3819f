"""The registry as text: usage lines, help, the reference in docs/commands.md, and a parsed value as a command again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.domain.messages import Facts, Listing, Paragraph, Section
from commands.parsed import Parsed
from commands.spec import Argument, Flag, Spec, Value, Word
from commands.text import escape, normalise, to_wire
from commands.tokens import quote


def plain_command(spec: Spec[Any], parsed: Parsed) -> str:
    """The shortest plain line that parses to `parsed`, always naming the Operation or Target outright."""
    words = [spec.verb, *(_argument(argument, parsed) for argument in spec.arguments)]
    words += [_flag(flag, getattr(parsed, _field(flag))) for flag in spec.flags]
    return " ".join(word for word in words if word)


def wire_command(spec: Spec[Any], parsed: Parsed) -> str:
    """`plain_command` as an Invocation's text, a Suggestion's command, or for display in mrkdwn."""
    return to_wire(plain_command(spec, parsed))


def help_sections(spec: Spec[Any]) -> tuple[Section, ...]:
    """One command in full, for a Reply."""
    sections: list[Section] = [Paragraph(f"`{to_wire(spec.usage)}`"), Paragraph(escape(spec.help))]
    if spec.shown_flags:
        sections.append(Facts(tuple((flag.usage, flag.summary) for flag in spec.shown_flags)))
    sections.append(Listing("Examples", tuple(f"`{to_wire(example)}`" for example in spec.examples)))
    return tuple(sections)


def overview(specs: Sequence[Spec[Any]]) -> Listing:
    """All commands, a line each."""
    rows = (f"`{to_wire(spec.usage)}`: {escape(spec.summary)}" for spec in specs if spec.listed)
    return Listing("Commands", tuple(rows))


def reference(specs: Sequence[Spec[Any]]) -> str:
    """docs/commands.md."""
    listed = [spec for spec in specs if spec.listed]
    lines = [
        "# Commands",
        "",
        "<!-- Rendered from the registry by `python -m commands.render > docs/commands.md`; a test compares the two. -->",
        "",
        "The same words work in four ways: as `/shipbell VERB …`, as `@shipbell VERB …` in a channel or in a thread, in a direct",
        "message to Shipbell, and some as a slash command of their own (marked below). In the thread of an Operation its number",
        "may be left out. Quotes keep words together; flags may stand anywhere, as `--flag value` or `--flag=value`.",
        "",
        "| command | what it does |",
        "|---|---|",
        *(f"| [`{spec.verb}`](#{spec.verb}) | {spec.summary} |" for spec in listed),
    ]
    for spec in listed:
        lines += ["", f"## {spec.verb}", "", "```", spec.usage, "```", "", spec.help]
        if spec.shown_flags:
            lines += ["", "| flag | what it does |", "|---|---|"]
            lines += [f"| `{_cell(flag.usage)}` | {flag.summary} |" for flag in spec.shown_flags]
        lines += ["", "Examples:", "", "```", *spec.examples, "```", "", _notes(spec)]
    return "\n".join(lines) + "\n"


def _notes(spec: Spec[Any]) -> str:
    notes = [
        f"The policy is asked for `{spec.permission}`." if spec.permission else "Everybody known may ask."
    ]
    if spec.slash:
        notes.append(f"Also `/{spec.verb} …`.")
    if spec.in_thread:
        notes.append("In an Operation's thread it means that Operation, or its Target, where none is named.")
    if spec.only_asker:
        notes.append("Only the asker sees the answer.")
    return " ".join(notes)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _argument(argument: Argument, parsed: Parsed) -> str:
    value = getattr(parsed, argument.name)
    if value is None or value == "":
        return ""
    if argument.word is Word.OPERATION:
        return f"#{value}"
    if argument.word is Word.SERVICE_REF and (ref := getattr(parsed, "ref", None)):
        return quote(f"{value}@{ref}")
    word = quote(normalise(to_wire(str(value))))
    return f"{argument.lead_in} {word}" if argument.lead_in else word


def _flag(flag: Flag, value: object) -> str:
    if value in (None, "", (), False):
        return ""
    if flag.value is Value.NOTHING:
        return flag.word
    text = ",".join(map(str, value)) if isinstance(value, tuple) else normalise(to_wire(str(value)))
    return f"{flag.word} {quote(text)}" if text else ""


def _field(flag: Flag) -> str:
    return flag.name.replace("-", "_")


if __name__ == "__main__":
    import sys

    from commands.registry import SPECS

    sys.stdout.write(reference(SPECS))
