"""What is wrong with a catalog: every problem with its place, told at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from bot.domain.errors import ShipbellError


@dataclass(frozen=True, order=True)
class Place:
    """A line and a column, both from 1; (0, 0) is the file as a whole."""

    line: int = 0
    column: int = 0


WHOLE_FILE = Place()


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in `file` at `line` and `column` (0: the whole file). `what`: a sentence; `nearest`: valid words,
    best first."""

    file: str
    line: int
    column: int
    what: str
    nearest: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        hint = f" Did you mean {' or '.join(f'`{word}`' for word in self.nearest)}?" if self.nearest else ""
        return f"{place}: {self.what}{hint}"


class CatalogError(ShipbellError):
    """The catalog can't be used. `problems` are all that is wrong, in the file's order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        listed = "\n".join(str(problem) for problem in problems)
        super().__init__(f"The catalog has {counted(len(problems))}:\n{listed}")
        self.problems = tuple(problems)


class Findings:
    """Gathers problems while a catalog is read. A place that was found empty is not complained about again."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: dict[tuple[Place, str], Problem] = {}
        self._silenced: set[Place] = set()

    def add(self, place: Place, what: str, nearest: Iterable[str] = ()) -> None:
        if place not in self._silenced:
            problem = Problem(self.file, place.line, place.column, what, tuple(nearest))
            self._found.setdefault((place, what), problem)

    def add_last(self, place: Place, what: str) -> None:
        """Adds it and takes no other problem of the same place."""
        self.add(place, what)
        self._silenced.add(place)

    @property
    def problems(self) -> list[Problem]:
        """What was found, in the file's order."""
        return sorted(self._found.values(), key=lambda problem: (problem.line, problem.column))


def counted(number: int) -> str:
    return "1 problem" if number == 1 else f"{number} problems"


def nearest(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """The known word that `word` was probably meant to be, in a tuple; empty when none is near."""
    near = process.extractOne(
        word.casefold(),
        list(known),
        scorer=DamerauLevenshtein.normalized_similarity,
        processor=str.casefold,
        score_cutoff=0.6,
    )
    return (near[0],) if near else ()
