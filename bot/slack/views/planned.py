"""A Plan in a few short lines: batches, what is waited for, what happens on failure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.domain.plan import Plan
from bot.slack.views.text import esc, plural, seconds_span

_ON_FAILURE = {"rollback": "roll back", "ask": "ask", "stop": "stop"}


def plan_line(plan: Plan) -> str:
    """`3 instances in 3 batches of 1 · drain ≤ 30 s · watch 10 s · on failure roll back`."""
    batches = plan.batches
    sizes = {len(batch) for batch in batches}
    words = plural(len(plan.instances) or sum(len(b) for b in batches), "instance")
    if len(batches) > 1:
        words += f" in {len(batches)} batches"
        words += f" of {sizes.pop()}" if len(sizes) == 1 else f" of up to {max(sizes)}"
    return " · ".join([words, *_strategy(plan.strategy)])


def warnings(plan: Plan | None, at_most: int = 3) -> str:
    if plan is None or not plan.warnings:
        return ""
    lines = [f"⚠️ {esc(warning)[:300]}" for warning in plan.warnings[:at_most]]
    if len(plan.warnings) > at_most:
        lines.append(f"… {len(plan.warnings) - at_most} more")
    return "\n".join(lines)


def _strategy(strategy: Mapping[str, Any]) -> list[str]:
    """Reads the strategy's JSON words and passes over those that it doesn't know."""
    found = []
    for name, words in (("drain_within", "drain ≤ {}"), ("pause", "pause {}"), ("bake", "watch {}")):
        duration = seconds_span(strategy.get(name))
        if duration:
            found.append(words.format(duration))
    on_failure = _ON_FAILURE.get(str(strategy.get("on_failure")))
    return [*found, f"on failure {on_failure}"] if on_failure else found
