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
    """What may be sent now. `post`: a new message to a channel; `update`: the workspace's budget of chat.update."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        *,
        updates_a_minute: float = 50.0,
        burst: float = 12.0,
        gap: float = 1.0,
    ) -> None:
        self._now = monotonic
        self._gap = gap
        self._updates = Bucket(updates_a_minute / 60.0, burst, min(3.0, burst / 4), monotonic)
        self._next_post: dict[str, float] = {}
        self._held: dict[str, float] = {}

    def may_post(self, channel: str) -> bool:
        """Whether a new message may go to the channel now; counts it as sent."""
        now = self._now()
        if now < self._next_post.get(channel, 0.0):
            return False
        if len(self._next_post) > 1000:
            self._next_post = {name: at for name, at in self._next_post.items() if at > now}
        self._next_post[channel] = now + self._gap
        return True

    def may_update(self, *, is_urgent: bool) -> bool:
        return self._updates.take(is_urgent=is_urgent)

    def is_held(self, method: str) -> bool:
        """Whether Slack asked for a pause of this method (or of everything, `*`) that is not over."""
        now = self._now()
        return now < self._held.get(method, 0.0) or now < self._held.get("*", 0.0)

    def hold(self, method: str, seconds: float) -> None:
        """Nothing by this method for so long; `*` stands for all."""
        self._held[method] = max(self._held.get(method, 0.0), self._now() + seconds)
        if method == "chat.update":
            self._updates.drain()
