"""The Slack app manifest: what an admin pastes into Slack to make the app, with its commands, scopes and events."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ruamel.yaml import YAML

from bot.domain.errors import UsageError
from bot.slack.app import EVENTS_PATH, SHORTCUT
from bot.slack.settings import COMMANDS
from commands.registry import SPECS

SCOPES: Mapping[str, str] = {
    "app_mentions:read": "to hear @shipbell in channels and threads",
    "channels:history": "to find a message again that was posted before a crash",
    "channels:read": "to find channels by name and to see where it is a member",
    "chat:write": "to post and update cards, prompts and answers",
    "commands": "for the slash commands and the shortcut",
    "groups:history": "as channels:history, in private channels it was invited to",
    "groups:read": "as channels:read, for private channels it was invited to",
    "im:history": "to hear direct messages",
    "im:write": "to answer a person where there is no channel",
    "usergroups:read": "to give roles by user group",
    "users:read": "to see guests, bots and deactivated people",
}
"""Every scope that is asked for, and why."""
EVENTS = (
    "app_home_opened",
    "app_mention",
    "message.im",
    "subteam_members_changed",
    "subteam_updated",
    "user_change",
)
_NAME = re.compile(r"/[a-z0-9_-]{1,31}")
_TAKEN = frozenset(
    f"/{word}"
    for word in (
        *(
            "active",
            "apps",
            "archive",
            "away",
            "call",
            "collapse",
            "dm",
            "dnd",
            "expand",
            "feed",
            "help",
            "invite",
            "join",
        ),
        *(
            "kick",
            "leave",
            "me",
            "msg",
            "mute",
            "open",
            "pro",
            "rename",
            "search",
            "shortcuts",
            "shrug",
            "star",
            "status",
        ),
        *("todo", "topic", "who"),
    )
)
"""Names that Slack keeps for itself."""


def command_names(wanted: Iterable[str] = ()) -> dict[str, str | None]:
    """Slash commands and their verbs. `wanted` adds or renames: `/ship=deploy` adds a name for the verb, `/status` must be a verb,
    `/deploy=` leaves one out. Raises UsageError."""
    names = dict(COMMANDS)
    for text in wanted:
        name, given, verb = text.strip().partition("=")
        name = name if name.startswith("/") else f"/{name}"
        if given and not verb:
            names.pop(name, None)
            continue
        names[name] = _verb(name, verb)
    if not names:
        raise UsageError("No slash command is left.", "Keep at least one, such as /shipbell.")
    return names


def manifest(
    commands: Mapping[str, str | None] = COMMANDS, *, name: str = "Shipbell", http_url: str | None = None
) -> dict[str, Any]:
    """The manifest as JSON values. `http_url`: where Slack reaches Shipbell, for HTTP; None for Socket Mode."""
    url = http_url.rstrip("/") + EVENTS_PATH if http_url else None
    reach: dict[str, Any] = {"request_url": url} if url else {}
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": name,
            "description": "Releases services, and keeps one message true from the first second to the last",
            "background_color": "#1d3b53",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": name.lower(), "always_online": True},
            "shortcuts": [
                {
                    "name": "Deploy a service",
                    "type": "global",
                    "callback_id": SHORTCUT,
                    "description": "Choose what to deploy and where",
                }
            ],
            "slash_commands": [_command(command, verb, url) for command, verb in commands.items()],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**reach, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **reach},
            "org_deploy_enabled": False,
            "socket_mode_enabled": url is None,
            "token_rotation_enabled": False,
        },
    }


def as_json(found: Mapping[str, Any]) -> str:
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def as_yaml(found: Mapping[str, Any]) -> str:
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    out = io.StringIO()
    writer.dump(dict(found), out)
    return out.getvalue()


def _command(name: str, verb: str | None, url: str | None) -> dict[str, Any]:
    spec = next((spec for spec in SPECS if spec.verb == verb), None)
    usage = spec.usage.removeprefix(f"{verb} ") if spec else "VERB … (try: help)"
    summary = spec.summary if spec else "everything that Shipbell does"
    found: dict[str, Any] = {
        "command": name,
        "description": summary[:2000],
        "usage_hint": usage[:1000],
        # Escaped, user and channel names come with their ids, as in messages.
        "should_escape": True,
    }
    return {**found, "url": url} if url else found


def _verb(name: str, verb: str) -> str | None:
    verbs = [spec.verb for spec in SPECS if spec.listed]
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name} can't be a slash command.",
            "Names have up to 32 small letters, digits, - and _: /release.",
        )
    if name in _TAKEN:
        raise UsageError(
            f"Slack keeps {name} for itself.", f"Choose another name: --command /ship-{name[1:]}={name[1:]}."
        )
    wanted = verb or name[1:]
    if wanted == "shipbell" or verb == "*":
        return None
    if wanted not in verbs:
        raise UsageError(
            f"{wanted} is no command that {name} could stand for.",
            f"Write --command {name}=VERB, with one of: {', '.join(verbs)}; or {name}=* for all of them.",
        )
    return wanted
