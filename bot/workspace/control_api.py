"""Test controls (docs/workspace.md): rate limits, outages, redelivery, people and channels from behind, the clock, and the logs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.workspace.client_api import channel_shown, json_body, user_shown
from bot.workspace.errors import ClientError, Json
from bot.workspace.workspace import Workspace

Handler = Callable[[Workspace, Json], Awaitable[Json]]


def routes(ws: Workspace) -> list[Route]:
    """Everything below `/control`."""
    posts: dict[str, Handler] = {
        "rate_limit": rate_limit,
        "outage": outage,
        "redeliver": redeliver,
        "disconnect": disconnect,
        "user": user,
        "channel": channel,
        "clock": clock,
        "edit_window": edit_window,
        "verify_url": verify_url,
    }
    found = [
        Route(f"/control/{name}", _post(ws, handler), methods=["POST"]) for name, handler in posts.items()
    ]
    found.append(Route("/control/log", _get(ws, lambda: {"calls": list(ws.api_log)}), methods=["GET"]))
    found.append(
        Route("/control/envelopes", _get(ws, lambda: {"envelopes": list(ws.gateway.log)}), methods=["GET"])
    )
    found.append(Route("/control/health", _get(ws, lambda: health(ws)), methods=["GET"]))
    return found


def health(ws: Workspace) -> Json:
    """Whether it is up, and how many sockets the app holds."""
    return {"ok": True, "connections": len(ws.hub.connections), "outage": ws.outage, "seq": ws.feed.seq}


async def rate_limit(ws: Workspace, given: Json) -> Json:
    """`{method, times, retry_after}`: the next calls get 429; method `*` is any."""
    ws.limits.refuse(_text(given, "method"), int(given.get("times", 1)), int(given.get("retry_after", 1)))
    return {}


async def outage(ws: Workspace, given: Json) -> Json:
    """`{on}`: the Web API answers 503, sockets are cut and refused, until it is off."""
    ws.outage = bool(given.get("on", True))
    if ws.outage:
        await ws.hub.cut()
    return {"on": ws.outage}


async def redeliver(ws: Workspace, given: Json) -> Json:
    """`{envelope_id}` or `{event_id}` or `{}` for the newest: sends an event again."""
    return ws.gateway.redeliver(given.get("envelope_id") or given.get("event_id"))


async def disconnect(ws: Workspace, given: Json) -> Json:
    """Asks the sockets to reconnect; with `cut` closes them without a word."""
    if given.get("cut"):
        count = len(ws.hub.connections)
        await ws.hub.cut()
        return {"asked": count}
    return {"asked": await ws.hub.disconnect(str(given.get("reason") or "refresh_requested"))}


async def user(ws: Workspace, given: Json) -> Json:
    """`{name, deleted?, is_guest?, is_admin?, title?, real_name?}`: changes somebody, and the app hears user_change."""
    found = ws.world.user_by_name(_text(given, "name"))
    if found is None or found["is_bot"]:
        raise ClientError("unknown_user", f"there is nobody called {given.get('name')!r}", 404)
    for name in ("deleted", "is_guest", "is_admin", "title", "real_name", "team_id"):
        if name in given:
            found[name] = given[name]
    ws.world.save_user(found)
    ws.events.user_changed(found)
    return {"user": user_shown(found)}


async def channel(ws: Workspace, given: Json) -> Json:
    """`{name, archived?, kick?, invite?, topic?}`: `kick` and `invite` name a person or the app's handle."""
    room = ws.world.channel(_text(given, "name"))
    if room is None:
        raise ClientError("channel_not_found", f"there is no channel {given.get('name')!r}", 404)
    someone = ws.world.people()[0]["id"]
    if "topic" in given:
        room["topic"] = str(given["topic"])
    if "archived" in given and bool(given["archived"]) != room["is_archived"]:
        room["is_archived"] = bool(given["archived"])
        ws.events.archived(room, someone)
    for verb in ("kick", "invite"):
        if not given.get(verb):
            continue
        member = ws.world.user_by_name(str(given[verb]))
        if member is None:
            raise ClientError("unknown_user", f"there is nobody called {given[verb]!r}", 404)
        if verb == "kick" and member["id"] in room["members"]:
            # The app hears of others while it is still in; of its own removal it hears afterwards.
            room["members"].remove(member["id"])
            ws.events.left(room, member["id"])
        if verb == "invite" and member["id"] not in room["members"]:
            room["members"].append(member["id"])
            ws.events.joined(room, member["id"], inviter=someone)
    ws.world.save_channel(room)
    for person in ws.world.people():
        if ws.world.visible(room, person):
            ws.feed.publish({"type": "channel", "channel": channel_shown(ws, room, person)}, [person["id"]])
    return {
        "channel": {
            "id": room["id"],
            "name": room["name"],
            "members": room["members"],
            "is_archived": room["is_archived"],
        }
    }


async def clock(ws: Workspace, given: Json) -> Json:
    """`{advance: seconds}`: moves the workspace's clock forward, so that triggers and response URLs expire without waiting."""
    seconds = float(given.get("advance", 0))
    if seconds < 0:
        raise ClientError("not_backwards", "the clock only goes forward")
    ws.clock.offset += seconds
    return {"now": ws.clock.now()}


async def edit_window(ws: Workspace, given: Json) -> Json:
    """`{seconds}`: messages older than this can't be updated (`edit_window_closed`); null lifts it."""
    seconds = given.get("seconds")
    ws.edit_window = None if seconds is None else float(seconds)
    return {"seconds": ws.edit_window}


async def verify_url(ws: Workspace, given: Json) -> Json:
    """HTTP mode: sends the `url_verification` challenge to the request URL."""
    if ws.http is None:
        raise ClientError(
            "socket_mode", "this workspace speaks Socket Mode; give the seed's app a request_url"
        )
    return await ws.http.verify(ws.world.secrets.verification_token)


def _get(ws: Workspace, answer: Callable[[], Json]) -> Callable[[Request], Any]:
    async def handle(request: Request) -> Response:
        return JSONResponse(answer())

    return handle


def _post(ws: Workspace, handler: Handler) -> Callable[[Request], Any]:
    async def handle(request: Request) -> Response:
        given = await json_body(request)
        try:
            return JSONResponse({"ok": True, **await handler(ws, given)})
        except (TypeError, ValueError) as cause:
            raise ClientError("bad_value", f"that can't be used: {cause}") from cause

    return handle


def _text(given: Json, name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise ClientError("missing", f"{name} is missing")
    return value
