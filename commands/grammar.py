"""The grammar: a plain line becomes a Spec and a parsed value, or a UsageError whose nearest texts are whole lines that parse.

It reads the registry's Specs and the catalog and asks nothing else; it acts on nothing. What is not certain is not guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.errors import UnknownWord, UsageError
from bot.domain.operation import Choice
from commands import words
from commands.flags import Parted, part
from commands.nearest import nearest
from commands.parsed import Parsed
from commands.spec import Argument, Here, Spec, Value, Word
from commands.tokens import Line, Token, quote, tokenise

LONGEST_LINE = 2000
_SUGGESTIONS = 4
_ROUNDS = 4


@dataclass(frozen=True)
class Grammar:
    """`specs`: the registry. `catalog`: in force now. `here`: the Operation in whose thread the words were said."""

    specs: Sequence[Spec[Any]]
    catalog: Catalog
    here: Here | None = None

    def parse(self, text: str) -> tuple[Spec[Any], Parsed]:
        """Parses a plain line that begins with a verb. Raises UsageError; its nearest lines parse as they are."""
        try:
            return self._parse(text)
        except UsageError as error:
            error.nearest = tuple(self._corrected(error.nearest))
            raise

    def spec(self, verb: str) -> Spec[Any] | None:
        return next((spec for spec in self.specs if spec.verb == verb.casefold()), None)

    def _parse(self, text: str) -> tuple[Spec[Any], Parsed]:
        if len(text) > LONGEST_LINE:
            raise UsageError(
                f"That has {len(text)} characters, and a command has at most {LONGEST_LINE}.",
                "Say it more briefly.",
            )
        line = tokenise(text)
        if not line.tokens:
            raise UsageError("Nothing was said.", "Ask for help to see the commands.", ["help"])
        verb, *rest = line.tokens
        spec = self.spec(verb.text)
        if spec is None:
            raise self._unknown_verb(line, verb)
        parted = part(line, tuple(rest), spec)
        return spec, _Reading(self, line, spec, parted).read()

    def _corrected(self, lines: Sequence[str]) -> list[str]:
        """Lines that parse, reached from these by following the nearest texts of their own errors, best first."""
        good: dict[str, None] = {}
        seen: set[str] = set()
        queue = list(lines)
        for _ in range(_ROUNDS):
            following: list[str] = []
            for text in queue:
                if text in seen or len(good) >= _SUGGESTIONS:
                    continue
                seen.add(text)
                try:
                    self._parse(text)
                except UsageError as error:
                    following += error.nearest[:_SUGGESTIONS]
                else:
                    good.setdefault(text)
            queue = following
        return list(good)

    def _unknown_verb(self, line: Line, verb: Token) -> UnknownWord:
        listed = [spec for spec in self.specs if spec.listed]
        exact = [spec.verb for spec in listed if verb.folded in spec.synonyms]
        close = exact or nearest(verb.text, [spec.verb for spec in listed])
        lines = [line.replaced(verb, name) for name in close]
        question = self.here.question if self.here else None
        choice = verb.folded.replace("-", "_")
        if self.here and question and len(line.tokens) == 1 and choice in list(Choice):
            lines.insert(0, f"answer #{self.here.operation} {question.id} {choice}")
        return UnknownWord(
            f"I don't know {words.said(verb.text)}.",
            f"I know {words.listed((s.verb for s in listed), 20)}.",
            lines,
            word=verb.text,
            kind="verb",
        )


@dataclass
class _Reading:
    """One line's words, read in the order of the Spec's arguments."""

    grammar: Grammar
    line: Line
    spec: Spec[Any]
    parted: Parted
    at: int = 0
    values: dict[str, object] = field(default_factory=dict)

    def read(self) -> Parsed:
        self.values.update(self.parted.values)
        arguments = list(self.spec.arguments)
        if self._means_here(arguments):
            assert self.grammar.here is not None
            self.values["service"] = self.grammar.here.service
            self.values["environment"] = self.grammar.here.environment
            arguments = arguments[2:]
        for argument in arguments:
            self._take(argument)
        if self.at < len(self._words):
            raise self._too_much(self._words[self.at :])
        parsed: Parsed = self.spec.parsed(**self.values)
        return parsed

    @property
    def _words(self) -> tuple[Token, ...]:
        return self.parted.positional

    @property
    def _catalog(self) -> Catalog:
        return self.grammar.catalog

    def _next(self) -> Token | None:
        return self._words[self.at] if self.at < len(self._words) else None

    def _means_here(self, arguments: list[Argument]) -> bool:
        """Whether the thread's Target is meant: none is named, or the first word is one of its Instances."""
        here = self.grammar.here
        if (
            here is None
            or not self.spec.in_thread
            or [a.name for a in arguments[:2]] != ["service", "environment"]
        ):
            return False
        token = self._next()
        if token is None:
            return True
        takes_instance = any(argument.word is Word.INSTANCE for argument in arguments)
        return (
            takes_instance
            and token.text in here.instances
            and words.find(token.text, self._catalog.services) is None
        )

    def _take(self, argument: Argument) -> None:
        token = self._next()
        if token is not None and token.folded in argument.fillers and self.at + 1 < len(self._words):
            self.at += 1
            token = self._next()
        if argument.word is Word.OPERATION:
            self._take_operation(argument, token)
        elif token is None:
            if not argument.optional:
                raise self._missing(argument)
        elif argument.lead_in is not None:
            self._take_led(argument, token)
        elif argument.word is Word.TEXT:
            rest = self._words[self.at :]
            text = rest[0].text if len(rest) == 1 else " ".join(word.raw for word in rest)
            self.values[argument.name] = words.reason(text)
            self.at = len(self._words)
        elif self._is_left_out(argument, token):
            return
        else:
            self._read(argument, token)
            self.at += 1

    def _is_left_out(self, argument: Argument, token: Token) -> bool:
        """`status prod`: an optional service before an environment."""
        return (
            argument.optional
            and argument.word is Word.SERVICE
            and words.find(token.text, self._catalog.services) is None
            and words.find(token.text, self._catalog.environments) is not None
            and not self._is_swapped(token)
        )

    def _take_led(self, argument: Argument, token: Token) -> None:
        if token.folded != argument.lead_in:
            return
        self.at += 1
        following = self._next()
        if following is None:
            raise UsageError(
                f"After {words.said(token.text)} something is missing.",
                f"Write {self.spec.usage}",
                [self.line.without([token])],
            )
        self._read(argument, following)
        self.at += 1

    def _take_operation(self, argument: Argument, token: Token | None) -> None:
        here = self.grammar.here
        if token is not None and words.is_operation(token.text):
            number = words.operation(token)
            if here is not None and not token.text.startswith("#") and number != here.operation:
                raise UsageError(
                    f"Is {words.said(token.text)} an operation, or the beginning of a reason?",
                    "Write # before an operation's number.",
                    [
                        self.line.replaced(token, f"#{number}"),
                        self.line.inserted(token, f"#{here.operation}"),
                    ],
                )
            self.values[argument.name] = number
            self.at += 1
        elif here is not None and self.spec.in_thread:
            self.values[argument.name] = here.operation
        elif token is not None:
            raise UsageError(
                f"{words.said(token.text)} is no operation's number.",
                f"Numbers look like #12: {self.spec.usage}",
            )
        else:
            raise UsageError(f"Which operation shall I {self.spec.verb}?", f"Write {self.spec.usage}")

    def _read(self, argument: Argument, token: Token) -> None:
        line, name = self.line, argument.name
        match argument.word:
            case Word.SERVICE | Word.SERVICE_REF:
                self._read_service(argument, token)
            case Word.ENVIRONMENT:
                self._read_environment(argument, token)
            case Word.INSTANCE:
                self.values[name] = words.name_of(token.text, "an instance's name")
            case Word.RELEASE:
                self.values[name] = self._release(token, token.text)
            case Word.COUNT:
                self.values[name] = self._count(argument, token)
            case Word.CHOICE:
                self.values[name] = words.choice(line, token)
            case Word.VERB:
                self.values[name] = self._verb(token)
            case _:
                raise AssertionError(argument.word)

    def _read_service(self, argument: Argument, token: Token) -> None:
        if self._is_swapped(token):
            other = self._words[self.at + 1]
            raise UsageError(
                f"{words.said(token.text)} is an environment and {words.said(other.text)} a service.",
                "Say the service first.",
                [self.line.swapped(token, other)],
            )
        name, at_sign, ref = token.text, "", ""
        if argument.word is Word.SERVICE_REF:
            name, at_sign, ref = token.text.partition("@")
        if self.spec.slash and name.casefold() == self.spec.verb and self.at == 0:
            self._check_verb_said_twice(token)
        self.values[argument.name] = words.service(self.line, token, name, self._catalog)
        if at_sign and not ref:
            raise UsageError(
                "After the @ a ref is missing.",
                "Write a branch, tag, commit, version or #operation after it, or leave it out.",
                [self.line.replaced(token, quote(name))],
            )
        if ref:
            self.values["ref"] = self._release(token, ref)

    def _check_verb_said_twice(self, token: Token) -> None:
        """`/deploy deploy shop test`: the command's own name is the verb already."""
        if words.find(token.text, self._catalog.services) is None and len(self._words) > 1:
            raise UsageError(
                f"{words.said(token.text)} is said twice.", "Once is enough.", [self.line.without([token])]
            )

    def _is_swapped(self, token: Token) -> bool:
        if words.find(token.text, self._catalog.services) is not None:
            return False
        if words.find(token.text, self._catalog.environments) is None or self.at + 1 >= len(self._words):
            return False
        return words.find(self._words[self.at + 1].text.partition("@")[0], self._catalog.services) is not None

    def _read_environment(self, argument: Argument, token: Token) -> None:
        chosen = self.values.get("service")
        if token.text.startswith("@") and "ref" not in self.values and self.at > 0:
            before = self._words[self.at - 1]
            joined = self.line.without([token])
            if self.spec.arguments[0].word is Word.SERVICE_REF and before.end <= token.start:
                joined = joined[: before.end] + token.text + joined[before.end :]
            raise UsageError(
                f"{words.said(token.text)} must follow the service without a space.",
                f"Write {self.spec.usage}",
                [joined],
            )
        self.values[argument.name] = words.environment(
            self.line, token, self._catalog, str(chosen) if chosen is not None else None
        )

    def _release(self, token: Token, text: str) -> str:
        if text.startswith("#"):
            if not words.is_operation(text) or not text[1:].isdigit() or text[1:].startswith("0"):
                raise UsageError(f"{words.said(text)} is no operation's number.", "Numbers look like #12.")
            return f"#{words.operation(Token(text, token.start, token.end, token.raw))}"
        return words.name_of(text, "a version or ref")

    def _count(self, argument: Argument, token: Token) -> int:
        if self.spec.verb == "scale" and token.text == "0":
            stop = f"stop {quote(str(self.values['service']))} {quote(str(self.values['environment']))}"
            raise UsageError("Nothing can run on 0 instances.", "To take it down, stop it.", [stop])
        return words.count(self.line, token, token.text, argument.shown, argument.lowest, argument.highest)

    def _verb(self, token: Token) -> str:
        spec = self.grammar.spec(token.text)
        if spec is not None and spec.listed:
            return spec.verb
        verbs = [spec.verb for spec in self.grammar.specs if spec.listed]
        raise UnknownWord(
            f"There is no command {words.said(token.text)}.",
            f"The commands are: {words.listed(verbs, 20)}.",
            [self.line.replaced(token, verb) for verb in nearest(token.text, verbs)],
            word=token.text,
            kind="verb",
        )

    def _missing(self, argument: Argument) -> UsageError:
        usage = f"Write {self.spec.usage}"
        chosen = self.values.get("service")
        match argument.word:
            case Word.SERVICE | Word.SERVICE_REF:
                return UsageError("Which service?", usage, self._ending(self._catalog.services))
            case Word.ENVIRONMENT:
                names = [
                    name
                    for name in self._catalog.environments
                    if chosen is None or self._catalog.target(str(chosen), name) is not None
                ]
                return UsageError(f"Which environment of {chosen}?", usage, self._ending(names))
            case Word.COUNT:
                return UsageError(f"{argument.shown} is missing.", usage)
            case _:
                return UsageError(f"{argument.shown} is missing.", usage)

    def _ending(self, names: Iterable[str]) -> list[str]:
        """The line with each of the names after its last plain word."""
        last = self._words[-1] if self._words else self.line.tokens[0]
        return [self.line.after(last, quote(name)) for name in list(names)[:_SUGGESTIONS]]

    def _too_much(self, extra: tuple[Token, ...]) -> UsageError:
        first = extra[0]
        flags = [flag for flag in self.spec.shown_flags if flag.name == first.folded]
        lines = [self.line.replaced(first, flag.word) for flag in flags]
        led = next((a for a in self.spec.arguments if a.lead_in and a.name not in self.values), None)
        if led is not None and len(extra) == 1:
            lines.append(self.line.inserted(first, str(led.lead_in)))
        if words.find(first.text, self._catalog.environments) is not None and self.at > 0:
            before = self._words[self.at - 1]
            if words.find(before.text, self._catalog.environments) is not None:
                lines.append(self.line.without([before]))
        elif len(extra) > 1 and "reason" not in self.values and self._has_reason:
            said = " ".join(token.raw for token in extra)
            lines.append(f"{self.line.without(extra)} --reason {quote(said)}")
        lines.append(self.line.without(extra))
        count = "is one word" if len(extra) == 1 else f"and what follows are {len(extra)} words"
        return UsageError(
            f"{words.said(first.text)} {count} too much for {self.spec.verb}.",
            f"Write {self.spec.usage}",
            lines,
        )

    @property
    def _has_reason(self) -> bool:
        return any(flag.name == "reason" and flag.value is Value.TEXT for flag in self.spec.flags)
