"""The catalog in force: read at start, read again when the file changes or when asked; a bad new version changes nothing.

The file is polled by name, not watched by inode: an editor's rename, a ConfigMap's swapped `..data` link and a bind mount all look
the same that way.
"""

from __future__ import annotations

import asyncio
import enum
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from bot.catalog.errors import CatalogError
from bot.catalog.reader import MoreChecks, parse_catalog, read_bytes
from bot.domain.catalog import Catalog

log = structlog.get_logger(__name__)

OnChange = Callable[[Catalog, Catalog], Awaitable[None]]
OnProblem = Callable[[CatalogError], Awaitable[None]]

_Mark = tuple[object, ...]


class ReloadOutcome(enum.StrEnum):
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True)
class ReloadResult:
    """What a reload came to. `catalog` is the one in force afterwards; `error` is set when the new version was refused."""

    outcome: ReloadOutcome
    catalog: Catalog
    error: CatalogError | None = None


class WatchedCatalog:
    """Implements ports.CatalogSource. Raises CatalogError when the first version can't be used.

    `on_change(old, new)` and `on_problem(error)` are awaited after the fact; `also` are further checks that a version has to
    pass. `watch` runs until it is cancelled; `interval` and `settle` are seconds: how often it looks, and how long the file has
    to rest before it is read."""

    def __init__(
        self,
        path: Path | str,
        *,
        on_change: OnChange | None = None,
        on_problem: OnProblem | None = None,
        also: MoreChecks | None = None,
        interval: float = 1.0,
        settle: float = 0.3,
    ) -> None:
        self.path = Path(path)
        self._on_change = on_change
        self._on_problem = on_problem
        self._also = also
        self._interval = interval
        self._settle = settle
        self._lock = asyncio.Lock()
        self._asked = asyncio.Event()
        self._mark = _mark(self.path)
        data = read_bytes(self.path)
        self._current = parse_catalog(data, self.path, also)
        self._seen = _digest(data)
        """The content that was last read, good or bad: a bad version is told once, not at every look."""

    @property
    def current(self) -> Catalog:
        return self._current

    async def reload(self) -> ReloadResult:
        """Reads the file now. Never raises for a bad file: the result says so, and `on_problem` is told."""
        return await self._read(is_asked=True)

    def ask_reload(self) -> None:
        """For a signal handler in the loop: makes `watch` read the file at once."""
        self._asked.set()

    async def watch(self) -> None:
        """Looks for changes until cancelled. What goes wrong while a change is told is logged, and watching goes on."""
        while True:
            try:
                await self._look()
            # The worker loop's boundary: a callback's failure must not end the watching.
            except Exception:
                log.exception("catalog.watch_failed", path=str(self.path))

    async def _look(self) -> None:
        if await self._was_asked(self._interval):
            self._mark = await asyncio.to_thread(_mark, self.path)
            await self._read(is_asked=True)
            return
        mark = await asyncio.to_thread(_mark, self.path)
        if mark == self._mark:
            return
        while True:
            await asyncio.sleep(self._settle)
            later = await asyncio.to_thread(_mark, self.path)
            if later == mark:
                break
            mark = later
        self._mark = mark
        await self._read(is_asked=False)

    async def _was_asked(self, within: float) -> bool:
        try:
            await asyncio.wait_for(self._asked.wait(), within)
        except TimeoutError:
            return False
        self._asked.clear()
        return True

    async def _read(self, *, is_asked: bool) -> ReloadResult:
        async with self._lock:
            old, seen = self._current, self._seen
            try:
                data = await asyncio.to_thread(read_bytes, self.path)
                self._seen = _digest(data)
                if self._seen == old.digest or (self._seen == seen and not is_asked):
                    return ReloadResult(ReloadOutcome.UNCHANGED, old)
                new = await asyncio.to_thread(parse_catalog, data, self.path, self._also)
            except CatalogError as error:
                self._seen = self._seen if self._seen != seen else ""
                log.warning("catalog.refused", path=str(self.path), problems=len(error.problems))
                if self._on_problem:
                    await self._on_problem(error)
                return ReloadResult(ReloadOutcome.REFUSED, old, error)
            self._current = new
            log.info("catalog.changed", path=str(self.path), digest=new.digest[:12])
            if self._on_change:
                await self._on_change(old, new)
            return ReloadResult(ReloadOutcome.CHANGED, new)


def _mark(path: Path) -> _Mark:
    """What tells one state of the file from another without reading it; the link's own end is part of it."""
    try:
        stat = path.stat()
        return (str(path.resolve()), stat.st_ino, stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        return (type(error).__name__,)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
