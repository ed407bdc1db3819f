"""Messages: posted, changed, deleted and read; ephemerals; unread marks.

The rules of who may do what stand in the two wires (web_chat.py, people.py); here a message changes and everyone who sees it is told.
"""

from __future__ import annotations

import uuid
from bisect import bisect_right
from collections.abc import Iterator

from bot.workspace.clock import new_block_id
from bot.workspace.errors import Json
from bot.workspace.world import SLACKBOT, World

UNSET = object()


class Messages:
    """Every message of every channel, in the order of their ts."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._by_channel: dict[str, dict[str, Json]] = {}
        self._replies: dict[tuple[str, str], list[str]] = {}
        self._ephemeral: dict[tuple[str, str], Json] = {}
        self._reads: dict[str, str] = dict(world.store.all("read"))
        for _, message in world.store.all("message"):
            self._index(message)
        for _, message in world.store.all("ephemeral"):
            self._ephemeral[message["channel"], message["ts"]] = message

    # Reading ---------------------------------------------------------------------------------------------------------------------

    def get(self, channel: str, ts: str) -> Json | None:
        """A message that everyone sees, or None."""
        return self._by_channel.get(channel, {}).get(ts)

    def ephemeral(self, channel: str, ts: str, user_id: str | None = None) -> Json | None:
        """An ephemeral message, if this person (or anyone, with None) is its reader."""
        found = self._ephemeral.get((channel, ts))
        return found if found is not None and user_id in (None, found["ephemeral_for"]) else None

    def top_level(self, channel: str) -> list[Json]:
        """A channel's messages without thread replies (broadcast replies are in), oldest first."""
        return [m for m in self._by_channel.get(channel, {}).values() if is_top_level(m)]

    def thread(self, channel: str, parent: str) -> list[Json]:
        """A thread's parent and replies, oldest first; empty when there is no such parent."""
        room = self._by_channel.get(channel, {})
        if parent not in room:
            return []
        return [room[parent], *(room[ts] for ts in self._replies.get((channel, parent), []))]

    def ephemerals(self, channel: str, user_id: str) -> Iterator[Json]:
        """What only this person sees in a channel."""
        for (room, _), message in self._ephemeral.items():
            if room == channel and message["ephemeral_for"] == user_id:
                yield message

    # Writing ---------------------------------------------------------------------------------------------------------------------

    def post(self, channel: str, user: str, text: str, **fields: object) -> Json:
        """Adds a message and tells its readers. `fields`: blocks, attachments, metadata, thread_ts, reply_broadcast, bot_id, …"""
        message: Json = {"channel": channel, "ts": self._world.clock.ts(), "user": user, "text": text}
        message.update({name: value for name, value in fields.items() if value is not None})
        parent = self.get(channel, str(message.get("thread_ts")))
        if parent is not None:
            message["parent_user_id"] = parent["user"]
        _name_blocks(message)
        self._index(message)
        self._save(message)
        self._tell("message", message)
        if parent is not None:
            self._count_replies(parent)
        return message

    def change(self, message: Json, edited: bool, **fields: object) -> None:
        """Changes fields of a message in place (None removes one) and tells its readers."""
        _set(message, fields)
        if edited:
            message["edited"] = {"user": message["user"], "ts": self._world.clock.ts()}
        _name_blocks(message)
        self._save(message)
        self._tell("message_changed", message)

    def delete(self, message: Json) -> None:
        """Removes a message; a parent with replies stays as a tombstone, as in Slack."""
        channel, ts = message["channel"], message["ts"]
        if self._replies.get((channel, ts)):
            for name in ("blocks", "attachments", "metadata", "edited"):
                message.pop(name, None)
            message.update(text="This message was deleted.", subtype="tombstone", deleted=True, user=SLACKBOT)
            self._save(message)
            self._tell("message_changed", message)
            return
        del self._by_channel[channel][ts]
        self._world.store.drop("message", f"{channel}:{ts}")
        thread = message.get("thread_ts")
        if thread is not None and thread != ts:
            self._replies[channel, thread].remove(ts)
            if (parent := self.get(channel, thread)) is not None:
                self._count_replies(parent)
        audience = self._world.audience(self._world.channels[channel])
        self._world.feed.publish({"type": "message_deleted", "channel": channel, "ts": ts}, audience)

    def whisper(self, channel: str, reader: str, user: str, text: str, **fields: object) -> Json:
        """Adds a message that only `reader` sees."""
        message: Json = {
            "channel": channel,
            "ts": self._world.clock.ts(),
            "user": user,
            "text": text,
            "ephemeral_for": reader,
        }
        message.update({name: value for name, value in fields.items() if value is not None})
        _name_blocks(message)
        self._save_ephemeral(message)
        self._world.feed.publish({"type": "ephemeral", "message": shown(message)}, [reader])
        return message

    def change_ephemeral(self, message: Json, **fields: object) -> None:
        """Changes what one person sees."""
        _set(message, fields)
        _name_blocks(message)
        self._save_ephemeral(message)
        self._world.feed.publish(
            {"type": "ephemeral_changed", "message": shown(message)}, [message["ephemeral_for"]]
        )

    def delete_ephemeral(self, message: Json) -> None:
        """Takes an ephemeral message away."""
        channel, ts = message["channel"], message["ts"]
        del self._ephemeral[channel, ts]
        self._world.store.drop("ephemeral", f"{channel}:{ts}")
        self._world.feed.publish(
            {"type": "ephemeral_deleted", "channel": channel, "ts": ts}, [message["ephemeral_for"]]
        )

    def touch(self, message: Json) -> None:
        """Keeps and shows a message whose reactions were changed in place."""
        self._save(message)
        self._tell("message_changed", message)

    # Unread marks ----------------------------------------------------------------------------------------------------------------

    def last_read(self, channel: str, user_id: str) -> str:
        """The ts up to which a person has read; "0" when nothing."""
        return self._reads.get(f"{user_id}:{channel}", "0")

    def mark_read(self, channel: str, user_id: str, ts: str) -> None:
        """Moves the mark and tells the person's pages."""
        self._reads[f"{user_id}:{channel}"] = ts
        self._world.store.put("read", f"{user_id}:{channel}", ts)
        unread, mentions = self.unread(channel, user_id)
        event = {"type": "read", "channel": channel, "last_read": ts, "unread": unread, "mentions": mentions}
        self._world.feed.publish(event, [user_id])

    def unread(self, channel: str, user_id: str) -> tuple[int, int]:
        """(messages above the mark from others, those of them that mention the person; in a direct message all do)."""
        mark = self.last_read(channel, user_id)
        signs = [f"<@{user_id}", "<!here", "<!channel", "<!everyone"]
        signs += [f"<!subteam^{group}" for group in self._world.groups_of(user_id)]
        direct = self._world.channels[channel]["is_im"]
        room = self._by_channel.get(channel, {})
        stamps = list(room)
        unread = mentions = 0
        for ts in stamps[bisect_right(stamps, mark) :]:
            message = room[ts]
            if message["user"] == user_id or message.get("deleted"):
                continue
            unread += is_top_level(message)
            mentions += direct or any(sign in _all_text(message) for sign in signs)
        return unread, mentions

    # Inside ----------------------------------------------------------------------------------------------------------------------

    def _index(self, message: Json) -> None:
        self._by_channel.setdefault(message["channel"], {})[message["ts"]] = message
        thread = message.get("thread_ts")
        if thread is not None and thread != message["ts"]:
            self._replies.setdefault((message["channel"], thread), []).append(message["ts"])

    def _count_replies(self, parent: Json) -> None:
        channel, ts = parent["channel"], parent["ts"]
        replies = [self._by_channel[channel][reply] for reply in self._replies.get((channel, ts), [])]
        parent["reply_count"] = len(replies)
        parent["reply_users"] = list(dict.fromkeys(reply["user"] for reply in replies))
        parent["latest_reply"] = replies[-1]["ts"] if replies else None
        if replies:
            parent["thread_ts"] = ts
        else:
            parent.pop("thread_ts", None)
        self._save(parent)
        self._tell("message_changed", parent)

    def _save(self, message: Json) -> None:
        self._world.store.put("message", f"{message['channel']}:{message['ts']}", message)

    def _save_ephemeral(self, message: Json) -> None:
        self._ephemeral[message["channel"], message["ts"]] = message
        self._world.store.put("ephemeral", f"{message['channel']}:{message['ts']}", message)

    def _tell(self, kind: str, message: Json) -> None:
        audience = self._world.audience(self._world.channels[message["channel"]])
        self._world.feed.publish({"type": kind, "message": shown(message)}, audience)


