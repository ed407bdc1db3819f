"""`python -m benchmarks [NAME…] [--json]`: runs the benchmarks and prints their figures.

Statuses: 0 every goal holds, 1 one is missed or could not be measured, 2 wrong words.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from benchmarks import ack, crowd, lost, ready
from benchmarks.figures import BenchmarkError, Figure, note, table

NAMES = ("ready", "ack", "memory", "resume", "lost")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="script/bench", description="Measures Shipbell against its goals.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)}; all when none is named"
    )
    parser.add_argument("--json", action="store_true", help="one object a figure, one a line")
    parsed = parser.parse_args(arguments)
    if unknown := [name for name in parsed.names if name not in NAMES]:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}")
    # What is installed has its bytecode: a bot that compiles itself at each start would not be what is measured.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        return asyncio.run(_run(parsed.names or NAMES, parsed.json))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130


async def _run(names: Sequence[str], as_json: bool) -> int:
    task = asyncio.current_task()
    assert task is not None
    # Ended politely, everything that was started is ended, too.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    figures: list[Figure] = []
    is_complete = True
    for batch in _batches(names):
        note(f"measuring {' and '.join(batch)}")
        with tempfile.TemporaryDirectory(prefix="shipbell-bench-") as folder:
            try:
                async for figure in _measure(batch, Path(folder)):
                    figures.append(figure)
                    if as_json:
                        print(figure.as_json(), flush=True)
            except (BenchmarkError, AssertionError, TimeoutError) as error:
                is_complete = False
                note(f"{' and '.join(batch)} could not be measured: {error or type(error).__name__}")
    if not as_json and figures:
        print(table(figures))
    return 0 if is_complete and all(figure.holds for figure in figures) else 1


def _batches(names: Sequence[str]) -> list[tuple[str, ...]]:
    """In the order of NAMES; what shares its setting is measured together."""
    found = [(name,) for name in NAMES if name in names and name not in crowd.NAMES]
    together = tuple(name for name in crowd.NAMES if name in names)
    return [*found, together] if together else list(found)


async def _measure(batch: tuple[str, ...], folder: Path) -> AsyncIterator[Figure]:
    match batch:
        case ("ready",):
            found = ready.measure(folder)
        case ("ack",):
            found = ack.measure(folder)
        case ("lost",):
            found = lost.measure(folder)
        case _:
            found = crowd.measure(folder, batch)
    async for figure in found:
        yield figure


if __name__ == "__main__":
    sys.exit(main())
