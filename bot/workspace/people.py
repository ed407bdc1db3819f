"""What people do: write, run commands, press and choose, submit and close modals, use shortcuts. Each becomes what Slack sends the app.

A deed that the app must answer at once is refused with `app_unreachable` when it does not, and the person is told as in Slack.
"""

from __future__ import annotations

from typing import Any

from bot.workspace.blockkit import interactive
from bot.workspace.errors import ClientError, Json, SlackError
from bot.workspace.forms import choice, complaints
from bot.workspace.gateway import Ack
from bot.workspace.messages import new_client_msg_id
from bot.workspace.payloads import channel_name, command_payload, interaction, message_object, view_object
from bot.workspace.respond import answer
from bot.workspace.text import for_command, from_person, unescape
from bot.workspace.views import initial_values
from bot.workspace.web_views import checked_view
from bot.workspace.workspace import Workspace
from bot.workspace.world import SLACKBOT

MESSAGE_CHARACTERS = 12_000


async def send(ws: Workspace, user: Json, room: Json, text: str, thread_ts: str | None) -> Json:
    """A message, or a slash command when the text starts with `/`. Answers `{ts}` or `{command}`."""
    if not text.strip():
        raise ClientError("no_text", "write something first")
    if len(text) > MESSAGE_CHARACTERS:
        raise ClientError(
            "msg_too_long", f"a message has at most {MESSAGE_CHARACTERS} characters, this has {len(text)}"
        )
    if room["is_archived"]:
        raise ClientError("is_archived", f"#{room['name']} is archived")
    if user["id"] not in room["members"]:
        raise ClientError("not_in_channel", f"@{user['name']} is not in #{room['name']}", 403)
    if text.startswith("/"):
        return await _command(ws, user, room, text, thread_ts)
    if thread_ts is not None:
        parent = ws.messages.get(room["id"], thread_ts)
        if parent is None:
            raise ClientError(
                "thread_not_found", f"there is no message {thread_ts} in this channel to answer", 404
            )
        thread_ts = parent.get("thread_ts") or thread_ts
    message = ws.messages.post(
        room["id"],
        user["id"],
        from_person(text, ws.world.names()),
        thread_ts=thread_ts,
        client_msg_id=new_client_msg_id(),
    )
    ws.messages.mark_read(room["id"], user["id"], message["ts"])
    ws.events.posted(room, message)
    return {"ts": message["ts"]}


async def _command(ws: Workspace, user: Json, room: Json, text: str, thread_ts: str | None) -> Json:
    word, _, rest = text.partition(" ")
    first_line, newline, more = word.partition("\n")
    if newline:
        word, rest = first_line, f"{more} {rest}".strip()
    command = next((known for known in ws.world.app.commands if known.command == word), None)
    if command is None:
        known = ", ".join(known.command for known in ws.world.app.commands)
        raise ClientError("unknown_command", f"{word} is not a valid command; there are {known}", 404)
    if thread_ts is not None:
        raise ClientError("not_in_thread", f"{word} is not supported in threads; mention the app instead")
    sent = for_command(rest.strip(), ws.world.names(), command.should_escape)
    trigger = ws.triggers.issue(user["id"])
    response_url = ws.responses.issue(user["id"], room["id"], None)
    payload = command_payload(ws.world, user, room, word, sent, trigger, response_url)
    ack = await ws.gateway.deliver("slash_commands", payload, accepts_payload=True)
    if not ack.ok:
        _complain(ws, user, room, f'{word} failed with the error "{ack.error}"')
        raise _unreachable(ws, ack)
    body = {"text": ack.payload} if isinstance(ack.payload, str) else ack.payload
    if isinstance(body, dict) and any(body.get(name) for name in ("text", "blocks", "attachments")):
        try:
            answer(ws, user["id"], room, body, None, None)
        except SlackError as refusal:
            _complain(ws, user, room, f'{word} failed with the error "{refusal.code}"')
            raise ClientError("app_bad_response", _reason(refusal), 502) from refusal
    return {"command": word}


