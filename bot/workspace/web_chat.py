"""chat.* and reactions.*: what the app says, with Slack's own checks of who may say what where."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from bot.workspace.blockkit import MESSAGE_CHARACTERS, characters, check_blocks
from bot.workspace.errors import Json, SlackError
from bot.workspace.messages import UNSET
from bot.workspace.payloads import message_object
from bot.workspace.web_api import Args, Method
from bot.workspace.workspace import Workspace

POST_CHARACTERS = 40_000
UPDATE_CHARACTERS = 4_000
NO_FALLBACK = "This content can't be displayed."


@dataclass(frozen=True)
class Content:
    """What a message is to say, checked. `text` is None where none was given."""

    text: str | None
    blocks: list[Json] | None
    attachments: list[Json] | None
    metadata: Json | None

    @property
    def empty(self) -> bool:
        """Nothing to show."""
        return not self.text and not self.blocks and not self.attachments


def content(args: Args, most: int) -> Content:
    """Reads and checks text, blocks, attachments and metadata. Raises SlackError with Slack's names."""
    text = args.text("text")
    if text is not None and len(text) > most:
        raise SlackError("msg_too_long")
    blocks = args.structured("blocks", "invalid_blocks_format")
    if blocks is not None:
        if not isinstance(blocks, list):
            raise SlackError("invalid_blocks_format")
        refuse_blocks(blocks)
    attachments = args.structured("attachments", "invalid_attachments")
    if attachments is not None:
        _check_attachments(attachments)
    return Content(text, blocks, attachments, _metadata(args))


def refuse_blocks(blocks: Any, root: str = "/blocks") -> None:
    """Raises SlackError `invalid_blocks` or `msg_blocks_too_long`."""
    errors = check_blocks(blocks, root)
    if errors:
        raise SlackError("invalid_blocks", errors, errors=errors)
    if characters(blocks) > MESSAGE_CHARACTERS:
        raise SlackError("msg_blocks_too_long")


def post_message(ws: Workspace, args: Args) -> Json:
    """chat.postMessage."""
    room = writable(ws, args.need("channel"))
    said = content(args, POST_CHARACTERS)
    if said.empty:
        raise SlackError("no_text")
    thread_ts = args.text("thread_ts")
    if thread_ts:
        parent = ws.messages.get(room["id"], thread_ts)
        if parent is None:
            raise SlackError("thread_not_found")
        thread_ts = parent.get("thread_ts") or thread_ts
    styled = any(name in args for name in ("username", "icon_emoji", "icon_url"))
    if styled and "chat:write.customize" not in ws.world.app.scopes:
        raise SlackError(
            "missing_scope", needed="chat:write.customize", provided=",".join(ws.world.app.scopes)
        )
    message = say(
        ws,
        room,
        said,
        thread_ts or None,
        args.flag("reply_broadcast"),
        args.text("username"),
        args.text("icon_emoji"),
    )
    return {"channel": room["id"], "ts": message["ts"], "message": message_object(ws.world, message)}


def say(
    ws: Workspace,
    room: Json,
    said: Content,
    thread_ts: str | None = None,
    broadcast: bool = False,
    username: str | None = None,
    icon_emoji: str | None = None,
) -> Json:
    """Posts as the app and tells the Events API."""
    message = ws.messages.post(
        room["id"],
        ws.world.app.bot_user_id,
        said.text or NO_FALLBACK,
        blocks=said.blocks or None,
        attachments=said.attachments or None,
        metadata=said.metadata,
        thread_ts=thread_ts,
        reply_broadcast=broadcast or None,
        username=username,
        icon_emoji=icon_emoji,
        bot_id=ws.world.app.bot_id,
        app_id=ws.world.app.id,
    )
    ws.events.posted(room, message)
    return message


