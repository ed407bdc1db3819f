"""People, channels and groups: who and what there is, and the lookups that both wires need.

Documents are kept in the shape in which they are stored; how each wire shows them stands in payloads.py.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from bot.workspace.clock import Clock, new_id
from bot.workspace.errors import ClientError, Json
from bot.workspace.feed import Feed
from bot.workspace.seed import Seed
from bot.workspace.store import Store
from bot.workspace.text import Names

SLACKBOT = "USLACKBOT"
_COLORS = ("#3b6fb6", "#b65c3b", "#3b8f5a", "#8a4fb0", "#b0893a", "#2f8f9d", "#a63d63", "#5b6b7a")


@dataclass(frozen=True)
class Secrets:
    """What the app signs in with. Never logged, never sent on the client API."""

    bot_token: str
    app_token: str
    signing_secret: str
    verification_token: str


class World:
    """All that is known of people and places, written through to the store."""

    def __init__(self, seed: Seed, store: Store, feed: Feed, clock: Clock) -> None:
        self.seed = seed
        self.store = store
        self.feed = feed
        self.clock = clock
        self.app = seed.app
        self.team = seed.team
        self.secrets = _secrets(seed, store)
        self.users: dict[str, Json] = dict(store.all("user"))
        self.channels: dict[str, Json] = dict(store.all("channel"))
        self._seed_users()
        self._seed_channels()

    # People ----------------------------------------------------------------------------------------------------------------------

    def person(self, name: str) -> Json:
        """The person that a client acts as. Raises ClientError when unknown or deactivated."""
        wanted = name.strip().removeprefix("@").lower()
        for user in self.users.values():
            if user["name"] == wanted and not user["is_bot"]:
                if user["deleted"]:
                    raise ClientError(
                        "account_inactive", f"@{wanted} is deactivated and can't do anything here", 403
                    )
                return user
        known = ", ".join(user["name"] for user in self.people())
        raise ClientError("unknown_user", f"there is nobody called {name!r} here; there are {known}", 404)

    def people(self) -> list[Json]:
        """Everyone who is not a bot, deactivated people too, in the seed's order."""
        return [user for user in self.users.values() if not user["is_bot"]]

    def user_by_name(self, name: str) -> Json | None:
        """A user by handle, bots too."""
        wanted = name.removeprefix("@").lower()
        return next((user for user in self.users.values() if user["name"] == wanted), None)

    def save_user(self, user: Json) -> None:
        """Keeps a changed person."""
        user["updated"] = int(self.clock.now())
        self.users[user["id"]] = user
        self.store.put("user", user["id"], user)

    # Channels --------------------------------------------------------------------------------------------------------------------

    def channel(self, wanted: str) -> Json | None:
        """A channel by id, or by name with or without `#`."""
        found = self.channels.get(wanted)
        if found is not None:
            return found
        name = wanted.removeprefix("#").lower()
        return next(
            (room for room in self.channels.values() if not room["is_im"] and room["name"] == name), None
        )

    def im_with(self, user_id: str) -> Json:
        """The direct message between the app and a person; made when there is none yet."""
        for room in self.channels.values():
            if room["is_im"] and room["im_user"] == user_id:
                return room
        room = _channel_doc(new_id("D"), "", self.clock.now())
        room.update(is_im=True, im_user=user_id, members=[user_id, self.app.bot_user_id])
        self.save_channel(room)
        return room

    def save_channel(self, room: Json) -> None:
        """Keeps a changed channel."""
        self.channels[room["id"]] = room
        self.store.put("channel", room["id"], room)

    def visible(self, room: Json, user: Json) -> bool:
        """Whether a person may read a channel: members may; others only public ones, and guests not even these."""
        if user["id"] in room["members"]:
            return True
        return not (room["is_im"] or room["is_private"] or user["is_guest"])

    def audience(self, room: Json) -> list[str]:
        """The ids of the people to whom what happens in this channel is shown."""
        return [user["id"] for user in self.people() if self.visible(room, user)]

    # Names -----------------------------------------------------------------------------------------------------------------------

    def names(self) -> Names:
        """What `@name` and `#name` mean now."""
        return Names(
            users={user["name"]: user["id"] for user in self.users.values() if not user["deleted"]},
            channels={room["name"]: room["id"] for room in self.channels.values() if not room["is_im"]},
            groups={group.handle.lower(): group.id for group in self.seed.groups},
        )

    def labels(self) -> tuple[dict[str, str], dict[str, str]]:
        """(user id to name, channel id to name), for plain text."""
        return (
            {user["id"]: user["name"] for user in self.users.values()},
            {room["id"]: room["name"] for room in self.channels.values() if not room["is_im"]},
        )

    def groups_of(self, user_id: str) -> list[str]:
        """Ids of the user groups that a person is in."""
        return [group.id for group in self.seed.groups if user_id in self.group_members(group.id)]

    def group_members(self, group_id: str) -> list[str]:
        """Ids of a group's active members; empty for an unknown group."""
        for group in self.seed.groups:
            if group.id == group_id:
                found = (self.user_by_name(name) for name in group.members)
                return [user["id"] for user in found if user is not None and not user["deleted"]]
        return []

    # The seed --------------------------------------------------------------------------------------------------------------------

    def _seed_users(self) -> None:
        # The seed says who somebody is; what happened since (deactivated, made a guest) is kept over a restart.
        for at, person in enumerate(self.seed.users):
            known = self.users.get(person.id)
            doc = _user_doc(
                person.id, person.name, person.real_name or person.name.title(), _COLORS[at % len(_COLORS)]
            )
            doc.update(
                title=person.title,
                email=person.email or f"{person.name}@{self.team.domain}.example",
                tz=person.tz,
                team_id=person.team_id or self.team.id,
            )
            for flag in ("deleted", "is_guest", "is_admin"):
                doc[flag] = known[flag] if known else getattr(person, flag)
            self.save_user(doc)
        bot = _user_doc(self.app.bot_user_id, self.app.handle, self.app.name, "#444a58")
        bot.update(is_bot=True, team_id=self.team.id)
        self.save_user(bot)
        slackbot = _user_doc(SLACKBOT, "slackbot", "Slackbot", "#757575")
        slackbot.update(is_bot=True, team_id=self.team.id)
        self.save_user(slackbot)

    def _seed_channels(self) -> None:
        for wanted in self.seed.channels:
            room = self.channels.get(wanted.id)
            if room is None:
                room = _channel_doc(wanted.id, wanted.name, self.clock.now())
                members = [
                    user["id"] for name in wanted.members if (user := self.user_by_name(name)) is not None
                ]
                room.update(members=members, is_archived=wanted.is_archived)
            room.update(
                name=wanted.name, topic=wanted.topic, purpose=wanted.purpose, is_private=wanted.is_private
            )
            self.save_channel(room)
        for person in self.seed.users:
            self.im_with(person.id)