async def act(ws: Workspace, user: Json, given: Json, container: Json, state: Json | None) -> None:
    """A click or a choice in a message, an ephemeral message or a view: block_actions."""
    if container.get("type") == "view":
        await _act_in_view(ws, user, given, container, state)
    else:
        await _act_in_message(ws, user, given, container, state)


async def _act_in_message(
    ws: Workspace, user: Json, given: Json, container: Json, state: Json | None
) -> None:
    room = room_for(ws, user, str(container.get("channel", "")))
    ts = str(container.get("ts", ""))
    message = ws.messages.ephemeral(room["id"], ts, user["id"])
    ephemeral = message is not None
    message = message or ws.messages.get(room["id"], ts)
    if message is None or message.get("deleted"):
        raise ClientError("message_not_found", "that message is gone", 404)
    blocks = list(message.get("blocks") or [])
    for attachment in message.get("attachments") or []:
        blocks += attachment.get("blocks") or []
    block, element = _element(blocks, given)
    action = choice(block, element, given, ws.clock.ts())
    values = _merged(initial_values(blocks), state, action)
    source = {"channel": room["id"], "ts": ts, "ephemeral": ephemeral}
    where: Json = {"type": "message", "message_ts": ts, "channel_id": room["id"], "is_ephemeral": ephemeral}
    thread = message.get("thread_ts")
    if thread:
        where["thread_ts"] = thread
    fields: Json = {
        "container": where,
        "channel": {"id": room["id"], "name": channel_name(room)},
        "state": {"values": values},
        "response_url": ws.responses.issue(user["id"], room["id"], source, thread if thread != ts else None),
        "actions": [action],
    }
    if not ephemeral:
        fields["message"] = message_object(ws.world, message)
    payload = interaction(ws.world, "block_actions", user, ws.triggers.issue(user["id"]), **fields)
    _acknowledged(ws, await ws.gateway.deliver("interactive", payload))


async def _act_in_view(ws: Workspace, user: Json, given: Json, container: Json, state: Json | None) -> None:
    view = _view_of(ws, user, str(container.get("view_id", "")))
    block, element = _element(view["blocks"], given)
    action = choice(block, element, given, ws.clock.ts())
    ws.views.enter(view, _merged({}, state, action))
    payload = interaction(
        ws.world,
        "block_actions",
        user,
        ws.triggers.issue(user["id"]),
        container={"type": "view", "view_id": view["id"]},
        view=view_object(ws.world, view),
        actions=[action],
    )
    _acknowledged(ws, await ws.gateway.deliver("interactive", payload))


async def submit(ws: Workspace, user: Json, view_id: str, values: Json) -> Json:
    """view_submission. Answers `{}` or `{errors: {block_id: text}}`; what the app then shows comes as events."""
    view = _view_of(ws, user, view_id)
    if view["type"] != "modal":
        raise ClientError("not_a_modal", "only a modal can be submitted")
    ws.views.enter(view, values)
    errors = complaints(view)
    if errors:
        return {"errors": errors}
    payload = interaction(
        ws.world,
        "view_submission",
        user,
        ws.triggers.issue(user["id"]),
        view=view_object(ws.world, view),
        response_urls=_response_urls(ws, user, view),
    )
    ack = await ws.gateway.deliver("interactive", payload, accepts_payload=True)
    _acknowledged(ws, ack)
    try:
        return _after_submit(ws, view, ack.payload)
    except SlackError as refusal:
        raise ClientError(
            "app_bad_response", f"the app's answer was refused: {_reason(refusal)}", 502
        ) from refusal


