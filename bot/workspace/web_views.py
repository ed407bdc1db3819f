"""views.*: modals by trigger, updates by id and hash, and App Home."""

from __future__ import annotations

import json
from typing import Any

from bot.workspace.blockkit import VIEW_BYTES, check_view
from bot.workspace.errors import Json, SlackError
from bot.workspace.payloads import view_object
from bot.workspace.web_api import Args, Method
from bot.workspace.workspace import Workspace


def checked_view(view: Any, kind: str) -> Json:
    """A view that may be shown as `kind`. Raises SlackError `invalid_arguments` with each mistake's place."""
    errors = check_view(view, kind)
    if errors:
        raise SlackError("invalid_arguments", errors)
    if len(json.dumps(view)) > VIEW_BYTES:
        raise SlackError("view_too_large")
    return dict(view)


def open_view(ws: Workspace, args: Args) -> Json:
    """views.open."""
    view = _view(args, "modal")
    user = ws.triggers.exchange(args.need("trigger_id"))
    return {"view": view_object(ws.world, ws.views.open(user, view))}


def push_view(ws: Workspace, args: Args) -> Json:
    """views.push: the trigger must come from a modal that is still open."""
    view = _view(args, "modal")
    trigger_id = args.need("trigger_id")
    if len(ws.views.stack(ws.triggers.check(trigger_id))) >= 3:
        raise SlackError("push_limit_reached")
    user = ws.triggers.exchange(trigger_id)
    return {"view": view_object(ws.world, ws.views.push(user, view))}


def update_view(ws: Workspace, args: Args) -> Json:
    """views.update, by view_id or external_id."""
    if args.text("view_id"):
        current = ws.views.get(args.need("view_id"))
    elif args.text("external_id"):
        current = ws.views.by_external_id(args.need("external_id"))
    else:
        raise SlackError("invalid_arguments", ["missing required field: view_id or external_id"])
    if current is None:
        raise SlackError("not_found")
    view = _view(args, current["type"])
    return {"view": view_object(ws.world, ws.views.update(current, view, args.text("hash")))}


def publish_view(ws: Workspace, args: Args) -> Json:
    """views.publish: somebody's App Home."""
    user = ws.world.users.get(args.need("user_id"))
    if user is None or user["is_bot"] or user["deleted"]:
        raise SlackError("user_not_found")
    view = _view(args, "home")
    return {"view": view_object(ws.world, ws.views.publish(user["id"], view, args.text("hash")))}


def _view(args: Args, kind: str) -> Json:
    view = args.structured("view", "invalid_arguments")
    if view is None:
        raise SlackError("invalid_arguments", ["missing required field: view"])
    return checked_view(view, kind)


METHODS = {
    "views.open": Method(open_view, tier=4),
    "views.push": Method(push_view, tier=4),
    "views.update": Method(update_view, tier=4),
    "views.publish": Method(publish_view, tier=4),
}
