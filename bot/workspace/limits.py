"""Rate limits: refusals on demand for tests, and Slack's published tiers where the seed switches them on."""

from __future__ import annotations

import math
from collections import deque

from bot.workspace.clock import Clock
from bot.workspace.errors import RateLimited

MINUTE = 60.0
# Calls a minute, as published; chat.postMessage is one a second and channel with some room for bursts.
TIERS = {1: 1, 2: 20, 3: 50, 4: 100}
BURST = 5


class Limits:
    """Asked before every call; raises RateLimited."""

    def __init__(self, clock: Clock, tiers: bool) -> None:
        self._clock = clock
        self._tiers = tiers
        self._refusals: dict[str, tuple[int, int]] = {}
        self._calls: dict[str, deque[float]] = {}

    def refuse(self, method: str, times: int, retry_after: int) -> None:
        """The next `times` calls of the method (`*`: of any) are refused."""
        self._refusals[method] = (times, retry_after)

    def check(self, method: str, tier: int, channel: str) -> None:
        """Counts a call. `tier` 0 is chat.postMessage's own rule, which is kept by channel."""
        for name in (method, "*"):
            times, retry_after = self._refusals.get(name, (0, 0))
            if times > 0:
                self._refusals[name] = (times - 1, retry_after)
                raise RateLimited(retry_after)
        if self._tiers:
            if tier == 0:
                self._count(f"{method}:{channel}", BURST, float(BURST))
            else:
                self._count(method, TIERS[tier], MINUTE)

    def _count(self, key: str, most: int, window: float) -> None:
        now = self._clock.now()
        calls = self._calls.setdefault(key, deque())
        while calls and calls[0] <= now - window:
            calls.popleft()
        if len(calls) >= most:
            raise RateLimited(max(1, math.ceil(calls[0] + window - now)))
        calls.append(now)