def _after_submit(ws: Workspace, view: Json, reply: Any) -> Json:
    still_open = ws.views.get(view["id"]) is not None
    if not isinstance(reply, dict) or not reply.get("response_action"):
        if still_open:
            ws.views.close(view)
        return {}
    wanted = reply["response_action"]
    if wanted == "clear":
        ws.views.clear(view["user"])
    elif wanted == "update":
        ws.views.update(view, checked_view(reply.get("view"), "modal"))
    elif wanted == "push":
        ws.views.push(view["user"], checked_view(reply.get("view"), "modal"))
    elif wanted == "errors":
        errors = reply.get("errors")
        inputs = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
        if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
            raise SlackError(
                "invalid_errors", [f"errors must name input blocks of the view: {', '.join(sorted(inputs))}"]
            )
        return {"errors": {str(block): str(text) for block, text in errors.items()}}
    else:
        raise SlackError("invalid_response_action", [f"{wanted} is none of clear, update, push, errors"])
    return {}


async def close(ws: Workspace, user: Json, view_id: str, clear: bool) -> None:
    """A person closes a modal, or the whole stack; the app hears view_closed where it asked to."""
    view = _view_of(ws, user, view_id)
    if view["type"] != "modal":
        raise ClientError("not_a_modal", "only a modal can be closed")
    clear = clear or view["clear_on_close"]
    gone = list(reversed(ws.views.stack(user["id"]))) if clear else [view]
    if clear:
        ws.views.clear(user["id"])
    else:
        ws.views.close(view)
    for one in gone:
        if one["notify_on_close"]:
            payload = interaction(
                ws.world, "view_closed", user, "", view=view_object(ws.world, one), is_cleared=clear
            )
            del payload["trigger_id"]
            await ws.gateway.deliver("interactive", payload)


async def shortcut(ws: Workspace, user: Json, callback_id: str, channel: str | None, ts: str | None) -> None:
    """A global shortcut, or with a message a message shortcut."""
    kind = "message" if channel and ts else "global"
    known = [one for one in ws.world.app.shortcuts if one.type == kind]
    if callback_id not in {one.callback_id for one in known}:
        there = ", ".join(one.callback_id for one in known) or "none"
        raise ClientError(
            "unknown_shortcut", f"there is no {kind} shortcut {callback_id!r}; there are: {there}", 404
        )
    trigger = ws.triggers.issue(user["id"])
    fields: Json = {"callback_id": callback_id, "action_ts": ws.clock.ts()}
    if channel and ts:
        room = room_for(ws, user, channel)
        message = ws.messages.get(room["id"], ts)
        if message is None:
            raise ClientError("message_not_found", "that message is gone", 404)
        source = {"channel": room["id"], "ts": ts, "ephemeral": False}
        fields.update(
            channel={"id": room["id"], "name": channel_name(room)},
            message_ts=ts,
            message=message_object(ws.world, message),
            response_url=ws.responses.issue(user["id"], room["id"], source),
        )
    payload = interaction(
        ws.world, "message_action" if kind == "message" else "shortcut", user, trigger, **fields
    )
    _acknowledged(ws, await ws.gateway.deliver("interactive", payload))


async def options(ws: Workspace, user: Json, given: Json, container: Json, value: str) -> list[Json]:
    """The choices of an external select for what was typed: block_suggestion."""
    fields: Json
    if container.get("type") == "view":
        view = _view_of(ws, user, str(container.get("view_id", "")))
        blocks = view["blocks"]
        fields = {"container": {"type": "view", "view_id": view["id"]}, "view": view_object(ws.world, view)}
    else:
        room = room_for(ws, user, str(container.get("channel", "")))
        message = ws.messages.get(room["id"], str(container.get("ts", "")))
        if message is None:
            raise ClientError("message_not_found", "that message is gone", 404)
        blocks = message.get("blocks") or []
        fields = {
            "container": {
                "type": "message",
                "message_ts": message["ts"],
                "channel_id": room["id"],
                "is_ephemeral": False,
            },
            "channel": {"id": room["id"], "name": channel_name(room)},
            "message": message_object(ws.world, message),
        }
    block, element = _element(blocks, given)
    payload = interaction(
        ws.world,
        "block_suggestion",
        user,
        "",
        action_id=element["action_id"],
        block_id=block["block_id"],
        value=value,
        **fields,
    )
    del payload["trigger_id"]
    ack = await ws.gateway.deliver("interactive", payload, accepts_payload=True)
    _acknowledged(ws, ack)
    found = ack.payload.get("options") if isinstance(ack.payload, dict) else None
    if not isinstance(found, list):
        raise ClientError("app_bad_response", "the app answered without a list of options", 502)
    return found


