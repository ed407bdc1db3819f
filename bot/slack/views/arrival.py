"""What is new in an Environment, told to its testers: version, commits and their authors, who brought it, where to look."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.operation import Kind, Snapshot
from bot.slack.views.blocks import Message, actions, context, link_button, message, section
from bot.slack.views.buttons import LINK
from bot.slack.views.changes import commits, versions
from bot.slack.views.text import esc, mentions, tame, version, who


def arrival(snapshot: Snapshot, tell: Sequence[str] = (), key: str | None = None) -> Message:
    """`tell`: Slack ids of the people to mention."""
    operation = snapshot.operation
    service, environment = esc(operation.service), esc(operation.environment)
    shown = f"{service} {version(operation.artifact)}" if operation.artifact else service
    verb = "is back" if operation.kind is Kind.ROLLBACK else "has arrived"
    asked = mentions(tell)
    text = f"🧪 {asked + ' ' if asked else ''}*{service}* {version(operation.artifact)} {verb} in *{environment}*"
    url = snapshot.environment_url
    return message(
        f"{shown} {verb} in {environment}",
        [
            section(text),
            section(
                "\n".join(line for line in (versions(operation), commits(operation.commits, 10)) if line)
            ),
            actions([link_button(f"Open {tame(operation.service)}", url, f"{LINK}:0")], "links")
            if _is_web(url) and url
            else None,
            context(f"*#{operation.number}* · brought by {who(operation.requester)}"),
        ],
        key,
    )


def _is_web(url: str | None) -> bool:
    return bool(url) and str(url).startswith(("http://", "https://")) and len(str(url)) <= 3000
