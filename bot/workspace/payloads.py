"""The shapes that Slack documents: objects of the Web API and payloads of events, commands and interactions. Pure functions of the world.

No state is changed here, and nothing is sent.
"""

from __future__ import annotations

import re
from typing import Any

from bot.workspace.errors import Json
from bot.workspace.world import World

_TOKEN = re.compile(r"<([^<>]+)>")


def user_object(world: World, user: Json) -> Json:
    """A user as `users.info` has it. A guest is `is_restricted`; what a deactivated person was is left out, as in Slack."""
    found: Json = {
        "id": user["id"],
        "team_id": user["team_id"],
        "name": user["name"],
        "deleted": user["deleted"],
        "color": user["color"].removeprefix("#"),
        "profile": {
            "title": user["title"],
            "real_name": user["real_name"],
            "real_name_normalized": user["real_name"],
            "display_name": user["name"],
            "display_name_normalized": user["name"],
            "team": user["team_id"],
            "avatar_hash": "",
            "image_48": "",
        },
        "is_bot": user["is_bot"],
        "is_app_user": False,
        "updated": user["updated"],
        "who_can_share_contact_card": "EVERYONE",
        "is_email_confirmed": True,
    }
    if "users:read.email" in world.app.scopes and user["email"]:
        found["profile"]["email"] = user["email"]
    if user["id"] == world.app.bot_user_id:
        found["profile"].update(bot_id=world.app.bot_id, api_app_id=world.app.id)
    if user["team_id"] != world.team.id:
        found["is_stranger"] = True
    if user["deleted"]:
        return found
    found.update(
        real_name=user["real_name"],
        tz=user["tz"],
        tz_label=user["tz"],
        tz_offset=0,
        is_admin=user["is_admin"],
        is_owner=False,
        is_primary_owner=False,
        is_restricted=user["is_guest"],
        is_ultra_restricted=False,
    )
    return found


def channel_object(world: World, room: Json, with_members: bool = False) -> Json:
    """A conversation as `conversations.info` has it, from the app's point of view."""
    if room["is_im"]:
        return {
            "id": room["id"],
            "created": room["created"],
            "is_im": True,
            "is_org_shared": False,
            "is_archived": False,
            "user": room["im_user"],
            "is_user_deleted": world.users[room["im_user"]]["deleted"],
            "context_team_id": world.team.id,
        }
    found = {
        "id": room["id"],
        "name": room["name"],
        "name_normalized": room["name"],
        "is_channel": not room["is_private"],
        "is_group": room["is_private"],
        "is_im": False,
        "is_mpim": False,
        "is_private": room["is_private"],
        "created": room["created"],
        "is_archived": room["is_archived"],
        "is_general": False,
        "is_shared": False,
        "is_ext_shared": False,
        "is_org_shared": False,
        "context_team_id": world.team.id,
        "creator": next(iter(world.users)),
        "is_member": world.app.bot_user_id in room["members"],
        "topic": {"value": room["topic"], "creator": "", "last_set": 0},
        "purpose": {"value": room["purpose"], "creator": "", "last_set": 0},
        "previous_names": [],
    }
    if with_members:
        found["num_members"] = len(room["members"])
    return found


def message_object(world: World, message: Json, metadata: bool = False) -> Json:
    """A message as `conversations.history` and payloads have it; metadata only where it was asked for."""
    found: Json = {"type": "message"}
    for name in (
        "subtype",
        "user",
        "bot_id",
        "app_id",
        "username",
        "client_msg_id",
        "text",
        "ts",
        "thread_ts",
        "attachments",
        "edited",
        "reactions",
    ):
        if message.get(name) is not None:
            found[name] = message[name]
    author_team = world.users[message["user"]]["team_id"]
    found["team"] = author_team
    if author_team != world.team.id:
        found.update(user_team=author_team, source_team=author_team)
    if message.get("reply_broadcast"):
        found["subtype"] = "thread_broadcast"
    if message.get("bot_id"):
        found["bot_profile"] = bot_object(world)
    if message.get("blocks"):
        found["blocks"] = message["blocks"]
    elif message.get("client_msg_id"):
        found["blocks"] = [rich_text(message["text"], message["ts"])]
    if message.get("reply_count"):
        found.update(
            reply_count=message["reply_count"],
            reply_users_count=len(message["reply_users"]),
            latest_reply=message["latest_reply"],
            reply_users=message["reply_users"],
            is_locked=False,
            subscribed=world.app.bot_user_id in message["reply_users"],
        )
    elif message.get("parent_user_id"):
        found["parent_user_id"] = message["parent_user_id"]
    if metadata and message.get("metadata"):
        found["metadata"] = message["metadata"]
    return found


