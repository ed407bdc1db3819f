"""What comes from Slack, translated: one frozen value whoever sent it and however it came. Pure functions of Bolt's bodies.

An Incoming is stored before Slack is answered and can be worked on again after a crash, so it holds all that the work needs, and no
trigger id, which lives for three seconds only.
"""

from __future__ import annotations

import enum
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bot.domain.identity import SlackIdentity
from bot.domain.operation import Origin

Body = Mapping[str, Any]
PREFIX = "slack."
"""Kinds of stored requests that are ours begin with it."""


class How(enum.StrEnum):
    """The ways in, as Origin.how names them."""

    SLASH = "slash"
    MENTION = "mention"
    DM = "dm"
    BUTTON = "button"
    MODAL = "modal"


@dataclass(frozen=True)
class Incoming:
    """`channel`, `thread_ts`, `message_ts`: Slack ids of where it was said or pressed. `text`: what was said, as Slack sends it.
    `verb`: what the slash command stands for. `action` and `value`: of a button. `answers`: a modal's fields, by block id."""

    how: How
    request_id: str
    team: str
    user: str
    enterprise: str | None = None
    text: str = ""
    verb: str | None = None
    channel: str | None = None
    thread_ts: str | None = None
    message_ts: str | None = None
    response_url: str | None = None
    is_ephemeral: bool = False
    is_home: bool = False
    by_app: bool = False
    action: str = ""
    value: str = ""

    @property
    def kind(self) -> str:
        return PREFIX + self.how.value

    @property
    def identity(self) -> SlackIdentity:
        return SlackIdentity(self.team, self.user, self.enterprise, self.by_app)

    @property
    def origin(self) -> Origin:
        return Origin(self.how.value, self.request_id, self.channel, self.thread_ts)

    def to_payload(self) -> dict[str, object]:
        return {name: value for name, value in asdict(self).items() if value not in (None, "", False)}

    @classmethod
    def from_payload(cls, payload: Mapping[str, object]) -> Incoming:
        """Raises ValueError for a payload that is none of ours."""
        known = {name: payload[name] for name in cls.__dataclass_fields__ if name in payload}
        try:
            return cls(**{**known, "how": How(str(known.get("how")))})  # type: ignore[arg-type]
        except TypeError as error:
            raise ValueError("this stored request is incomplete") from error


def of_command(body: Body, verb: str | None) -> Incoming:
    """A slash command. Its trigger id is its own: Slack doesn't send commands twice, but over HTTP somebody might."""
    return Incoming(
        how=How.SLASH,
        request_id=f"command:{_unique(body, 'trigger_id')}",
        team=str(body.get("team_id") or ""),
        user=str(body.get("user_id") or ""),
        enterprise=body.get("enterprise_id") or None,
        text=str(body.get("text") or ""),
        verb=verb,
        channel=body.get("channel_id") or None,
        response_url=body.get("response_url") or None,
    )


def of_mention(body: Body, bot_user: str) -> Incoming | None:
    """`@shipbell …` in a channel or thread; None for what nobody said just now: edits, mentions in the middle of a sentence ("I told
    @shipbell to deploy prod" must do nothing), and our own words. Another bot's are passed on: they are refused, and audited."""
    event = body.get("event") or {}
    if not _is_said(event) or event.get("user") == bot_user:
        return None
    text = str(event.get("text") or "")
    begins = re.match(rf"\s*<@{re.escape(bot_user)}(?:\|[^<>]*)?>[:,]?\s*", text)
    if begins is None:
        return None
    return _of_event(How.MENTION, body, event, text[begins.end() :])


def of_direct_message(body: Body, bot_user: str) -> Incoming | None:
    """What somebody says to Shipbell alone; a mention at the beginning may be there, too."""
    event = body.get("event") or {}
    if event.get("channel_type") != "im" or event.get("bot_id") or not _is_said(event):
        return None
    text = re.sub(rf"^\s*<@{re.escape(bot_user)}(?:\|[^<>]*)?>[:,]?\s*", "", str(event.get("text") or ""))
    return _of_event(How.DM, body, event, text)


def of_click(body: Body) -> Incoming:
    """A button, in a message or in App Home."""
    action = (body.get("actions") or [{}])[0]
    container = body.get("container") or {}
    message = body.get("message") or {}
    message_ts = container.get("message_ts") or message.get("ts")
    thread_ts = container.get("thread_ts") or message.get("thread_ts")
    return Incoming(
        how=How.BUTTON,
        request_id=f"click:{_unique(body, 'trigger_id')}",
        **_who(body),
        channel=(body.get("channel") or {}).get("id") or container.get("channel_id") or None,
        thread_ts=str(thread_ts) if thread_ts and thread_ts != message_ts else None,
        message_ts=str(message_ts) if message_ts else None,
        response_url=body.get("response_url") or None,
        is_ephemeral=bool(container.get("is_ephemeral")),
        is_home=(body.get("view") or {}).get("type") == "home",
        action=str(action.get("action_id") or ""),
        value=str(action.get("value") or ""),
    )


def of_submission(body: Body, text: str, channel: str | None, thread_ts: str | None) -> Incoming:
    """A modal that was submitted and found right; `text` is the command that it says."""
    return Incoming(
        how=How.MODAL,
        request_id=f"modal:{_unique(body, 'trigger_id')}",
        **_who(body),
        text=text,
        channel=channel,
        thread_ts=thread_ts,
    )


def identity_of_event(body: Body) -> SlackIdentity:
    """Who an event is about: the user's own team where the event tells it, else the workspace's."""
    event = body.get("event") or {}
    team = (
        event.get("user_team") or event.get("source_team") or event.get("team") or body.get("team_id") or ""
    )
    return SlackIdentity(str(team), str(event.get("user") or ""), body.get("enterprise_id") or None)


def _of_event(how: How, body: Body, event: Mapping[str, Any], text: str) -> Incoming:
    identity = identity_of_event(body)
    return Incoming(
        how=how,
        request_id=f"event:{body.get('event_id') or _digest(event)}",
        team=identity.team,
        user=identity.user,
        enterprise=identity.enterprise,
        text=text,
        channel=str(event.get("channel") or "") or None,
        thread_ts=event.get("thread_ts") or None,
        message_ts=event.get("ts") or None,
        by_app=bool(event.get("bot_id")),
    )


def _is_said(event: Mapping[str, Any]) -> bool:
    """Somebody's own new message. A bot that is no user of the workspace has no name to be refused by, and is passed over."""
    return (
        bool(event.get("user"))
        and not event.get("edited")
        and event.get("subtype") in (None, "thread_broadcast", "file_share")
    )


def _who(body: Body) -> dict[str, Any]:
    user = body.get("user") or {}
    team = body.get("team") or {}
    enterprise = body.get("enterprise") or {}
    return {
        "team": str(user.get("team_id") or team.get("id") or ""),
        "user": str(user.get("id") or ""),
        "enterprise": enterprise.get("id") or team.get("enterprise_id") or None,
    }


def _unique(body: Body, name: str) -> str:
    return str(body.get(name) or _digest(body))


def _digest(value: Mapping[str, Any]) -> str:
    """What stands for an id where Slack sent none."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:32]