def update(ws: Workspace, args: Args) -> Json:
    """chat.update: blocks stay only where no new text is given; metadata stays unless it is given."""
    room = _by_id(ws, args.need("channel"))
    message = _own(ws, room, args.need("ts"), "cant_update_message")
    if room["is_archived"]:
        raise SlackError("is_archived")
    if ws.world.app.bot_user_id not in room["members"]:
        raise SlackError("not_in_channel")
    if ws.edit_window is not None and ws.clock.now() - float(message["ts"]) > ws.edit_window:
        raise SlackError("edit_window_closed")
    said = content(args, UPDATE_CHARACTERS)
    if said.text is None and said.blocks is None and said.attachments is None:
        raise SlackError("no_text")
    rewrite(ws, room, message, said)
    return {
        "channel": room["id"],
        "ts": message["ts"],
        "text": message["text"],
        "message": message_object(ws.world, message),
    }


def rewrite(ws: Workspace, room: Json, message: Json, said: Content) -> None:
    """Changes a message of the app's and tells the Events API."""
    before = copy.deepcopy(message)
    fields = changes(said)
    # Slack marks a message as edited only when its text alone was changed.
    edited = said.text is not None and not said.blocks and said.text != before["text"]
    ws.messages.change(message, edited, **fields)
    ws.events.changed(room, message, before)


def changes(said: Content) -> dict[str, object]:
    """The fields that an update sets; None takes one away."""
    fields: dict[str, object] = {}
    if said.text is not None:
        fields["text"] = said.text or NO_FALLBACK
    if said.blocks is not None or said.text is not None:
        fields["blocks"] = said.blocks or None
    fields["attachments"] = UNSET if said.attachments is None else (said.attachments or None)
    fields["metadata"] = UNSET if said.metadata is None else (said.metadata or None)
    return fields


def delete(ws: Workspace, args: Args) -> Json:
    """chat.delete."""
    room = _by_id(ws, args.need("channel"))
    message = _own(ws, room, args.need("ts"), "cant_delete_message")
    remove(ws, room, message)
    return {"channel": room["id"], "ts": message["ts"]}


def remove(ws: Workspace, room: Json, message: Json) -> None:
    """Deletes a message and tells the Events API."""
    before = copy.deepcopy(message)
    ws.messages.delete(message)
    ws.events.deleted(room, before)


def post_ephemeral(ws: Workspace, args: Args) -> Json:
    """chat.postEphemeral: the reader must be in the channel."""
    room = writable(ws, args.need("channel"))
    user = ws.world.users.get(args.need("user"))
    if user is None or user["deleted"]:
        raise SlackError("user_not_found")
    if user["id"] not in room["members"]:
        raise SlackError("user_not_in_channel")
    said = content(args, POST_CHARACTERS)
    if said.empty:
        raise SlackError("no_text")
    message = whisper(ws, room, user["id"], said, args.text("thread_ts"))
    return {"message_ts": message["ts"]}


def whisper(ws: Workspace, room: Json, reader: str, said: Content, thread_ts: str | None) -> Json:
    """Shows something to one person, as the app."""
    return ws.messages.whisper(
        room["id"],
        reader,
        ws.world.app.bot_user_id,
        said.text or NO_FALLBACK,
        blocks=said.blocks or None,
        attachments=said.attachments or None,
        thread_ts=thread_ts or None,
        bot_id=ws.world.app.bot_id,
        app_id=ws.world.app.id,
    )


def permalink(ws: Workspace, args: Args) -> Json:
    """chat.getPermalink: an address that opens the message in this workspace's page."""
    room = _by_id(ws, args.need("channel"))
    ts = args.need("message_ts")
    message = ws.messages.get(room["id"], ts)
    if message is None:
        raise SlackError("message_not_found")
    link = f"{ws.base_url}/archives/{room['id']}/p{ts.replace('.', '')}"
    thread = message.get("thread_ts")
    if thread and thread != ts:
        link += f"?thread_ts={thread}&cid={room['id']}"
    return {"channel": room["id"], "permalink": link}


def react(add: bool) -> Any:
    """reactions.add and reactions.remove."""

    def run(ws: Workspace, args: Args) -> Json:
        room = _by_id(ws, args.need("channel"))
        name = args.need("name").strip(":")
        message = ws.messages.get(room["id"], args.need("timestamp"))
        if message is None:
            raise SlackError("message_not_found")
        set_reaction(ws, room, message, ws.world.app.bot_user_id, name, add)
        return {}

    return run