def bot_object(world: World) -> Json:
    """The app's bot as `bots.info` and `bot_profile` have it."""
    return {
        "id": world.app.bot_id,
        "app_id": world.app.id,
        "user_id": world.app.bot_user_id,
        "name": world.app.name,
        "icons": {"image_36": "", "image_48": "", "image_72": ""},
        "deleted": False,
        "updated": 0,
        "team_id": world.team.id,
    }


def rich_text(text: str, block_id: str) -> Json:
    """A person's message as the rich_text block that Slack's composer makes of it."""
    parts: list[Json] = []
    at = 0
    for found in _TOKEN.finditer(text):
        _add_text(parts, text[at : found.start()])
        parts.append(_rich_token(found.group(1)))
        at = found.end()
    _add_text(parts, text[at:])
    section = {"type": "rich_text_section", "elements": parts}
    return {"type": "rich_text", "block_id": block_id.replace(".", "")[-8:], "elements": [section]}


def event_callback(world: World, event: Json, event_id: str) -> Json:
    """The outer payload of an event."""
    return {
        "token": world.secrets.verification_token,
        "team_id": world.team.id,
        "context_team_id": world.team.id,
        "context_enterprise_id": None,
        "api_app_id": world.app.id,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(world.clock.now()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": world.team.id,
                "user_id": world.app.bot_user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{event_id}",
    }


def command_payload(
    world: World, user: Json, room: Json, command: str, text: str, trigger: str, response_url: str
) -> Json:
    """A slash command; every value is a string, as in the form that Slack posts."""
    return {
        "token": world.secrets.verification_token,
        "team_id": user["team_id"],
        "team_domain": world.team.domain,
        "channel_id": room["id"],
        "channel_name": channel_name(room),
        "user_id": user["id"],
        "user_name": user["name"],
        "command": command,
        "text": text,
        "api_app_id": world.app.id,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger,
    }


def interaction(world: World, kind: str, user: Json, trigger: str, **fields: Any) -> Json:
    """The part that every interactive payload has, with `fields` added."""
    return {
        "type": kind,
        "user": {
            "id": user["id"],
            "username": user["name"],
            "name": user["name"],
            "team_id": user["team_id"],
        },
        "api_app_id": world.app.id,
        "token": world.secrets.verification_token,
        "team": {"id": world.team.id, "domain": world.team.domain},
        "enterprise": None,
        "is_enterprise_install": False,
        "trigger_id": trigger,
        **fields,
    }


def channel_name(room: Json) -> str:
    """The name that payloads carry: a private channel and a direct message have generic ones."""
    if room["is_im"]:
        return "directmessage"
    return "privategroup" if room["is_private"] else str(room["name"])


def view_object(world: World, view: Json) -> Json:
    """A view as views.* answers and payloads have it; never whose it is."""
    found = {name: value for name, value in view.items() if name not in ("user", "opened")}
    found.update(
        team_id=world.team.id,
        app_id=world.app.id,
        app_installed_team_id=world.team.id,
        bot_id=world.app.bot_id,
    )
    return found


def _add_text(parts: list[Json], text: str) -> None:
    if text:
        plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        parts.append({"type": "text", "text": plain})


def _rich_token(body: str) -> Json:
    head, _, label = body.partition("|")
    if head.startswith("@"):
        return {"type": "user", "user_id": head[1:]}
    if head.startswith("#"):
        return {"type": "channel", "channel_id": head[1:]}
    if head.startswith("!subteam^"):
        return {"type": "usergroup", "usergroup_id": head.removeprefix("!subteam^")}
    if head.startswith("!"):
        return {"type": "broadcast", "range": head[1:]}
    link: Json = {"type": "link", "url": head.replace("&amp;", "&")}
    if label:
        link["text"] = label
    return link
