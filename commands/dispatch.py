"""The dispatcher: what somebody said becomes a Reply, whatever it was. The only door into commands for bot.slack and bot.web.

No decision about permission is taken here: the desk asks the Gates. Every ShipbellError becomes an answer that says what is
wrong, what to do, and offers what would have worked as buttons; any other error is a fault of ours and goes to the listener.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.domain.errors import RefNotFound, Refused, ShipbellError, UnknownWord, UsageError
from bot.domain.gates import Decision
from bot.domain.identity import Actor
from bot.domain.messages import Paragraph, Reply, Section, Suggestion, Tone
from bot.domain.operation import Origin
from bot.operations.desk import Desk
from commands.complete import Completion, complete
from commands.grammar import Grammar
from commands.parsed import Parsed
from commands.registry import SPECS
from commands.render import plain_command
from commands.show import who_may
from commands.spec import Call, Here, Spec
from commands.text import clip, code, escape, normalise, to_wire
from commands.tokens import Line, quote, tokenise
from commands.words import Misuse

_LABEL = 75
_BUTTON = 1900
_BUTTONS = 4


@dataclass(frozen=True)
class Invocation:
    """What was said. `text`: as Slack sent it, without the bot's mention (`commands.text.without_mention`).

    operation: of the thread in which it was said. fixed_verb: of a slash command that is a verb (`/deploy`)."""

    text: str
    actor: Actor
    origin: Origin
    operation: int | None = None
    fixed_verb: str | None = None


class Dispatcher:
    """Runs Invocations against a desk. `clock` gives the time in UTC."""

    def __init__(
        self, desk: Desk, specs: Sequence[Spec[Any]] = SPECS, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._desk = desk
        self._specs = specs
        self._clock = clock or (lambda: datetime.now(UTC))

    async def run(self, invocation: Invocation) -> Reply:
        """The answer. Raises nothing for what people can say or the desk can refuse."""
        said = normalise(invocation.text)
        line = f"{invocation.fixed_verb} {said}".strip() if invocation.fixed_verb else said or "help"
        opened = self._opened(invocation, line)
        if opened is not None:
            return opened
        try:
            grammar = Grammar(self._specs, self._desk.catalog, await self._here(invocation))
            spec, parsed = self._parse(grammar, line, invocation)
        except ShipbellError as error:
            return _wrong(error, error.nearest)
        return await self._run(spec, parsed, line, invocation, grammar)

    def complete(self, words: Sequence[str], actor: Actor | None = None) -> list[Completion]:
        """What may come next after `words`, the last of which is being typed (`""` before its first letter)."""
        return complete(words, self._desk.catalog, self._specs)

    def _opened(self, invocation: Invocation, line: str) -> Reply | None:
        for spec in self._specs:
            if spec.opens and line.casefold() == spec.verb and invocation.operation is None:
                return Reply(
                    f"What shall I {spec.verb}?",
                    sections=(Paragraph(f"Choose, or write {code(spec.usage)}"),),
                    opens=spec.opens,
                )
        return None

    async def _here(self, invocation: Invocation) -> Here | None:
        if invocation.operation is None:
            return None
        try:
            return Here.of((await self._desk.snapshot(invocation.operation)).operation)
        except UnknownWord:
            return None  # a card from before the database was lost: the words must name what they mean

    def _parse(self, grammar: Grammar, line: str, invocation: Invocation) -> tuple[Spec[Any], Parsed]:
        if invocation.fixed_verb and line.casefold() == f"{invocation.fixed_verb} help":
            return grammar.parse(f"help {invocation.fixed_verb}")
        return grammar.parse(line)

    async def _run(
        self, spec: Spec[Any], parsed: Parsed, line: str, invocation: Invocation, grammar: Grammar
    ) -> Reply:
        call = Call(
            self._desk,
            invocation.actor,
            invocation.origin,
            self._clock(),
            plain_command(spec, parsed),
            self._specs,
        )
        try:
            reply: Reply = await spec.run(parsed, call)
        except ShipbellError as error:
            return _wrong(error, _better(error, parsed, line, grammar))
        return reply


def _better(error: ShipbellError, parsed: Parsed, line: str, grammar: Grammar) -> Iterable[str]:
    """Whole lines from the desk's nearest texts: commands as they are, words in the place of the one that named nothing."""
    wrong: str | None = None
    if isinstance(error, UnknownWord):
        wrong = error.word
    elif isinstance(error, RefNotFound):
        wrong = getattr(parsed, "ref", None) or getattr(parsed, "to", None)
    is_operation = isinstance(error, UnknownWord) and error.kind == "operation"
    for near in error.nearest:
        # In a thread `approve status` would be a yes with a reason: whole commands are never put in a word's place.
        is_word = " " not in near and not is_operation
        for candidate in (_instead(tokenise(line), wrong, near) if is_word else None, near):
            try:
                grammar.parse(candidate or "")
            except UsageError:
                continue
            yield candidate or ""
            break


def _instead(line: Line, wrong: str | None, near: str) -> str | None:
    """The line with one word, a word's ref, or one name of a list replaced."""
    for token in line.tokens[1:]:
        text = token.value if token.value is not None else token.text
        for mark in ("", "@", ","):
            parts = text.split(mark) if mark else [text]
            if wrong is None or wrong not in parts:
                continue
            parts[parts.index(wrong)] = near
            word = quote(mark.join(parts))
            return line.replaced(token, f"--{token.flag}={word}" if token.value is not None else word)
    return None


def _wrong(error: ShipbellError, nearest: Iterable[str]) -> Reply:
    sections: list[Section] = []
    if isinstance(error, Refused) and isinstance(error.decision, Decision):
        sections += _refusal(error.decision, error)
    if isinstance(error, Misuse):
        sections.append(Paragraph(f"Write {code(error.usage)}"))
    elif error.todo and not _names_people(error):
        sections.append(Paragraph(escape(error.todo)))
    commands = list(dict.fromkeys(nearest))
    buttons = [c for c in commands if len(to_wire(c)) <= _BUTTON][:_BUTTONS]
    return Reply(
        escape(clip(error.what, 300)),
        Tone.BAD,
        tuple(sections),
        tuple(Suggestion(clip(command, _LABEL), to_wire(command)) for command in buttons),
    )


def _names_people(error: ShipbellError) -> bool:
    """Whether what the Decision says already names those who can."""
    return (
        isinstance(error, Refused)
        and isinstance(error.decision, Decision)
        and bool(who_may(error.decision.clears))
    )


def _refusal(decision: Decision, error: ShipbellError) -> list[Section]:
    """What decided: the Gate's reason unless it was said already, the policy that forbade, and who can clear it."""
    sections: list[Section] = []
    if decision.reason and decision.reason not in f"{error.what} {error.todo}":
        sections.append(Paragraph(escape(decision.reason)))
    if decision.policies:
        names = ", ".join(code(policy) for policy in decision.policies)
        sections.append(Paragraph(f"Decided by the {decision.gate} policy {names}."))
    if who := who_may(decision.clears):
        sections.append(Paragraph(who))
    return sections
