"""App Home: what waits for me, what runs now, what is where."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.operation import Snapshot
from bot.domain.reports import HomeReport, TargetStatus
from bot.slack.views.blocks import actions, button, context, divider, header, section
from bot.slack.views.buttons import OPEN_DEPLOY, abort_button, answer_buttons, approval_buttons
from bot.slack.views.card import footer
from bot.slack.views.changes import versions
from bot.slack.views.limits import BLOCKS_PER_SURFACE, Block, fit
from bot.slack.views.text import clock, esc, link_text, version
from bot.slack.views.words import ICONS, state_words, title

SHOWN = 10
"""So many Operations are shown in each part."""


def home(report: HomeReport) -> Block:
    """A view for views.publish."""
    if report.refusal or report.actor is None:
        blocks = [header("Shipbell"), section(esc(report.refusal) or "You are not known here yet.")]
    else:
        blocks = [
            header("Shipbell"),
            section(
                f"You are *{esc(report.actor.display_name)}* · {esc(', '.join(sorted(report.actor.roles)) or 'no roles')}"
            ),
            actions([button("Deploy…", OPEN_DEPLOY, "deploy", "primary")], "deploy"),
            *_part("Waits for you", report.waiting, "Nothing waits for you.", is_mine=True),
            *_part("Runs now", report.running, "Nothing runs now.", is_mine=False),
            *_targets(report.targets),
            context(f"as of {clock(report.now, with_day=True)}" if report.now else ""),
        ]
    return {"type": "home", "blocks": fit([b for b in blocks if b is not None], BLOCKS_PER_SURFACE)}


def _part(name: str, snapshots: Sequence[Snapshot], none: str, *, is_mine: bool) -> list[Block | None]:
    """`is_mine`: the person can decide these; what waits for others shows no buttons to decide it."""
    blocks: list[Block | None] = [divider(), header(name)]
    if not snapshots:
        return [*blocks, context(none)]
    for snapshot in snapshots[:SHOWN]:
        operation = snapshot.operation
        head = f"{ICONS[operation.state]} *{esc(title(operation))}* {versions(operation)}".rstrip()
        blocks.append(section(f"{head}\n{state_words(snapshot)}"))
        decides = [*approval_buttons(operation), *answer_buttons(operation)] if is_mine else []
        buttons = [*decides, *abort_button(operation)]
        blocks.append(actions(buttons, f"{name}:{operation.number}"))
        blocks.append(context(footer(snapshot)))
    if len(snapshots) > SHOWN:
        blocks.append(context(f"… {len(snapshots) - SHOWN} more"))
    return blocks


def _targets(targets: Sequence[TargetStatus]) -> list[Block | None]:
    blocks: list[Block | None] = [divider(), header("What is where")]
    if not targets:
        return [*blocks, context("Nothing has been released yet.")]
    services: dict[str, list[str]] = {}
    for target in targets:
        services.setdefault(target.service, []).append(_target(target))
    for service, lines in list(services.items())[:25]:
        blocks.append(section("\n".join([f"*{esc(service)}*", *lines])))
    if len(services) > 25:
        blocks.append(context(f"… {len(services) - 25} more services; `/shipbell status` has them all"))
    return blocks


def _target(target: TargetStatus) -> str:
    line = f"{esc(target.environment)} · "
    if target.problem:
        return f"⚠️ {line}{esc(target.problem)}"
    if target.release is None:
        return f"▫️ {line}nothing yet"
    wanted = max(target.wanted, len(target.instances))
    icon = "🟢" if target.healthy >= wanted and wanted else "🔴" if not target.healthy else "🟠"
    line += f"{version(target.release.artifact)} · {target.healthy} of {wanted} healthy"
    line += f" · {esc(target.release.by)}, {clock(target.release.at, with_day=True)}"
    return f"{icon} {line}" + (f" · {link_text(target.front)}" if target.front else "")
