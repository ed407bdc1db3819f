"""Who acts: people as Slack knows them, Actors as Shipbell knows them."""

from __future__ import annotations

from dataclasses import dataclass

ROLES = ("viewer", "developer", "tester", "lead", "admin")
"""The roles that ship with sensible policies; a deployment's own policies may know more."""


@dataclass(frozen=True)
class SlackIdentity:
    """A Slack person: `enterprise` id or else the user's own `team` id, with the `user` id. Never an e-mail address.
    `by_app`: an app spoke with this user's id, its own or a person's."""

    team: str
    user: str
    enterprise: str | None = None
    by_app: bool = False

    @property
    def home(self) -> str:
        return self.enterprise or self.team


@dataclass(frozen=True)
class Profile:
    """What Slack says about a person now; looked up again at every click, dropped from the cache on `user_change`."""

    identity: SlackIdentity
    display_name: str
    is_bot: bool = False
    is_guest: bool = False
    is_deleted: bool = False
    is_stranger: bool = False
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Actor:
    """Somebody who may act. `name` is the person's key in the catalog; `roles` are theirs at this moment."""

    name: str
    display_name: str
    roles: frozenset[str]
    slack_user: str | None = None
    is_automatic: bool = False


SYSTEM = Actor(name="shipbell", display_name="Shipbell", roles=frozenset(), is_automatic=True)
"""The bot itself: automatic rollbacks, expiries, takeovers."""
