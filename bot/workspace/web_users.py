"""auth, apps, users, usergroups, team and bots: who is who, and the way in for Socket Mode."""

from __future__ import annotations

import secrets

from bot.workspace.errors import Json, SlackError
from bot.workspace.payloads import bot_object, channel_object, user_object
from bot.workspace.web_api import Args, Method
from bot.workspace.web_conversations import READ, kind, paged, seen, types
from bot.workspace.workspace import Workspace


def auth_test(ws: Workspace, args: Args) -> Json:
    """auth.test."""
    return {
        "url": f"{ws.base_url}/",
        "team": ws.world.team.name,
        "user": ws.world.app.handle,
        "team_id": ws.world.team.id,
        "user_id": ws.world.app.bot_user_id,
        "bot_id": ws.world.app.bot_id,
        "is_enterprise_install": False,
    }


def connections_open(ws: Workspace, args: Args) -> Json:
    """apps.connections.open: a WebSocket address that is good for one connection."""
    if ws.http is not None:
        raise SlackError("socket_mode_not_enabled")
    ticket = secrets.token_urlsafe(24)
    ws.tickets.add(ticket)
    origin = ws.base_url.replace("http://", "ws://", 1)
    return {"url": f"{origin}/socket?ticket={ticket}&app_id={ws.world.app.id}"}


def users_info(ws: Workspace, args: Args) -> Json:
    """users.info."""
    user = ws.world.users.get(args.need("user"))
    if user is None:
        raise SlackError("user_not_found")
    return {"user": user_object(ws.world, user)}


def users_by_email(ws: Workspace, args: Args) -> Json:
    """users.lookupByEmail: active people only."""
    wanted = args.need("email").lower()
    for user in ws.world.people():
        if user["email"].lower() == wanted and not user["deleted"]:
            return {"user": user_object(ws.world, user)}
    raise SlackError("users_not_found")


def users_list(ws: Workspace, args: Args) -> Json:
    """users.list, deactivated people and bots included."""
    page, meta = paged([user_object(ws.world, user) for user in ws.world.users.values()], args, 1000, 1000)
    return {"members": page, "cache_ts": int(ws.clock.now()), "response_metadata": meta}


def users_conversations(ws: Workspace, args: Args) -> Json:
    """users.conversations: the channels that somebody (the app itself by default) is in, as far as the app sees them."""
    wanted = types(args)
    user = args.text("user") or ws.world.app.bot_user_id
    if user not in ws.world.users:
        raise SlackError("user_not_found")
    skip_archived = args.flag("exclude_archived")
    found = [
        channel_object(ws.world, room)
        for room in ws.world.channels.values()
        if user in room["members"]
        and kind(room) in wanted
        and seen(ws, room)
        and not (skip_archived and room["is_archived"])
    ]
    page, meta = paged(found, args, 100, 999)
    return {"channels": page, "response_metadata": meta}


def usergroups_list(ws: Workspace, args: Args) -> Json:
    """usergroups.list."""
    groups = []
    for group in ws.world.seed.groups:
        members = ws.world.group_members(group.id)
        found: Json = {
            "id": group.id,
            "team_id": ws.world.team.id,
            "is_usergroup": True,
            "name": group.name or group.handle,
            "description": "",
            "handle": group.handle,
            "is_external": False,
            "date_create": 0,
            "date_update": 0,
            "date_delete": 0,
            "auto_type": None,
            "deleted_by": None,
            "prefs": {"channels": [], "groups": []},
        }
        if args.flag("include_count"):
            found["user_count"] = len(members)
        if args.flag("include_users"):
            found["users"] = members
        groups.append(found)
    return {"usergroups": groups}


def usergroups_users(ws: Workspace, args: Args) -> Json:
    """usergroups.users.list."""
    wanted = args.need("usergroup")
    if wanted not in {group.id for group in ws.world.seed.groups}:
        raise SlackError("no_such_subteam")
    return {"users": ws.world.group_members(wanted)}


def team_info(ws: Workspace, args: Args) -> Json:
    """team.info."""
    team = ws.world.team
    return {"team": {"id": team.id, "name": team.name, "domain": team.domain, "email_domain": "", "icon": {}}}


def bots_info(ws: Workspace, args: Args) -> Json:
    """bots.info."""
    wanted = args.text("bot")
    if wanted not in (None, ws.world.app.bot_id):
        raise SlackError("bot_not_found")
    return {"bot": bot_object(ws.world)}


METHODS = {
    "auth.test": Method(auth_test, tier=4),
    "apps.connections.open": Method(connections_open, tier=1, app_token=True),
    "users.info": Method(users_info, ("users:read",), tier=4),
    "users.lookupByEmail": Method(users_by_email, ("users:read.email",)),
    "users.list": Method(users_list, ("users:read",), tier=2),
    "users.conversations": Method(users_conversations, READ),
    "usergroups.list": Method(usergroups_list, ("usergroups:read",), tier=2),
    "usergroups.users.list": Method(usergroups_users, ("usergroups:read",), tier=2),
    "team.info": Method(team_info, ("team:read",)),
    "bots.info": Method(bots_info, ("users:read",)),
}
