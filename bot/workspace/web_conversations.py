"""conversations.*: channels, their history and members, as the app may see them."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from bot.workspace.errors import Json, SlackError
from bot.workspace.payloads import channel_object, message_object
from bot.workspace.web_api import Args, Method
from bot.workspace.workspace import Workspace

READ = ("channels:read", "groups:read", "im:read", "mpim:read")
HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
_TS = re.compile(r"\d{1,12}(\.\d{1,6})?")
TYPES = ("public_channel", "private_channel", "im", "mpim")


def list_conversations(ws: Workspace, args: Args) -> Json:
    """conversations.list."""
    wanted = types(args)
    skip_archived = args.flag("exclude_archived")
    found = [
        channel_object(ws.world, room, with_members=True)
        for room in ws.world.channels.values()
        if kind(room) in wanted and seen(ws, room) and not (skip_archived and room["is_archived"])
    ]
    page, meta = paged(found, args, 100, 1000)
    return {"channels": page, "response_metadata": meta}


def info(ws: Workspace, args: Args) -> Json:
    """conversations.info."""
    room = readable(ws, args.need("channel"))
    return {"channel": channel_object(ws.world, room, args.flag("include_num_members"))}


def history(ws: Workspace, args: Args) -> Json:
    """conversations.history: newest first, without thread replies."""
    room = readable(ws, args.need("channel"), member=True)
    found = _between(ws.messages.top_level(room["id"]), args)
    found.reverse()
    page, meta = paged(found, args, 100, 999)
    metadata = args.flag("include_all_metadata")
    return {
        "messages": [message_object(ws.world, message, metadata) for message in page],
        "has_more": bool(meta["next_cursor"]),
        "pin_count": 0,
        "channel_actions_ts": None,
        "channel_actions_count": 0,
        "response_metadata": meta,
    }


def replies(ws: Workspace, args: Args) -> Json:
    """conversations.replies: the parent first, then its replies, oldest first."""
    room = readable(ws, args.need("channel"), member=True)
    ts = args.need("ts")
    message = ws.messages.get(room["id"], ts)
    if message is None:
        raise SlackError("thread_not_found")
    thread = ws.messages.thread(room["id"], message.get("thread_ts") or ts)
    parent, answers = thread[0], _between(thread[1:], args)
    page, meta = paged(answers, args, 1000, 1000)
    metadata = args.flag("include_all_metadata")
    return {
        "messages": [message_object(ws.world, one, metadata) for one in (parent, *page)],
        "has_more": bool(meta["next_cursor"]),
        "response_metadata": meta,
    }


def members(ws: Workspace, args: Args) -> Json:
    """conversations.members."""
    room = readable(ws, args.need("channel"))
    page, meta = paged(list(room["members"]), args, 100, 1000)
    return {"members": page, "response_metadata": meta}


def open_conversation(ws: Workspace, args: Args) -> Json:
    """conversations.open: the direct message with one person."""
    if args.text("channel"):
        room = readable(ws, args.need("channel"))
    else:
        wanted = [name for name in args.need("users").split(",") if name]
        if len(wanted) > 1:
            # A group message would need rooms that this workspace's page has no place for.
            raise SlackError("not_supported", ["only one user: this workspace has no group direct messages"])
        user = ws.world.users.get(wanted[0]) if wanted else None
        if user is None:
            raise SlackError("user_not_found")
        if user["is_bot"]:
            raise SlackError("cannot_dm_bot")
        if user["deleted"]:
            raise SlackError("user_disabled")
        room = ws.world.im_with(user["id"])
    if args.flag("return_im"):
        return {"no_op": True, "already_open": True, "channel": channel_object(ws.world, room)}
    return {"no_op": True, "already_open": True, "channel": {"id": room["id"]}}


def join(ws: Workspace, args: Args) -> Json:
    """conversations.join: public channels only."""
    room = readable(ws, args.need("channel"))
    if room["is_im"] or room["is_private"]:
        raise SlackError("method_not_supported_for_channel_type")
    if room["is_archived"]:
        raise SlackError("is_archived")
    bot = ws.world.app.bot_user_id
    if bot in room["members"]:
        return {"channel": channel_object(ws.world, room), "warning": "already_in_channel"}
    room["members"].append(bot)
    ws.world.save_channel(room)
    ws.events.joined(room, bot)
    return {"channel": channel_object(ws.world, room)}


def leave(ws: Workspace, args: Args) -> Json:
    """conversations.leave."""
    room = readable(ws, args.need("channel"))
    bot = ws.world.app.bot_user_id
    if bot not in room["members"]:
        return {"not_in_channel": True}
    room["members"].remove(bot)
    ws.world.save_channel(room)
    ws.events.left(room, bot)
    return {}


def readable(ws: Workspace, wanted: str, member: bool = False) -> Json:
    """A channel by id that the app may see, and with `member` one that it is in. Raises SlackError."""
    room = ws.world.channels.get(wanted)
    if room is None or not seen(ws, room):
        raise SlackError("channel_not_found")
    if member and ws.world.app.bot_user_id not in room["members"]:
        raise SlackError("not_in_channel")
    return room


def paged(found: list[Any], args: Args, default: int, most: int) -> tuple[list[Any], Json]:
    """(one page, response_metadata with next_cursor, which is "" on the last page). Raises SlackError `invalid_cursor`."""
    limit = args.number("limit", default, most)
    start = 0
    cursor = args.text("cursor")
    if cursor:
        try:
            start = int(base64.b64decode(cursor, validate=True).decode().removeprefix("at:"))
        except (ValueError, binascii.Error):
            raise SlackError("invalid_cursor") from None
    more = start + limit < len(found)
    token = base64.b64encode(f"at:{start + limit}".encode()).decode() if more else ""
    return found[start : start + limit], {"next_cursor": token}


def _between(found: list[Json], args: Args) -> list[Json]:
    oldest, latest = args.text("oldest") or "0", args.text("latest") or ""
    for name, value in (("oldest", oldest), ("latest", latest)):
        if value and not _TS.fullmatch(value):
            raise SlackError(f"invalid_ts_{name}")
    low, high = float(oldest), float(latest) if latest and float(latest) > 0 else float("inf")
    if args.flag("inclusive"):
        return [message for message in found if low <= float(message["ts"]) <= high]
    return [message for message in found if low < float(message["ts"]) < high]


def types(args: Args) -> set[str]:
    """The kinds of conversation that a call asks for. Raises SlackError `invalid_types`."""
    wanted = {name.strip() for name in (args.text("types") or "public_channel").split(",")}
    if not wanted <= set(TYPES):
        raise SlackError("invalid_types")
    return wanted


def kind(room: Json) -> str:
    """What Slack calls this kind of conversation."""
    if room["is_im"]:
        return "im"
    return "private_channel" if room["is_private"] else "public_channel"


def seen(ws: Workspace, room: Json) -> bool:
    """Whether the app may know of the channel."""
    return not room["is_private"] or ws.world.app.bot_user_id in room["members"]


METHODS = {
    "conversations.list": Method(list_conversations, READ, tier=2),
    "conversations.info": Method(info, READ),
    "conversations.history": Method(history, HISTORY),
    "conversations.replies": Method(replies, HISTORY),
    "conversations.members": Method(members, READ, tier=4),
    "conversations.open": Method(
        open_conversation, ("im:write", "mpim:write", "channels:manage", "groups:write")
    ),
    "conversations.join": Method(join, ("channels:join",)),
    "conversations.leave": Method(leave, ("channels:manage", "channels:join", "groups:write")),
}
