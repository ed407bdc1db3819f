"""What git prints, and what it means: names, commits, ranges. Deciding about refs is the adapter's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from adapters.common.git import Mirror
from bot.domain.artifact import Commit
from bot.domain.errors import AdapterError

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)|^[-/.@]|[/.]$")
_COMMIT_FORMAT = "%H%x00%an%x00%ct%x00%s"


def is_valid_name(name: str) -> bool:
    """Whether git allows it as a name, and whether nothing in it could be taken for an option or a pattern."""
    return 0 < len(name) <= 250 and not _FORBIDDEN.search(name)


@dataclass(frozen=True)
class Names:
    """Branches and tags, most recently changed first."""

    branches: tuple[str, ...]
    tags: tuple[str, ...]
    ordered: tuple[str, ...]


async def names(mirror: Mirror) -> Names:
    text = await mirror.git(
        "for-each-ref", "--sort=-creatordate", "--format=%(refname)", "refs/heads", "refs/tags"
    )
    branches: list[str] = []
    tags: list[str] = []
    ordered: dict[str, None] = {}
    for line in text.splitlines():
        kind, _, name = line.removeprefix("refs/").partition("/")
        (branches if kind == "heads" else tags).append(name)
        ordered.setdefault(name)
    return Names(tuple(branches), tuple(tags), tuple(ordered))


async def commit_of(mirror: Mirror, revision: str) -> str | None:
    """The full sha of the commit that a full ref name or a (short) sha means here; None for none or several."""
    try:
        text = await mirror.git(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )
    except AdapterError:
        return None
    return text.strip() or None


async def describe(mirror: Mirror, sha: str, web: str | None = None) -> Commit:
    text = await mirror.git("log", "-1", f"--format={_COMMIT_FORMAT}", "--end-of-options", sha)
    return _commit(text.rstrip("\n"), web)


async def commits_between(mirror: Mirror, old: str, new: str, limit: int, web: str | None) -> list[Commit]:
    text = await mirror.git(
        "log", f"--max-count={limit}", f"--format={_COMMIT_FORMAT}", "--end-of-options", f"{old}..{new}"
    )
    return [_commit(line, web) for line in text.splitlines() if line]


async def count_between(mirror: Mirror, old: str, new: str) -> int:
    return int(await mirror.git("rev-list", "--count", "--end-of-options", f"{old}..{new}"))


def web_prefix(url: str) -> str | None:
    """Where a commit of this repository is shown on the web, to be followed by its sha; None for hosts that we don't know."""
    if "://" in url:
        parts = urlsplit(url)
        host, path = parts.hostname or "", parts.path
    else:
        host, _, path = url.partition("@")[2].partition(":")
    path = path.strip("/").removesuffix(".git")
    if not host or not path:
        return None
    if host == "github.com":
        return f"https://{host}/{path}/commit/"
    if host.split(".")[0] == "gitlab":
        return f"https://{host}/{path}/-/commit/"
    if host == "bitbucket.org":
        return f"https://{host}/{path}/commits/"
    return None


def _commit(line: str, web: str | None) -> Commit:
    sha, author, at, subject = line.split("\x00", 3)
    return Commit(sha, subject, author, datetime.fromtimestamp(int(at), UTC), web + sha if web else None)