def _user_doc(user_id: str, name: str, real_name: str, color: str) -> Json:
    return {
        "id": user_id,
        "name": name.lower(),
        "real_name": real_name,
        "title": "",
        "email": "",
        "tz": "Etc/UTC",
        "color": color,
        "team_id": "",
        "is_bot": False,
        "is_admin": False,
        "is_guest": False,
        "deleted": False,
        "updated": 0,
    }


def _channel_doc(channel_id: str, name: str, now: float) -> Json:
    return {
        "id": channel_id,
        "name": name,
        "topic": "",
        "purpose": "",
        "created": int(now),
        "members": [],
        "is_im": False,
        "im_user": None,
        "is_private": False,
        "is_archived": False,
    }


def _secrets(seed: Seed, store: Store) -> Secrets:
    kept = store.get("meta", "secrets") or {
        "bot_token": f"xoxb-{_digits()}-{_digits()}-{secrets.token_hex(12)}",
        "app_token": f"xapp-1-{seed.app.id}-{_digits()}-{secrets.token_hex(32)}",
        "signing_secret": secrets.token_hex(16),
        "verification_token": secrets.token_hex(12),
    }
    store.put("meta", "secrets", kept)
    return Secrets(
        bot_token=seed.app.bot_token or kept["bot_token"],
        app_token=seed.app.app_token or kept["app_token"],
        signing_secret=seed.app.signing_secret or kept["signing_secret"],
        verification_token=kept["verification_token"],
    )


def _digits() -> str:
    return str(10**11 + secrets.randbelow(9 * 10**11))
