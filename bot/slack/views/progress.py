"""How far a rollout has come: one row an Instance in a fixed font, or for many Instances a bar and the batch at work.

A row keeps its place and its width from the first second to the last, so that a card does not jump about when it is updated.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.operation import StepRecord, StepState
from bot.slack.views.text import columns, fenced, pad

ROWS = 12
"""Up to this many Instances have a row each."""
WINDOW = 6
"""Beyond it, so many rows show the batch at work."""
_NAME = 18
_BAR = 16
_MARKS = {
    StepState.PENDING: "·",
    StepState.INTENDED: "▸",
    StepState.DONE: "✓",
    StepState.FAILED: "✗",
    StepState.SKIPPED: "–",
}


def progress(records: Sequence[StepRecord]) -> str:
    """A fenced text in mrkdwn, "" when there are no steps."""
    rows = _by_instance(records)
    if not rows:
        return ""
    kinds = legend_kinds(records)
    names = list(rows)
    shown = names if len(names) <= ROWS else _window(rows)
    width = min(_NAME, max(columns(name) for name in shown))
    lines = [_row(name, rows[name], kinds, width) for name in shown]
    if len(names) > ROWS:
        lines = [_bar(rows), *lines, f"… {len(names) - len(shown)} more"]
    return fenced(lines)


def legend(records: Sequence[StepRecord]) -> str:
    """What the columns of marks mean: `check · drain · stop · update · start · enable`."""
    return " · ".join(legend_kinds(records))


def legend_kinds(records: Sequence[StepRecord]) -> list[str]:
    """The kinds of steps, each once, in the order of the first Instance that has it."""
    kinds: dict[str, None] = {}
    for steps in sorted(_by_instance(records).values(), key=len, reverse=True):
        kinds.update((record.step.kind.value, None) for record in steps)
    return list(kinds)


def _by_instance(records: Sequence[StepRecord]) -> dict[str, list[StepRecord]]:
    rows: dict[str, list[StepRecord]] = {}
    for record in sorted(records, key=lambda r: r.step.seq):
        rows.setdefault(record.step.instance, []).append(record)
    return rows


def _row(name: str, steps: Sequence[StepRecord], kinds: Sequence[str], width: int) -> str:
    marks = dict.fromkeys(kinds, " ")
    for record in steps:
        marks[record.step.kind.value] = _MARKS[record.state]
    return f"{pad(name, width)}  {''.join(marks.values())}  {_word(steps)}".rstrip()


def _word(steps: Sequence[StepRecord]) -> str:
    """What happens to an Instance now, in a word or two."""
    for record in steps:
        if record.state is StepState.FAILED:
            return f"{record.step.kind} failed"
    for record in steps:
        if record.state is StepState.INTENDED:
            again = f" ({record.attempt})" if record.attempt > 1 else ""
            return f"{record.step.kind}…{again}"
    if not _is_through(steps):
        return ""
    return "skipped" if any(record.state is StepState.SKIPPED for record in steps) else "done"


def _is_through(steps: Sequence[StepRecord]) -> bool:
    return all(record.state in (StepState.DONE, StepState.SKIPPED) for record in steps)


def _window(rows: dict[str, list[StepRecord]]) -> list[str]:
    """The failed Instances, then those of the batch at work, then the next ones; always as many rows."""
    failed = [n for n, steps in rows.items() if any(r.state is StepState.FAILED for r in steps)]
    first_open = next((i for i, steps in enumerate(rows.values()) if not _is_through(steps)), len(rows))
    start = max(0, min(first_open, len(rows) - WINDOW))
    rest = [n for n in list(rows)[start:] if n not in failed]
    before = [n for n in reversed(list(rows)[:start]) if n not in failed]
    chosen = (failed + rest + before)[:WINDOW]
    return [name for name in rows if name in chosen]


def _bar(rows: dict[str, list[StepRecord]]) -> str:
    done = sum(1 for steps in rows.values() if _is_through(steps))
    filled = _BAR * done // len(rows)
    return f"{'▰' * filled}{'▱' * (_BAR - filled)}  {done} of {len(rows)}"