def is_top_level(message: Json) -> bool:
    """Whether a message stands in the channel itself."""
    thread = message.get("thread_ts")
    return thread is None or thread == message["ts"] or bool(message.get("reply_broadcast"))


def shown(message: Json) -> Json:
    """A message as the client API has it; a copy."""
    found = {
        name: message[name]
        for name in (
            "ts",
            "channel",
            "user",
            "bot_id",
            "username",
            "icon_emoji",
            "text",
            "blocks",
            "attachments",
            "thread_ts",
            "reply_broadcast",
            "latest_reply",
            "edited",
            "metadata",
            "reactions",
            "deleted",
        )
        if message.get(name) is not None
    }
    found["reply_count"] = message.get("reply_count", 0)
    found["reply_users"] = list(message.get("reply_users", []))
    found["ephemeral"] = "ephemeral_for" in message
    return found


def new_client_msg_id() -> str:
    """What Slack's own clients send along with a person's message."""
    return str(uuid.uuid4())


def _set(message: Json, fields: dict[str, object]) -> None:
    for name, value in fields.items():
        if value is None:
            message.pop(name, None)
        elif value is not UNSET:
            message[name] = value


def _name_blocks(message: Json) -> None:
    name_blocks(message.get("blocks") or [])
    for at, attachment in enumerate(message.get("attachments") or [], start=1):
        attachment.setdefault("id", at)
        name_blocks(attachment.get("blocks") or [])


def name_blocks(blocks: list[Json]) -> None:
    """Gives every block without a block_id a new one, and every interactive element without an action_id likewise, in place."""
    for block in blocks:
        block.setdefault("block_id", new_block_id())
        elements = [block.get("element"), block.get("accessory")]
        if block["type"] in ("actions", "context_actions"):
            elements += block.get("elements", [])
        for element in elements:
            if isinstance(element, dict) and element.get("type") != "image":
                element.setdefault("action_id", new_block_id())


def _all_text(message: Json) -> str:
    found = [message["text"]]

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("text"), str):
                found.append(value["text"])
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(message.get("blocks") or [])
    return "\n".join(found)
