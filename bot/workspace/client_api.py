"""The client API (docs/workspace.md): what the page, the command line and scenario tests speak. Every call acts as one person."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.workspace import people
from bot.workspace.errors import ClientError, Json
from bot.workspace.messages import is_top_level, shown
from bot.workspace.suggest import suggestions
from bot.workspace.views import shown as shown_view
from bot.workspace.web_chat import set_reaction
from bot.workspace.workspace import Workspace

MAX_BODY = 1_000_000
BEAT = 15.0
PAGE = 50

Handler = Callable[[Workspace, Json, Json], Awaitable[Json]]


def routes(ws: Workspace) -> list[Route]:
    """Everything below `/client`."""
    gets: dict[str, Handler] = {"boot": boot, "history": history, "home": home, "suggest": suggest}
    posts: dict[str, Handler] = {
        "send": send,
        "action": action,
        "submit": submit,
        "close": close,
        "shortcut": shortcut,
        "options": options,
        "read": read,
        "react": react,
    }
    found = [Route(f"/client/{name}", _get(ws, handler), methods=["GET"]) for name, handler in gets.items()]
    found += [
        Route(f"/client/{name}", _post(ws, handler), methods=["POST"]) for name, handler in posts.items()
    ]
    found.append(Route("/client/people", _people(ws), methods=["GET"]))
    found.append(Route("/client/events", _events(ws), methods=["GET"]))
    return found


async def boot(ws: Workspace, user: Json, given: Json) -> Json:
    """Everything that a page needs to start."""
    app = ws.world.app
    return {
        "team": {"id": ws.world.team.id, "name": ws.world.team.name},
        "me": user_shown(user),
        "users": [user_shown(one) for one in ws.world.users.values()],
        "channels": channels(ws, user),
        "app": {
            "id": app.id,
            "name": app.name,
            "bot_user_id": app.bot_user_id,
            "icon": app.icon,
            "commands": [
                one.model_dump(include={"command", "description", "usage_hint"}) for one in app.commands
            ],
            "shortcuts": [
                one.model_dump(include={"callback_id", "name", "type", "description"})
                for one in app.shortcuts
            ],
            "connected": ws.gateway.transport.connected,
        },
        "usergroups": [
            {"id": one.id, "handle": one.handle, "name": one.name} for one in ws.world.seed.groups
        ],
        "hints": [hint.model_dump(by_alias=True) for hint in ws.world.seed.hints],
        "views": [shown_view(view) for view in ws.views.stack(user["id"])],
        "seq": ws.feed.seq,
    }


def channels(ws: Workspace, user: Json) -> list[Json]:
    """The channels that a person sees, with their unread counts; the direct message with the app last."""
    rooms = [room for room in ws.world.channels.values() if ws.world.visible(room, user)]
    return [channel_shown(ws, room, user) for room in sorted(rooms, key=lambda room: room["is_im"])]


def channel_shown(ws: Workspace, room: Json, user: Json) -> Json:
    """A channel as this person's page has it."""
    member = user["id"] in room["members"]
    unread, mentions = ws.messages.unread(room["id"], user["id"]) if member else (0, 0)
    return {
        "id": room["id"],
        "name": ws.world.app.name if room["is_im"] else room["name"],
        "is_im": room["is_im"],
        "is_private": room["is_private"],
        "is_archived": room["is_archived"],
        "topic": room["topic"],
        "is_member": member,
        "unread": unread,
        "mentions": mentions,
        "last_read": ws.messages.last_read(room["id"], user["id"]),
    }


def user_shown(user: Json) -> Json:
    """A user as the client API has it."""
    words = user["real_name"].split() or [user["name"]]
    return {
        "id": user["id"],
        "name": user["name"],
        "real_name": user["real_name"],
        "title": user["title"],
        "avatar": {"initials": "".join(word[0] for word in words[:2]).upper(), "color": user["color"]},
        "is_bot": user["is_bot"],
        "is_guest": user["is_guest"],
        "deleted": user["deleted"],
    }


async def history(ws: Workspace, user: Json, given: Json) -> Json:
    """A channel's messages, or a thread's with its parent first, oldest first; the person's ephemerals are among them."""
    room = people.room_for(ws, user, str(given.get("channel", "")))
    thread = _maybe(given, "thread_ts")
    whispers = ws.messages.ephemerals(room["id"], user["id"])
    if thread:
        found = ws.messages.thread(room["id"], thread)
        if not found:
            raise ClientError("thread_not_found", "there is no such thread here", 404)
        found += [message for message in whispers if message.get("thread_ts") == thread]
    else:
        found = ws.messages.top_level(room["id"]) + [message for message in whispers if is_top_level(message)]
    found.sort(key=lambda message: float(message["ts"]))
    before = given.get("before")
    if before:
        found = [message for message in found if float(message["ts"]) < _number(before, "before")]
    limit = max(1, min(500, int(_number(given.get("limit") or PAGE, "limit"))))
    return {"messages": [shown(message) for message in found[-limit:]], "has_more": len(found) > limit}


async def home(ws: Workspace, user: Json, given: Json) -> Json:
    """The person's App Home; the app hears that it was opened."""
    ws.events.home_opened(user, str(given.get("tab") or "home"))
    view = ws.views.home(user["id"])
    return {"view": None if view is None else shown_view(view)}


async def suggest(ws: Workspace, user: Json, given: Json) -> Json:
    """Completions for the composer."""
    return {"suggestions": suggestions(ws.world, user, str(given.get("q", "")))}


