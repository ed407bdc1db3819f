"""How fast we may talk: a bucket of tokens, new messages a second and channel apart, and pauses that Slack asked for.

Pure of I/O; the clock is passed in, in seconds of a monotonic clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Bucket:
    """`rate` tokens a second flow into it, `burst` fit; the last `reserve` are for what is urgent."""

    rate: float
    burst: float
    reserve: float
    monotonic: Callable[[], float]
    _level: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._level, self._at = self.burst, self.monotonic()

    def take(self, *, is_urgent: bool = False) -> bool:
        """Whether there was a token; it is gone then."""
        now = self.monotonic()
        self._level = min(self.burst, self._level + (now - self._at) * self.rate)
        self._at = now
        if self._level < (1.0 if is_urgent else 1.0 + self.reserve):
            return False
        self._level -= 1.0
        return True

    def drain(self) -> None:
        """Slack said that it was too much: begin again from nothing."""
        self._level, self._at = 0.0, self.monotonic()


class Pace:
    """What may be sent now. Posts: new messages, `gap` seconds apart in a channel. Updates: the workspace's budget of chat.update,
    and one message not again within `still` seconds, so that one busy card doesn't use it up."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        *,
        updates_a_minute: float = 50.0,
        burst: float = 12.0,
        gap: float = 1.0,
        still: float = 0.8,
    ) -> None:
        self._now = monotonic
        self._gap = gap
        self._still = still
        self._updates = Bucket(updates_a_minute / 60.0, burst, min(3.0, burst / 4), monotonic)
        self._next: dict[str, float] = {}
        self._held: dict[str, float] = {}

    def can_post(self, channel: str) -> bool:
        """Whether a new message may go to the channel now."""
        return self._now() >= self._next.get(f"#{channel}", 0.0)

    def may_post(self, channel: str) -> bool:
        """As `can_post`; counts it as sent."""
        if not self.can_post(channel):
            return False
        self._rest(f"#{channel}", self._gap)
        return True

    def may_update(self, key: str, *, is_urgent: bool) -> bool:
        """Whether the message may be updated now; counts it as sent. What is urgent doesn't wait for its own sake."""
        if not is_urgent and self._now() < self._next.get(key, 0.0):
            return False
        if not self._updates.take(is_urgent=is_urgent):
            return False
        self._rest(key, self._still)
        return True

    def _rest(self, name: str, seconds: float) -> None:
        now = self._now()
        if len(self._next) > 2000:
            self._next = {other: at for other, at in self._next.items() if at > now}
        self._next[name] = now + seconds

    def is_held(self, method: str) -> bool:
        """Whether Slack asked for a pause of this method (or of everything, `*`) that is not over."""
        now = self._now()
        return now < self._held.get(method, 0.0) or now < self._held.get("*", 0.0)

    def hold(self, method: str, seconds: float) -> None:
        """Nothing by this method for so long; `*` stands for all."""
        self._held[method] = max(self._held.get(method, 0.0), self._now() + seconds)
        if method == "chat.update":
            self._updates.drain()