def room_for(ws: Workspace, user: Json, wanted: str) -> Json:
    """A channel by id or name that this person may read. Raises ClientError."""
    room = ws.world.channel(wanted)
    if room is None or not ws.world.visible(room, user):
        there = ", ".join(
            "#" + one["name"]
            for one in ws.world.channels.values()
            if not one["is_im"] and ws.world.visible(one, user)
        )
        raise ClientError(
            "channel_not_found", f"@{user['name']} sees no channel {wanted!r}; there are {there}", 404
        )
    return room


def _view_of(ws: Workspace, user: Json, view_id: str) -> Json:
    view = ws.views.get(view_id)
    if view is None or view["user"] != user["id"]:
        raise ClientError("view_not_found", "that view is closed", 404)
    return view


def _element(blocks: list[Json], given: Json) -> tuple[Json, Json]:
    for block in blocks:
        if block.get("block_id") == given.get("block_id"):
            for _, element in interactive(block):
                if element.get("action_id") == given.get("action_id"):
                    return block, element
    if given.get("stale") and given.get("type") == "button":
        # As if the click had left the person's screen just before the message changed: Slack delivers such clicks.
        return {"block_id": str(given.get("block_id"))}, {
            "type": "button",
            "action_id": str(given.get("action_id")),
            "text": given.get("text"),
            "value": given.get("value"),
        }
    raise ClientError("no_such_action", "that button or choice is not there any more", 409)


def _merged(values: Json, state: Json | None, action: Json) -> Json:
    for block_id, actions in (state or {}).items():
        values.setdefault(block_id, {}).update(actions)
    kept = {
        name: value
        for name, value in action.items()
        if name == "type" or name.startswith(("selected", "value", "rich"))
    }
    if action["type"] not in ("button", "overflow", "workflow_button", "feedback_buttons", "icon_button"):
        values.setdefault(action["block_id"], {})[action["action_id"]] = kept
    return values


def _response_urls(ws: Workspace, user: Json, view: Json) -> list[Json]:
    found = []
    for block in view["blocks"]:
        for _, element in interactive(block):
            if element.get("response_url_enabled"):
                state = view["state"]["values"].get(block["block_id"], {}).get(element["action_id"], {})
                channel = state.get("selected_conversation") or state.get("selected_channel")
                if channel in ws.world.channels:
                    found.append(
                        {
                            "block_id": block["block_id"],
                            "action_id": element["action_id"],
                            "channel_id": channel,
                            "response_url": ws.responses.issue(user["id"], channel, None),
                        }
                    )
    return found


def _acknowledged(ws: Workspace, ack: Ack) -> None:
    if not ack.ok:
        raise _unreachable(ws, ack)


def _unreachable(ws: Workspace, ack: Ack) -> ClientError:
    name = ws.world.app.name
    return ClientError(
        "app_unreachable", f"{name} did not answer ({ack.error}); it may be starting: try again", 504
    )


def _complain(ws: Workspace, user: Json, room: Json, text: str) -> None:
    ws.messages.whisper(room["id"], user["id"], SLACKBOT, text)


def _reason(refusal: SlackError) -> str:
    lines = refusal.extra.get("response_metadata", {}).get("messages", [])
    return "; ".join([refusal.code, *(unescape(line) for line in lines)])
