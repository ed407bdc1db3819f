"""Short-lived rights that the app gets with an interaction: trigger ids (3 s, once) and response URLs (30 minutes, 5 uses).

Both are values of their own and know nothing of views or messages beyond their ids.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from bot.workspace.clock import Clock
from bot.workspace.errors import Json, SlackError
from bot.workspace.store import Store

RESPONSE_SECONDS = 1800
RESPONSE_USES = 5
_REMEMBERED = 5000


@dataclass
class _Trigger:
    user: str
    expires: float
    exchanged: bool = False


class Triggers:
    """Trigger ids; `seconds` is how long one is good."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._known: dict[str, _Trigger] = {}

    def issue(self, user_id: str) -> str:
        """A new trigger id for something that this person did."""
        trigger_id = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._known[trigger_id] = _Trigger(user_id, self._clock.now() + self._seconds)
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        return trigger_id

    def exchange(self, trigger_id: str) -> str:
        """Uses it up and answers whose it is. Raises SlackError: invalid, exchanged or expired."""
        user = self.check(trigger_id)
        self._known[trigger_id].exchanged = True
        return user

    def check(self, trigger_id: str) -> str:
        """Whose it is, without using it up. Raises SlackError as `exchange`."""
        found = self._known.get(trigger_id)
        if found is None:
            raise SlackError("invalid_trigger_id")
        if found.exchanged:
            raise SlackError("exchanged_trigger_id")
        if self._clock.now() > found.expires:
            raise SlackError("expired_trigger_id")
        return found.user


class ResponseUrls:
    """Response URLs, kept over a restart. `source` says which message it came from: `{channel, ts, ephemeral}`, or None."""

    def __init__(self, clock: Clock, store: Store, base_url: str) -> None:
        self._clock = clock
        self._store = store
        self._base_url = base_url
        self._known: dict[str, Json] = dict(store.all("response_url"))
        for token in [token for token, kept in self._known.items() if clock.now() > kept["expires"]]:
            self._forget(token)

    def issue(self, user_id: str, channel: str, source: Json | None, thread_ts: str | None = None) -> str:
        """A new address for what this person did in this channel."""
        token = secrets.token_urlsafe(24)
        kept = {
            "user": user_id,
            "channel": channel,
            "source": source,
            "thread_ts": thread_ts,
            "expires": self._clock.now() + RESPONSE_SECONDS,
            "left": RESPONSE_USES,
        }
        self._known[token] = kept
        self._store.put("response_url", token, kept)
        return f"{self._base_url}/response/{token}"

    def check(self, token: str) -> Json:
        """What the address stands for. Raises SlackError: expired_url or used_url."""
        found = self._known.get(token)
        if found is None or self._clock.now() > found["expires"]:
            raise SlackError("expired_url")
        if found["left"] <= 0:
            raise SlackError("used_url")
        return found

    def spend(self, token: str) -> None:
        """Counts one use."""
        found = self._known[token]
        found["left"] -= 1
        self._store.put("response_url", token, found)

    def _forget(self, token: str) -> None:
        del self._known[token]
        self._store.drop("response_url", token)
