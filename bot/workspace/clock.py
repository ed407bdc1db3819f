"""Time and identifiers of the workspace. The clock can be moved forward by tests; nothing else reads the system's time."""

from __future__ import annotations

import secrets
import string
import time

_ALPHABET = string.ascii_uppercase + string.digits


class Clock:
    """Seconds since the epoch, plus what tests advanced it by; and Slack's ts, unique and rising."""

    def __init__(self, last_ts: float = 0.0) -> None:
        self.offset = 0.0
        self._last_micros = round(last_ts * 1_000_000)

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.offset

    def ts(self) -> str:
        """A new message time, `seconds.micros`; no two are the same, and a later one is always greater."""
        micros = max(round(self.now() * 1_000_000), self._last_micros + 1)
        self._last_micros = micros
        return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def new_id(prefix: str, length: int = 10) -> str:
    """A random id in Slack's look, such as `V0K3…`."""
    return prefix + "0" + "".join(secrets.choice(_ALPHABET) for _ in range(length - 1))


def new_block_id() -> str:
    """What Slack puts where a block has no block_id."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(5))
