"""The CodeSource port on git's command line, with a bare mirror of each repository in the data folder."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

from rapidfuzz import fuzz, process

from adapters.common.git import Mirror
from adapters.git.client import (
    commit_of,
    commits_between,
    count_between,
    describe,
    is_valid_name,
    names,
    web_prefix,
)
from bot.domain.artifact import CommitRange, Revision
from bot.domain.catalog import Source
from bot.domain.errors import PermanentError, RefNotFound
from bot.ports import Connection

COMPLETION_AGE = 30.0
"""Seconds for which completion is content with what was fetched before."""

_SHA = re.compile(r"[0-9a-fA-F]{4,40}")


class GitSource:
    """`data_dir`: where mirrors are kept, the same folder that local builds use."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    async def resolve(self, source: Source, ref: str | None) -> Revision:
        """As git does it: a full sha, then a tag, a branch, then the beginning of a sha. Fetches first."""
        wanted = source.branch if ref is None else ref.strip()
        mirror = Mirror.of(self._data_dir, source.url)
        await mirror.fetch()
        sha = await self._find(mirror, wanted)
        if sha is None:
            raise await self._not_found(mirror, wanted)
        commit = await describe(mirror, sha)
        return Revision(sha, wanted, commit.subject, commit.author, commit.at)

    async def between(self, source: Source, old: str, new: str, limit: int = 20) -> CommitRange:
        mirror = Mirror.of(self._data_dir, source.url)
        for sha in (old, new):
            await self._require(mirror, sha)
        web = web_prefix(mirror.url)
        commits, total, behind = await asyncio.gather(
            commits_between(mirror, old, new, limit, web),
            count_between(mirror, old, new),
            count_between(mirror, new, old),
        )
        return CommitRange(tuple(commits), total, behind)

    async def refs(self, source: Source, limit: int = 200) -> Sequence[str]:
        mirror = Mirror.of(self._data_dir, source.url)
        await mirror.fetch(no_older_than=COMPLETION_AGE)
        return (await names(mirror)).ordered[:limit]

    async def check(self) -> Sequence[Connection]:
        """Whether git is there. Whether a repository can be reached is asked per service, with `refs`."""
        try:
            process = await asyncio.create_subprocess_exec(
                "git",
                "--version",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            out, _ = await process.communicate()
        except OSError as error:
            return [Connection("git", False, f"git does not start: {error.strerror}", "Install git.")]
        return [Connection("git", process.returncode == 0, out.decode(errors="replace").strip())]

    async def _find(self, mirror: Mirror, wanted: str) -> str | None:
        if not is_valid_name(wanted):
            return None
        if len(wanted) == 40 and _SHA.fullmatch(wanted):
            if found := await commit_of(mirror, wanted.lower()):
                return found
            return wanted.lower() if await mirror.fetch_commit(wanted.lower()) else None
        name = wanted.removeprefix("refs/").removeprefix("tags/").removeprefix("heads/")
        kinds = ("heads",) if wanted.startswith("refs/heads/") else ("tags", "heads")
        for kind in kinds:
            if found := await commit_of(mirror, f"refs/{kind}/{name}"):
                return found
        if _SHA.fullmatch(wanted):
            found = await commit_of(mirror, wanted.lower())
            # rev-parse also knows names such as HEAD; only what really begins so is a sha.
            return found if found and found.startswith(wanted.lower()) else None
        return None

    async def _not_found(self, mirror: Mirror, wanted: str) -> RefNotFound:
        known = await names(mirror)
        near = process.extract(wanted, known.ordered, scorer=fuzz.WRatio, limit=3, score_cutoff=55)
        nearest = [match for match, _score, _index in near] or list(known.ordered[:3])
        if not known.ordered:
            what = f"{mirror.shown} has no branches and no tags yet."
            return RefNotFound(what, "Push something to it first.")
        if not is_valid_name(wanted):
            what = f"“{wanted[:80]}” can be no branch, tag or commit: git doesn't allow such a name."
        elif _SHA.fullmatch(wanted):
            what = f"No commit in the repository, or more than one, begins with “{wanted}”."
        else:
            what = f"The repository has no branch, tag or commit “{wanted[:80]}”."
        return RefNotFound(
            what, f"{'Did you mean' if near else 'It has'} {_or(nearest)}{'?' if near else '.'}", nearest
        )

    async def _require(self, mirror: Mirror, sha: str) -> None:
        """Sees to it that a commit is in the mirror, fetching only when it isn't."""
        if not (len(sha) == 40 and _SHA.fullmatch(sha)):
            raise PermanentError(f"“{sha[:60]}” is no full commit sha.")
        if mirror.path.exists() and await mirror.has(sha):
            return
        await mirror.fetch()
        if not await mirror.has(sha) and not await mirror.fetch_commit(sha):
            raise PermanentError(
                f"{mirror.shown} has no commit {sha[:12]} any more: its history may have been rewritten."
            )


def _or(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else "".join(names)
