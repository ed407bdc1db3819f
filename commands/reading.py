"""One line's words read in the order of its verb's arguments: the part of the grammar that knows what words may mean.

What doesn't fit raises a UsageError that carries corrected lines; they may be wrong further on, which the grammar follows up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.errors import UnknownWord, UsageError
from commands import words
from commands.flags import Parted
from commands.nearest import nearest
from commands.parsed import Parsed
from commands.spec import Argument, Here, Spec, Value, Word
from commands.tokens import Line, Token, quote

SUGGESTIONS = 4


@dataclass
class Reading:
    """One line's words, read in the order of the Spec's arguments."""

    specs: Sequence[Spec[Any]]
    catalog: Catalog
    here: Here | None
    line: Line
    spec: Spec[Any]
    parted: Parted
    at: int = 0
    values: dict[str, object] = field(default_factory=dict)

    def read(self) -> Parsed:
        self.values.update(self.parted.values)
        arguments = list(self.spec.arguments)
        if self._means_here(arguments):
            assert self.here is not None
            self.values["service"] = self.here.service
            self.values["environment"] = self.here.environment
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

    def _next(self) -> Token | None:
        return self._words[self.at] if self.at < len(self._words) else None

    def _means_here(self, arguments: list[Argument]) -> bool:
        """Whether the thread's Target is meant: none is named, or the first word is one of its Instances."""
        here = self.here
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
            and words.find(token.text, self.catalog.services) is None
        )

    def _take(self, argument: Argument) -> None:
        token = self._next()
        if token is not None and self._is_filler(argument, token):
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

    def _is_filler(self, argument: Argument, token: Token) -> bool:
        """`to` and `on`, unless an environment is called so and nothing else follows."""
        if token.folded not in argument.fillers:
            return False
        is_last = self.at + 1 >= len(self._words)
        return not (is_last and words.find(token.text, self.catalog.environments) is not None)

    def _is_left_out(self, argument: Argument, token: Token) -> bool:
        """`status prod`: an optional service before an environment."""
        return (
            argument.optional
            and argument.word is Word.SERVICE
            and words.find(token.text, self.catalog.services) is None
            and words.find(token.text, self.catalog.environments) is not None
            and not self._is_swapped(token)
        )

    def _take_led(self, argument: Argument, token: Token) -> None:
        if token.folded != argument.lead_in:
            return
        self.at += 1
        following = self._next()
        if following is None:
            raise words.Misuse(
                f"After {words.said(token.text)} something is missing.",
                self.spec.usage,
                [self.line.without([token])],
            )
        self._read(argument, following)
        self.at += 1

    def _take_operation(self, argument: Argument, token: Token | None) -> None:
        here = self.here
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
                "Numbers look like #12.",
            )
        else:
            raise words.Misuse(f"Which operation shall I {self.spec.verb}?", self.spec.usage)

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
        if words.find(token.text, self.catalog.services) is None:
            self._check_is_no_environment(token)
        name, at_sign, ref = token.text, "", ""
        if argument.word is Word.SERVICE_REF:
            name, at_sign, ref = token.text.partition("@")
        if self.spec.slash and name.casefold() == self.spec.verb and self.at == 0:
            self._check_verb_said_twice(token)
        self.values[argument.name] = words.service(self.line, token, name, self.catalog)
        if at_sign and not ref:
            raise UsageError(
                "After the @ a ref is missing.",
                "Write a branch, tag, commit, version or #operation after it, or leave it out.",
                [self.line.replaced(token, quote(name))],
            )
        if ref:
            self.values["ref"] = self._release(token, ref)

    def _check_is_no_environment(self, token: Token) -> None:
        """`deploy prod`, `history prod`: the services that run there are offered."""
        environment = words.find(token.text, self.catalog.environments)
        if environment is None:
            return
        names = [n for n in self.catalog.services if self.catalog.target(n, environment) is not None]
        raise words.Misuse(
            f"{words.said(token.text)} is an environment. Which service?",
            self.spec.usage,
            [self.line.inserted(token, quote(name)) for name in names[:SUGGESTIONS]],
        )

    def _check_verb_said_twice(self, token: Token) -> None:
        """`/deploy deploy shop test`: the command's own name is the verb already."""
        if words.find(token.text, self.catalog.services) is None and len(self._words) > 1:
            raise UsageError(
                f"{words.said(token.text)} is said twice.", "Once is enough.", [self.line.without([token])]
            )

    def _is_swapped(self, token: Token) -> bool:
        if words.find(token.text, self.catalog.services) is not None:
            return False
        if words.find(token.text, self.catalog.environments) is None or self.at + 1 >= len(self._words):
            return False
        return words.find(self._words[self.at + 1].text.partition("@")[0], self.catalog.services) is not None

    def _read_environment(self, argument: Argument, token: Token) -> None:
        chosen = self.values.get("service")
        if token.text.startswith("@") and "ref" not in self.values and self.at > 0:
            before = self._words[self.at - 1]
            joined = self.line.without([token])
            if self.spec.arguments[0].word is Word.SERVICE_REF and before.end <= token.start:
                joined = joined[: before.end] + token.text + joined[before.end :]
            raise words.Misuse(
                f"{words.said(token.text)} must follow the service without a space.",
                self.spec.usage,
                [joined],
            )
        following = self._words[self.at + 1] if self.at + 1 < len(self._words) else None
        if following is not None and token.text.isdigit() and self.spec.arguments[-1].word is Word.COUNT:
            swapped = self.line.swapped(token, following)
            raise words.Misuse("The number comes last.", self.spec.usage, [swapped])
        self.values[argument.name] = words.environment(
            self.line, token, self.catalog, str(chosen) if chosen is not None else None
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
        return words.count(token.text, argument.shown, argument.lowest, argument.highest)

    def _verb(self, token: Token) -> str:
        spec = next((s for s in self.specs if s.verb == token.folded), None)
        if spec is not None and spec.listed:
            return spec.verb
        verbs = [spec.verb for spec in self.specs if spec.listed]
        raise UnknownWord(
            f"There is no command {words.said(token.text)}.",
            f"The commands are: {words.listed(verbs, 20)}.",
            [self.line.replaced(token, verb) for verb in nearest(token.text, verbs)],
            word=token.text,
            kind="verb",
        )

    def _missing(self, argument: Argument) -> words.Misuse:
        usage = self.spec.usage
        if argument.word in (Word.SERVICE, Word.SERVICE_REF):
            here = self.here
            names = [f"{quote(here.service)} {quote(here.environment)}"] if here else []
            names = names or [quote(name) for name in self.catalog.services]
            return words.Misuse("Which service?", usage, self._ending(names))
        if argument.word is Word.ENVIRONMENT:
            service = str(self.values["service"])
            names = [n for n in self.catalog.environments if self.catalog.target(service, n) is not None]
            return words.Misuse(
                f"Which environment of {service}?", usage, self._ending(quote(name) for name in names)
            )
        return words.Misuse(f"{argument.shown} is missing.", usage)

    def _ending(self, names: Iterable[str]) -> list[str]:
        """The line with each of these after its last plain word."""
        last = self._words[-1] if self._words else self.line.tokens[0]
        return [self.line.after(last, name) for name in list(names)[:SUGGESTIONS]]

    def _too_much(self, extra: tuple[Token, ...]) -> words.Misuse:
        count = "is one word" if len(extra) == 1 else f"and what follows are {len(extra)} words"
        return words.Misuse(
            f"{words.said(extra[0].text)} {count} too much for {self.spec.verb}.",
            self.spec.usage,
            self._with_less(extra),
        )

    def _with_less(self, extra: tuple[Token, ...]) -> list[str]:
        """What may have been meant. Words are left out only where that can't widen what would be done: never an instance's
        name, a version, or a flag that lost its dashes."""
        first, line = extra[0], self.line
        flags = [flag for flag in self.spec.shown_flags if flag.name == first.folded]
        if flags:
            return [line.replaced(first, flag.word) for flag in flags]
        led = next((a for a in self.spec.arguments if a.lead_in and a.name not in self.values), None)
        if led is not None:
            return [line.inserted(first, str(led.lead_in))]
        if any(flag.name == "only" for flag in self.spec.flags) and self._are_instances(extra):
            told = self.values.get("only")
            names = [*(told if isinstance(told, tuple) else ()), *(token.text for token in extra)]
            return [] if told else [f"{line.without(extra)} --only {','.join(names)}"]
        without = line.without(extra)
        if words.find(first.text, self.catalog.environments) is not None and self.at > 0:
            before = self._words[self.at - 1]
            if words.find(before.text, self.catalog.environments) is not None:
                return [line.without([before]), without]
        if len(extra) > 1 and "reason" not in self.values and self._has_reason:
            said = " ".join(token.raw for token in extra)
            return [f"{without} --reason {quote(said)}", without]
        return [without]

    def _are_instances(self, extra: tuple[Token, ...]) -> bool:
        service = str(self.values.get("service", ""))
        return all(token.text.startswith(f"{service}-") for token in extra)

    @property
    def _has_reason(self) -> bool:
        return any(flag.name == "reason" and flag.value is Value.TEXT for flag in self.spec.flags)
