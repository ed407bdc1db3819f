"""Answers that the app gives outside the Web API: the payload of a command's acknowledgement, and posts to a response_url."""

from __future__ import annotations

from typing import Any

from bot.workspace.errors import Json, SlackError
from bot.workspace.web_api import Args
from bot.workspace.web_chat import POST_CHARACTERS, Content, changes, content, remove, rewrite, say, whisper
from bot.workspace.workspace import Workspace


def use_response_url(ws: Workspace, token: str, body: Any) -> None:
    """One post to a response_url. Raises SlackError; a refused body costs no use."""
    kept = ws.responses.check(token)
    if not isinstance(body, dict):
        raise SlackError("invalid_payload")
    answer(ws, kept["user"], ws.world.channels[kept["channel"]], body, kept["source"], kept["thread_ts"])
    ws.responses.spend(token)


def answer(
    ws: Workspace, user_id: str, room: Json, body: Json, source: Json | None, thread_ts: str | None
) -> None:
    """Posts, replaces or deletes, as the body says. Raises SlackError."""
    args = Args(body)
    if args.flag("delete_original"):
        _delete(ws, source)
        return
    said = content(args, POST_CHARACTERS)
    if said.empty:
        raise SlackError("no_text")
    if args.flag("replace_original") and source is not None:
        _replace(ws, source, said)
        return
    kind = args.text("response_type") or "ephemeral"
    if kind not in ("ephemeral", "in_channel"):
        raise SlackError("invalid_response_type")
    thread = args.text("thread_ts") or thread_ts
    if room["is_archived"]:
        raise SlackError("is_archived")
    if kind == "in_channel":
        say(ws, room, said, thread)
    else:
        whisper(ws, room, user_id, said, thread)


def _replace(ws: Workspace, source: Json, said: Content) -> None:
    if source["ephemeral"]:
        message = ws.messages.ephemeral(source["channel"], source["ts"])
        if message is None:
            raise SlackError("message_not_found")
        ws.messages.change_ephemeral(message, **changes(said))
        return
    message = ws.messages.get(source["channel"], source["ts"])
    if message is None or message.get("deleted"):
        raise SlackError("message_not_found")
    rewrite(ws, ws.world.channels[source["channel"]], message, said)


def _delete(ws: Workspace, source: Json | None) -> None:
    if source is None:
        raise SlackError("message_not_found")
    found = (ws.messages.ephemeral if source["ephemeral"] else ws.messages.get)(
        source["channel"], source["ts"]
    )
    if found is None:
        raise SlackError("message_not_found")
    if source["ephemeral"]:
        ws.messages.delete_ephemeral(found)
    else:
        remove(ws, ws.world.channels[source["channel"]], found)
