"""The grammar: a plain line becomes a Spec and a parsed value, or a UsageError whose nearest texts are whole lines that parse.

It reads the registry's Specs and the catalog and asks nothing else; it acts on nothing. What is not certain is not guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.errors import UnknownWord, UsageError
from bot.domain.operation import Choice
from commands import words
from commands.flags import part
from commands.nearest import nearest
from commands.parsed import Parsed
from commands.reading import SUGGESTIONS, Reading
from commands.spec import Here, Spec
from commands.tokens import Line, Token, tokenise

LONGEST_LINE = 2000
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
        return spec, Reading(self.specs, self.catalog, self.here, line, spec, parted).read()

    def _corrected(self, lines: Sequence[str]) -> list[str]:
        """Lines that parse, reached from these by following the nearest texts of their own errors, best first."""
        good: dict[str, None] = {}
        seen: set[str] = set()
        queue = list(lines)
        for _ in range(_ROUNDS):
            following: list[str] = []
            for text in queue:
                if text in seen or len(good) >= SUGGESTIONS:
                    continue
                seen.add(text)
                try:
                    self._parse(text)
                except UsageError as error:
                    following += error.nearest[:SUGGESTIONS]
                else:
                    good.setdefault(text)
            queue = following
        return list(good)

    def _unknown_verb(self, line: Line, verb: Token) -> UnknownWord:
        listed = [spec for spec in self.specs if spec.listed]
        if verb.text.startswith("/") and len(line.tokens) > 1:
            inner = line.without([verb])
            lines = [inner] if self.spec(verb.text[1:]) is None else [line.replaced(verb, verb.text[1:])]
            return UnknownWord(
                f"{words.said(verb.text)} is a command of its own, and here you are talking to me already.",
                "Leave it out.",
                lines,
                word=verb.text,
                kind="verb",
            )
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