def set_reaction(ws: Workspace, room: Json, message: Json, user_id: str, name: str, add: bool) -> None:
    """Adds or takes away one person's reaction. Raises SlackError."""
    reactions = copy.deepcopy(message.get("reactions", []))
    found = next((reaction for reaction in reactions if reaction["name"] == name), None)
    there = found is not None and user_id in found["users"]
    if add == there:
        raise SlackError("already_reacted" if add else "no_reaction")
    if add:
        if found is None:
            found = {"name": name, "users": [], "count": 0}
            reactions.append(found)
        found["users"].append(user_id)
    elif found is not None:
        found["users"].remove(user_id)
    for reaction in reactions:
        reaction["count"] = len(reaction["users"])
    message["reactions"] = [reaction for reaction in reactions if reaction["count"]]
    ws.messages.touch(message)
    ws.events.reacted("reaction_added" if add else "reaction_removed", room, message, user_id, name)


def writable(ws: Workspace, wanted: str) -> Json:
    """The channel that the app may post in, by id, name, or a person's id for their direct message. Raises SlackError."""
    if wanted in ws.world.users:
        user = ws.world.users[wanted]
        if user["is_bot"]:
            raise SlackError("cannot_dm_bot")
        if user["deleted"]:
            raise SlackError("user_disabled")
        return ws.world.im_with(wanted)
    room = ws.world.channel(wanted)
    member = room is not None and ws.world.app.bot_user_id in room["members"]
    if room is None or (room["is_private"] and not member):
        raise SlackError("channel_not_found")
    if room["is_archived"]:
        raise SlackError("is_archived")
    if not member and "chat:write.public" not in ws.world.app.scopes:
        raise SlackError("not_in_channel")
    return room


def _by_id(ws: Workspace, wanted: str) -> Json:
    room = ws.world.channels.get(wanted)
    if room is None or (room["is_private"] and ws.world.app.bot_user_id not in room["members"]):
        raise SlackError("channel_not_found")
    return room


def _own(ws: Workspace, room: Json, ts: str, refusal: str) -> Json:
    message = ws.messages.get(room["id"], ts)
    if message is None or message.get("deleted"):
        # Ephemeral messages are not to be found either: only their response_url can change them.
        raise SlackError("message_not_found")
    if message.get("app_id") != ws.world.app.id:
        raise SlackError(refusal)
    return message


def _check_attachments(attachments: Any) -> None:
    if not isinstance(attachments, list) or not all(isinstance(one, dict) for one in attachments):
        raise SlackError("invalid_attachments")
    if len(attachments) > 100:
        raise SlackError("too_many_attachments")
    for number, attachment in enumerate(attachments):
        if "blocks" in attachment:
            refuse_blocks(attachment["blocks"], f"/attachments/{number}/blocks")


def _metadata(args: Args) -> Json | None:
    given = args.structured("metadata", "invalid_metadata_format")
    if given is None or given == {}:
        return given  # type: ignore[no-any-return]
    good = (
        isinstance(given, dict)
        and set(given) <= {"event_type", "event_payload", "entities"}
        and isinstance(given.get("event_type"), str)
        and isinstance(given.get("event_payload"), dict)
    )
    if not good:
        raise SlackError(
            "invalid_metadata_schema", ["metadata needs event_type (a string) and event_payload (an object)"]
        )
    return given  # type: ignore[no-any-return]


METHODS = {
    "chat.postMessage": Method(post_message, ("chat:write",), tier=0),
    "chat.update": Method(update, ("chat:write",)),
    "chat.delete": Method(delete, ("chat:write",)),
    "chat.postEphemeral": Method(post_ephemeral, ("chat:write",), tier=4),
    "chat.getPermalink": Method(permalink, (), tier=4),
    "reactions.add": Method(react(True), ("reactions:write",)),
    "reactions.remove": Method(react(False), ("reactions:write",), tier=2),
}