async def send(ws: Workspace, user: Json, given: Json) -> Json:
    """A message or a slash command."""
    room = people.room_for(ws, user, _need(given, "channel"))
    return await people.send(ws, user, room, str(given.get("text", "")), _maybe(given, "thread_ts"))


async def action(ws: Workspace, user: Json, given: Json) -> Json:
    """A click or a choice."""
    await people.act(ws, user, _object(given, "action"), _object(given, "container"), _values(given, "state"))
    return {}


async def submit(ws: Workspace, user: Json, given: Json) -> Json:
    """A modal's submission."""
    return await people.submit(ws, user, _need(given, "view_id"), _values(given, "values"))


async def close(ws: Workspace, user: Json, given: Json) -> Json:
    """Closes a modal; with `clear` the whole stack."""
    await people.close(ws, user, _need(given, "view_id"), bool(given.get("clear")))
    return {}


async def shortcut(ws: Workspace, user: Json, given: Json) -> Json:
    """A shortcut, global or on a message."""
    await people.shortcut(
        ws, user, _need(given, "callback_id"), _maybe(given, "channel"), _maybe(given, "ts")
    )
    return {}


async def options(ws: Workspace, user: Json, given: Json) -> Json:
    """The choices of an external select."""
    found = await people.options(
        ws, user, _object(given, "action"), _object(given, "container"), str(given.get("value", ""))
    )
    return {"options": found}


async def read(ws: Workspace, user: Json, given: Json) -> Json:
    """Moves the read mark."""
    room = people.room_for(ws, user, _need(given, "channel"))
    ws.messages.mark_read(room["id"], user["id"], _need(given, "ts"))
    return {}


async def react(ws: Workspace, user: Json, given: Json) -> Json:
    """Adds a reaction, or with `remove` takes it away."""
    room = people.room_for(ws, user, _need(given, "channel"))
    message = ws.messages.get(room["id"], _need(given, "ts"))
    if message is None:
        raise ClientError("message_not_found", "that message is gone", 404)
    set_reaction(ws, room, message, user["id"], _need(given, "name"), not given.get("remove"))
    return {}


def _get(ws: Workspace, handler: Handler) -> Callable[[Request], Any]:
    async def handle(request: Request) -> Response:
        given = dict(request.query_params)
        return JSONResponse(await handler(ws, ws.world.person(given.get("as", "")), given))

    return handle


def _post(ws: Workspace, handler: Handler) -> Callable[[Request], Any]:
    async def handle(request: Request) -> Response:
        given = await json_body(request)
        person = ws.world.person(str(given.get("as") or request.query_params.get("as", "")))
        answer = await handler(ws, person, given)
        return JSONResponse({"ok": "errors" not in answer, **answer})

    return handle


async def json_body(request: Request) -> Json:
    """The JSON object that was posted. Raises ClientError; the content type is checked so that no foreign page's form gets through."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise ClientError("not_json", "send a JSON object with Content-Type: application/json", 415)
    body = await request.body()
    if len(body) > MAX_BODY:
        raise ClientError("too_large", f"at most {MAX_BODY} bytes are taken", 413)
    try:
        given = json.loads(body or b"{}")
    except (json.JSONDecodeError, UnicodeDecodeError) as cause:
        raise ClientError("not_json", f"that is no JSON: {cause}") from cause
    if not isinstance(given, dict):
        raise ClientError("not_json", "send a JSON object")
    return given


def _people(ws: Workspace) -> Callable[[Request], Any]:
    async def handle(request: Request) -> Response:
        return JSONResponse(
            {"people": [user_shown(user) for user in ws.world.people() if not user["deleted"]]}
        )

    return handle


def _events(ws: Workspace) -> Callable[[Request], Any]:
    async def handle(request: Request) -> Response:
        person = ws.world.person(request.query_params.get("as", ""))
        given = request.headers.get("last-event-id") or request.query_params.get("after")
        after = ws.feed.seq if given in (None, "") else int(_number(given, "after"))
        return StreamingResponse(
            _stream(ws, person["id"], after),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    return handle


async def _stream(ws: Workspace, user_id: str, after: int) -> AsyncIterator[str]:
    yield ": welcome\n\n"
    async for item in ws.feed.follow(user_id, after, BEAT):
        if item is None:
            yield ": still here\n\n"
        else:
            seq, event = item
            yield f"id: {seq}\ndata: {json.dumps({'seq': seq, **event})}\n\n"


def _need(given: Json, name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise ClientError("missing", f"{name} is missing")
    return value


def _maybe(given: Json, name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise ClientError("not_a_text", f"{name} must be a text")
    return value or None


def _values(given: Json, name: str) -> Json:
    """State values `{block_id: {action_id: {type, …}}}`, also when wrapped as `{values: …}` as Slack has them."""
    value = given.get(name) or {}
    if isinstance(value, dict) and set(value) == {"values"}:
        value = value["values"] or {}
    good = isinstance(value, dict) and all(
        isinstance(actions, dict) and all(isinstance(one, dict) for one in actions.values())
        for actions in value.values()
    )
    if not good:
        raise ClientError("not_values", f"{name} must be {{block_id: {{action_id: {{type, …}}}}}}")
    return dict(value)


def _object(given: Json, name: str) -> Json:
    value = given.get(name)
    if not isinstance(value, dict):
        raise ClientError("missing", f"{name} must be an object")
    return value


def _number(value: Any, name: str) -> float:
    if not re.fullmatch(r"\d{1,15}(\.\d{1,6})?", str(value)):
        raise ClientError("not_a_number", f"{name} must be a number, not {value!r}")
    return float(value)
