"""Looking for a message that was posted and not written down: by its outbox key, which its first block's id carries."""

from __future__ import annotations

import logging
from datetime import timedelta

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.messages import OutboxMessage
from bot.slack.views.blocks import outbox_block_id
from bot.slack.web import CALL_ERRORS, Trouble, failure_of

log = logging.getLogger(__name__)
_PAGES = 10
_SKEW = timedelta(minutes=2)


async def find_posted(
    client: AsyncWebClient, channel: str, thread_ts: str | None, row: OutboxMessage
) -> str | None:
    """The ts of the message with the row's key in the channel, or in the thread; None when it isn't there, or when this channel's
    history may not be read. Raises what the call raises when Slack can't be asked now: then nothing may be posted either."""
    wanted = outbox_block_id(row.key)
    oldest = f"{(row.created_at - _SKEW).timestamp():.6f}" if row.created_at else "0"
    cursor: str | None = None
    try:
        for _ in range(_PAGES):
            if thread_ts is not None:
                page = await client.conversations_replies(
                    channel=channel, ts=thread_ts, oldest=oldest, limit=200, cursor=cursor
                )
            else:
                page = await client.conversations_history(
                    channel=channel, oldest=oldest, limit=200, cursor=cursor
                )
            for message in page.get("messages") or []:
                if any(block.get("block_id") == wanted for block in message.get("blocks") or []):
                    return str(message["ts"])
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "") or None
            if cursor is None:
                return None
    except CALL_ERRORS as error:
        failure = failure_of(error)
        if failure.trouble in (Trouble.AWAY, Trouble.RATE):
            raise
        log.warning(
            "the history of %s can't be read (%s): %s may be shown twice", channel, failure.error, row.key
        )
    return None
