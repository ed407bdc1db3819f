"""What the app is told by the Events API: which happenings become which events, for whoever subscribed and is in the channel."""

from __future__ import annotations

from bot.workspace.errors import Json
from bot.workspace.gateway import Gateway
from bot.workspace.payloads import event_callback, message_object, user_object, view_object
from bot.workspace.views import Views
from bot.workspace.world import World


class AppEvents:
    """One method a happening."""

    def __init__(self, world: World, gateway: Gateway, views: Views) -> None:
        self._world = world
        self._gateway = gateway
        self._views = views

    def posted(self, room: Json, message: Json) -> None:
        """A message was posted: message.im, message.channels or message.groups, and app_mention besides."""
        if not self._listens(room):
            return
        event = self._message_event(room, message)
        self._emit(_subscription(room), event)
        mentioned = f"<@{self._world.app.bot_user_id}" in message["text"]
        if mentioned and not room["is_im"] and not message.get("bot_id"):
            mention = {
                name: value for name, value in event.items() if name not in ("channel_type", "subtype")
            }
            self._emit("app_mention", {**mention, "type": "app_mention"})

    def changed(self, room: Json, message: Json, before: Json) -> None:
        """A message was edited: the same subscription, subtype message_changed."""
        if self._listens(room):
            self._emit_sub(
                room, "message_changed", message=self._full(message), previous_message=self._full(before)
            )

    def deleted(self, room: Json, before: Json) -> None:
        """A message was deleted: the same subscription, subtype message_deleted."""
        if self._listens(room):
            self._emit_sub(
                room, "message_deleted", deleted_ts=before["ts"], previous_message=self._full(before)
            )

    def home_opened(self, user: Json, tab: str) -> None:
        """A person looks at the app's Home or Messages tab."""
        event: Json = {
            "type": "app_home_opened",
            "user": user["id"],
            "channel": self._world.im_with(user["id"])["id"],
            "tab": tab,
            "event_ts": self._world.clock.ts(),
        }
        home = self._views.home(user["id"])
        if home is not None:
            event["view"] = view_object(self._world, home)
        self._emit("app_home_opened", event)

    def user_changed(self, user: Json) -> None:
        """Somebody's profile or standing changed."""
        ts = self._world.clock.ts()
        event = {
            "type": "user_change",
            "user": user_object(self._world, user),
            "cache_ts": int(float(ts)),
            "event_ts": ts,
        }
        self._emit("user_change", event)

    def joined(self, room: Json, user_id: str, inviter: str | None = None) -> None:
        """Somebody, or the app, came into a channel."""
        event = self._membership("member_joined_channel", room, user_id)
        if inviter is not None:
            event["inviter"] = inviter
        if self._listens(room):
            self._emit("member_joined_channel", event)

    def left(self, room: Json, user_id: str) -> None:
        """Somebody went or was removed; of its own removal the app hears as channel_left."""
        if user_id == self._world.app.bot_user_id:
            ts = self._world.clock.ts()
            self._emit("channel_left", {"type": "channel_left", "channel": room["id"], "event_ts": ts})
        elif self._listens(room):
            self._emit("member_left_channel", self._membership("member_left_channel", room, user_id))

    def archived(self, room: Json, by: str) -> None:
        """A channel was archived, or brought back."""
        kind = "channel_archive" if room["is_archived"] else "channel_unarchive"
        self._emit(
            kind, {"type": kind, "channel": room["id"], "user": by, "event_ts": self._world.clock.ts()}
        )

    def reacted(self, kind: str, room: Json, message: Json, user_id: str, reaction: str) -> None:
        """reaction_added or reaction_removed."""
        event = {
            "type": kind,
            "user": user_id,
            "reaction": reaction,
            "item_user": message["user"],
            "item": {"type": "message", "channel": room["id"], "ts": message["ts"]},
            "event_ts": self._world.clock.ts(),
        }
        if self._listens(room):
            self._emit(kind, event)

    def _emit(self, subscription: str, event: Json) -> None:
        if subscription in self._world.app.events:
            self._gateway.emit(lambda event_id: event_callback(self._world, event, event_id))

    def _emit_sub(self, room: Json, subtype: str, **fields: object) -> None:
        ts = self._world.clock.ts()
        event = {
            "type": "message",
            "subtype": subtype,
            "hidden": True,
            "channel": room["id"],
            "ts": ts,
            "event_ts": ts,
        }
        self._emit(_subscription(room), {**event, "channel_type": _channel_type(room), **fields})

    def _message_event(self, room: Json, message: Json) -> Json:
        event = self._full(message)
        event.update(channel=room["id"], event_ts=message["ts"], channel_type=_channel_type(room))
        return event

    def _full(self, message: Json) -> Json:
        return message_object(self._world, message, metadata=True)

    def _membership(self, kind: str, room: Json, user_id: str) -> Json:
        return {
            "type": kind,
            "user": user_id,
            "channel": room["id"],
            "channel_type": "G" if room["is_private"] else "C",
            "team": self._world.team.id,
            "event_ts": self._world.clock.ts(),
        }

    def _listens(self, room: Json) -> bool:
        return self._world.app.bot_user_id in room["members"]


def _subscription(room: Json) -> str:
    if room["is_im"]:
        return "message.im"
    return "message.groups" if room["is_private"] else "message.channels"


def _channel_type(room: Json) -> str:
    if room["is_im"]:
        return "im"
    return "group" if room["is_private"] else "channel"
