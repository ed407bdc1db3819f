"""From which version to which, and the commits between: shared by card, prompt and arrival."""

from __future__ import annotations

from bot.domain.artifact import Commit, CommitRange
from bot.domain.operation import Kind, Operation
from bot.slack.views.limits import some_lines
from bot.slack.views.text import code, esc, link_text, plural, version

COMMITS = 5


def versions(operation: Operation) -> str:
    """`v1.3 → v1.4 (abc1234)`; "" while it isn't known or where the version does not change."""
    if operation.kind in (Kind.RESTART, Kind.STOP, Kind.START, Kind.SCALE):
        return version(operation.artifact) if operation.artifact else ""
    if operation.artifact is None:
        if operation.revision is None:
            return code(operation.wish.ref or operation.wish.to or "")
        return f"{code(operation.revision.ref)} ({operation.revision.short})"
    if operation.previous is None:
        return f"{version(operation.artifact)} · the first one here"
    if operation.previous.digest == operation.artifact.digest:
        return f"{version(operation.artifact)} · the same as now"
    return f"{version(operation.previous)} → {version(operation.artifact)}"


def commits(found: CommitRange | None, at_most: int = COMMITS, *, with_authors: bool = True) -> str:
    """The newest commits, a line each, and how many more; "" for none."""
    if found is None:
        return ""
    lines = some_lines([_line(c, with_authors) for c in found.commits], 2600, at_most, total=found.total)
    if found.behind > 0:
        lines.append(f"⚠️ goes back over {plural(found.behind, 'commit')} that run there now")
    return "\n".join(lines)


def _line(commit: Commit, with_authors: bool) -> str:
    subject = commit.subject if len(commit.subject) <= 72 else commit.subject[:71] + "…"
    short = commit.sha[:7]
    link = link_text(commit.url, short) if commit.url else code(short)
    author = f" — {esc(commit.author)}" if with_authors and commit.author else ""
    return f"• {link} {esc(subject)}{author}"
