"""A figure and its goal, as a row of a table or as JSON. Nothing is measured here."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass


class BenchmarkError(Exception):
    """What was to be measured did not happen; says what did."""


@dataclass(frozen=True)
class Figure:
    """`value` and `goal` in `unit`. Every goal is a most: the figure holds when its value is not above it, and nothing else that
    belongs to it went wrong (`flaw` says what did)."""

    name: str
    value: float
    unit: str
    goal: float
    flaw: str = ""

    @property
    def holds(self) -> bool:
        return self.value <= self.goal and not self.flaw

    def as_json(self) -> str:
        """`{name, value, unit, goal, holds}` on one line."""
        known = {name: value for name, value in asdict(self).items() if name != "flaw"}
        return json.dumps({**known, "holds": self.holds})


def table(figures: Iterable[Figure]) -> str:
    """Aligned columns under a heading, flaws behind."""
    rows = [("name", "value", "unit", "goal", "holds", "")]
    rows += [
        (
            f.name,
            f"{f.value:g}",
            f.unit,
            f"at most {f.goal:g}" if f.goal else "0",
            "yes" if f.holds else "NO",
            f.flaw,
        )
        for f in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    aligned = (
        "  ".join(
            cell.rjust(width) if column == 1 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        )
        + f"  {row[5]}"
        for row in rows
    )
    return "\n".join(line.rstrip() for line in aligned)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of the values don't exceed. Raises ValueError for none."""
    if not values:
        raise ValueError("a percentile of nothing")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def note(text: str) -> None:
    """A line on standard error, where figures don't go, with the machine's load over the last minute."""
    print(f"-- {text} (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs)", file=sys.stderr, flush=True)
