"""Calling Slack's Web API: one client, and Slack's errors sorted by what can be done about them."""

from __future__ import annotations

import asyncio
import enum
import logging
from dataclasses import dataclass

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.settings import SlackSettings

CALL_ERRORS = (SlackClientError, aiohttp.ClientError, TimeoutError, asyncio.TimeoutError, OSError)
"""All that a call may raise when Slack said no or didn't answer."""

_PASSES = frozenset(
    {
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
        "accesslimited",
        "rollup_error",
    }
)
_INSTALLATION = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "no_permission",
        "missing_scope",
        "not_allowed_token_type",
        "org_login_required",
        "ekm_access_denied",
        "access_denied",
        "two_factor_setup_required",
        "enterprise_is_restricted",
        "method_deprecated",
        "deprecated_endpoint",
    }
)
_CHANNEL = frozenset(
    {
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "is_inactive",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
        "restricted_action_thread_locked",
        "restricted_action_non_threadable_channel",
        "posting_to_general_channel_denied",
        "user_not_found",
        "user_disabled",
        "cannot_dm_bot",
        "messages_tab_disabled",
        "team_access_not_granted",
        "external_channel_migrating",
    }
)
_GONE = frozenset(
    {
        "message_not_found",
        "thread_not_found",
        "cant_update_message",
        "edit_window_closed",
        "block_mismatch",
        "update_failed",
        "invalid_ts",
        "message_deleted",
    }
)
_SHAPE = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
        "invalid_arguments",
        "invalid_arg_name",
        "markdown_text_conflict",
        "too_many_attachments",
        "restricted_action_blocks",
    }
)


class Trouble(enum.Enum):
    """RATE: wait as long as Slack says. AWAY: Slack or the network; again soon. INSTALLATION: the token or its scopes; nothing
    works until somebody mends it. CHANNEL: not there, archived, or not ours to post in. GONE: the message can't be changed any
    more. SHAPE: Slack doesn't take our blocks. OTHER: anything else that Slack says no with."""

    RATE = "rate"
    AWAY = "away"
    INSTALLATION = "installation"
    CHANNEL = "channel"
    GONE = "gone"
    SHAPE = "shape"
    OTHER = "other"


@dataclass(frozen=True)
class Failure:
    """A call that failed: Slack's word for it (or the network's), and seconds to wait where Slack said so."""

    trouble: Trouble
    error: str
    retry_after: float = 0.0


def failure_of(error: BaseException) -> Failure:
    """What a call's error means. Never shows tokens: only Slack's error word, or the exception's class."""
    if not isinstance(error, SlackApiError):
        return Failure(Trouble.AWAY, type(error).__name__)
    response = error.response
    status = getattr(response, "status_code", 0) or 0
    word = str(response.get("error", "")) if hasattr(response, "get") else ""
    if status == 429 or word in ("ratelimited", "rate_limited", "message_limit_exceeded"):
        return Failure(Trouble.RATE, word or "ratelimited", _retry_after(getattr(response, "headers", {})))
    if status >= 500 or word in _PASSES or not word:
        return Failure(Trouble.AWAY, word or f"http_{status}")
    for trouble, words in (
        (Trouble.INSTALLATION, _INSTALLATION),
        (Trouble.CHANNEL, _CHANNEL),
        (Trouble.GONE, _GONE),
        (Trouble.SHAPE, _SHAPE),
    ):
        if word in words:
            return Failure(trouble, word)
    return Failure(Trouble.OTHER, word)


def web_client(settings: SlackSettings, token: str | None = None) -> AsyncWebClient:
    """A client without retries of its own: a message that is posted again after a time-out would be there twice, and the sender
    knows better when to try again."""
    return AsyncWebClient(
        token=token if token is not None else settings.bot_token,
        base_url=settings.base_url,
        timeout=settings.timeout,
        retry_handlers=[],
        logger=_quiet(),
    )


def _quiet() -> logging.Logger:
    """slack_sdk's debug lines hold message texts; ours are enough."""
    logger = logging.getLogger("bot.slack.web")
    logger.setLevel(logging.WARNING)
    return logger


def _retry_after(headers: object) -> float:
    if isinstance(headers, dict) or hasattr(headers, "items"):
        for name, value in headers.items():
            if str(name).lower() == "retry-after":
                shown = value[0] if isinstance(value, list) else value
                try:
                    return max(0.0, float(shown))
                except (TypeError, ValueError):
                    break
    return 1.0
