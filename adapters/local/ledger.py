"""Which effects were asked of the agent and by whom: the same key acts once, and a smaller fence than was seen is refused.

Not here: what an effect does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adapters.local.journal import Change, Journal
from bot.domain.errors import AdapterError, PermanentError, TemporaryError

KEPT = 5000
"""Keys that are remembered; an Operation asks about its own within days."""


@dataclass(frozen=True)
class Asked:
    """An effect as it comes over the wire. `target`: its key (`shop@test`)."""

    key: str
    fence: int
    verb: str
    target: str
    instance: str

    @property
    def id(self) -> str:
        """A Step may need two verbs (an Instance is removed from the proxy and from the Runtime), so the key alone is not it."""
        return f"{self.verb} {self.key}"

    @classmethod
    def of(cls, verb: str, arguments: dict[str, Any]) -> Asked:
        effect = arguments["effect"]
        return cls(effect["key"], int(effect["fence"]), verb, arguments["target"], arguments["instance"])


class Ledger:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        effects = journal.table("effects")
        if len(effects) > KEPT:
            journal.note([("effects", key, None) for key in list(effects)[:-KEPT]])

    def is_new(self, asked: Asked) -> bool:
        """Whether the effect is still to be begun. Raises PermanentError for a stale fence, a key that was used for something
        else, and again what the first try raised."""
        self.see(asked.target, asked.fence)
        known = self._journal.table("effects").get(asked.id)
        if known is None:
            return True
        if (known["target"], known["instance"]) != (asked.target, asked.instance):
            raise PermanentError(
                f"The key {asked.key} already stands for {known['instance']} on {known['target']}, so it can't act on"
                f" {asked.instance} on {asked.target}."
            )
        if error := known.get("error"):
            raise PermanentError(error["what"], error["todo"])
        return False

    def see(self, target: str, fence: int) -> None:
        """Refuses whoever lost their work to a replica that has been here since."""
        seen = self._journal.table("fences").get(target, 0)
        if fence < seen:
            raise PermanentError(
                f"Another replica of the bot has taken over {target} (its fence is {seen}, this one's {fence}).",
                "Nothing is to be done: the other one carries on.",
            )
        if fence > seen:
            self._journal.write([("fences", target, fence)])

    def known(self, key: str, verbs: Sequence[str]) -> dict[str, Any] | None:
        """The effect that the key stands for among these verbs: {"verb", "target", "instance"}, and "error" if it failed."""
        effects = self._journal.table("effects")
        return next((effects[f"{verb} {key}"] for verb in verbs if f"{verb} {key}" in effects), None)

    @staticmethod
    def begun(asked: Asked, error: AdapterError | None = None) -> Change:
        """The change that remembers the key; to be written together with what the effect changes."""
        value: dict[str, Any] = {"verb": asked.verb, "target": asked.target, "instance": asked.instance}
        if isinstance(error, PermanentError):
            value["error"] = {"what": error.what, "todo": error.todo}
        # After a temporary failure the same key may try again.
        return ("effects", asked.id, None if isinstance(error, TemporaryError) else value)
