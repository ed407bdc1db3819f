"""The nearest thing that would have worked: which known word somebody probably meant. Only ever suggested, never acted on."""

from __future__ import annotations

from collections.abc import Iterable

from rapidfuzz.distance import OSA

_LONGEST = 60


def nearest(word: str, choices: Iterable[str], limit: int = 3) -> tuple[str, ...]:
    """The choices that `word` may be a slip of, best first: other case, a beginning (`prod` of `production`), a few letters off."""
    typed = word.casefold().strip("<>[](){}.,;:!?`'\"*_~")
    if not typed or len(typed) > _LONGEST or " " in typed:
        return ()
    ranked: list[tuple[float, int, str]] = []
    for place, choice in enumerate(dict.fromkeys(choices)):
        cost = _cost(typed, choice.casefold())
        if cost is not None:
            ranked.append((cost, place, choice))
    return tuple(choice for _, _, choice in sorted(ranked)[:limit])


def _cost(typed: str, choice: str) -> float | None:
    """From 0 (the same but for case) up; None when it is too far off to be meant."""
    if typed == choice:
        return 0
    if len(typed) >= 2 and (choice.startswith(typed) or (len(choice) >= 2 and typed.startswith(choice))):
        return 0.5
    allowed = 1 if min(len(typed), len(choice)) <= 4 else 2 if len(choice) <= 8 else 3
    distance = OSA.distance(typed, choice, score_cutoff=allowed)
    if distance > allowed or distance >= max(len(typed), len(choice)):
        return None
    return float(distance)
