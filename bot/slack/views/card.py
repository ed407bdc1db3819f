"""The card: one message an Operation in its Environment's channel, from the first second to the last.

The order of its parts never changes, and a part that has appeared stays until the end, so that updates don't make the card jump:
headline, state or question, versions and commits, plan, progress, log tail, buttons, and who asked when.
"""

from __future__ import annotations

from bot.domain.operation import Operation, Snapshot, State
from bot.slack.views.blocks import Message, actions, context, header, message, section
from bot.slack.views.buttons import abort_button, answer_buttons, approval_buttons
from bot.slack.views.changes import commits, versions
from bot.slack.views.limits import Block
from bot.slack.views.planned import plan_line, warnings
from bot.slack.views.progress import legend, progress
from bot.slack.views.text import clock, code, esc, fenced, link_text, who
from bot.slack.views.words import headline, name_or_mention, state_words, title, yes_by

TAIL = 8
"""So many lines of a log are on the card; the thread has the rest."""
_SHOWS_TAIL = (State.FAILED, State.ROLLED_BACK, State.ASKING, State.UNDOING)


def card(snapshot: Snapshot, key: str | None = None) -> Message:
    operation = snapshot.operation
    blocks: list[Block | None] = [
        header(headline(operation)),
        section(_state(snapshot)),
        section(_changes(operation)),
        context(_plan(operation), warnings(operation.plan)),
        *_progress(snapshot),
        section(_tail(snapshot)),
        actions(
            [*approval_buttons(operation), *answer_buttons(operation), *abort_button(operation)],
            f"buttons:{operation.number}",
        ),
        context(footer(snapshot)),
    ]
    return message(summary(snapshot), blocks, key)


def summary(snapshot: Snapshot) -> str:
    """The card in a line, for notifications and lists."""
    operation = snapshot.operation
    words = state_words(snapshot).split("\n")[0].replace("*", "")
    return f"#{operation.number} {esc(title(operation))}: {words}"


def footer(snapshot: Snapshot) -> str:
    """`#12 · asked by @dana 10:02 · “because”`."""
    operation = snapshot.operation
    parts = [
        f"*#{operation.number}*",
        f"{who(operation.requester)}, {clock(operation.created_at, with_day=True)}",
    ]
    yes = yes_by(snapshot)
    if yes and operation.state is not State.AWAITING_APPROVAL:
        parts.append(f"approved by {', '.join(yes)}")
    if operation.wish.reason:
        parts.append(f"“{esc(operation.wish.reason)[:300]}”")
    if operation.state is State.SUCCEEDED and snapshot.environment_url:
        parts.append(link_text(snapshot.environment_url))
    return " · ".join(parts)


def _state(snapshot: Snapshot) -> str:
    operation = snapshot.operation
    words = state_words(snapshot)
    if operation.plan_note:
        words += f"\n⚠️ {esc(operation.plan_note)}"
    if operation.abort_by and operation.state in (State.ROLLING_OUT, State.VERIFYING):
        words += f"\n🛑 {name_or_mention(operation.abort_by, snapshot)} asked to stop; it stops at the next safe point"
    return words


def _changes(operation: Operation) -> str:
    lines = [versions(operation), commits(operation.commits)]
    if operation.wish.only:
        lines.append("only " + ", ".join(code(name) for name in operation.wish.only[:20]))
    return "\n".join(line for line in lines if line)


def _plan(operation: Operation) -> str:
    return plan_line(operation.plan) if operation.plan else ""


def _progress(snapshot: Snapshot) -> list[Block | None]:
    """A plan that waits shows its rows, too: they stay where they are when it begins."""
    found: list[Block | None] = []
    if snapshot.forward:
        found += [section(progress(snapshot.forward)), context(legend(snapshot.forward))]
    if snapshot.undo:
        found += [section("*Back again*\n" + progress(snapshot.undo)), context(legend(snapshot.undo))]
    return found


def _tail(snapshot: Snapshot) -> str:
    operation = snapshot.operation
    if operation.state not in _SHOWS_TAIL:
        return ""
    # A build's log explains a failure only where the build is what failed.
    of_build = snapshot.build.log_tail if snapshot.build and operation.plan is None else ()
    lines = operation.log_tail or of_build
    return fenced(lines[-TAIL:], width=120, limit=1800)
