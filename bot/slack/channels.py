"""Channels: their ids by name, and whether Shipbell can post there. Cached, since a workspace may have thousands."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.web import CALL_ERRORS, Trouble, failure_of

_ID = re.compile(r"[CGD][A-Z0-9]{7,}")
_FRESH = 600.0
_AGAIN = 15.0
"""Seconds after which a name that wasn't found is looked for again."""


@dataclass(frozen=True)
class Channel:
    id: str
    name: str
    is_member: bool
    is_archived: bool


class ChannelMissing(Exception):
    """No channel of this name is visible to Shipbell."""


def is_id(channel: str) -> bool:
    return _ID.fullmatch(channel) is not None


class Channels:
    """Looks channels up by name (`#deploys` or `deploys`) or id."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._by_name: dict[str, Channel] = {}
        self._listed_at: float | None = None
        self._lock = asyncio.Lock()

    async def resolve(self, channel: str) -> str:
        """The channel's id. Raises ChannelMissing, or what the call raises."""
        if is_id(channel):
            return channel
        name = channel.lstrip("#").lower()
        if not name:
            raise ChannelMissing("no channel is named")
        found = self._by_name.get(name)
        if found is None or self._age() > _FRESH:
            await self._list(unless_younger=_AGAIN if found is None else _FRESH)
            found = self._by_name.get(name)
        if found is None:
            raise ChannelMissing(channel)
        return found.id

    def forget(self) -> None:
        """The next look-up asks Slack again: a channel was renamed, archived, or Shipbell was invited or removed."""
        self._listed_at = None

    async def problem(self, channel: str) -> str | None:
        """Why Shipbell can't post there, as a sentence with what to do; None when it can, or when Slack can't be asked now:
        an unknown is no reason to refuse a rollout."""
        try:
            found = await self._look(channel)
        except ChannelMissing:
            return (
                f"Shipbell can't see the channel {channel}. Create it, or invite Shipbell to it "
                "(/invite @shipbell), if it is private."
            )
        except CALL_ERRORS as error:
            failure = failure_of(error)
            if failure.trouble is Trouble.CHANNEL:
                return f"Shipbell can't see the channel {channel} ({failure.error}). Invite it there: /invite @shipbell."
            return None
        if found.is_archived:
            return f"The channel {channel} is archived. Unarchive it, or name another one in the catalog."
        if not found.is_member:
            return f"Shipbell is not a member of {channel}. Invite it there: /invite @shipbell."
        return None

    async def problems(self, channels: Iterable[str]) -> Mapping[str, str]:
        """The channels with a problem, and the problem."""
        found: dict[str, str] = {}
        for channel in dict.fromkeys(channels):
            problem = await self.problem(channel)
            if problem is not None:
                found[channel] = problem
        return found

    async def _look(self, channel: str) -> Channel:
        """Asked anew each time: membership changes, and a Plan is not made every second."""
        found = (await self._client.conversations_info(channel=await self.resolve(channel)))["channel"]
        return _channel(found)

    def _age(self) -> float:
        return float("inf") if self._listed_at is None else time.monotonic() - self._listed_at

    async def _list(self, unless_younger: float) -> None:
        async with self._lock:
            if self._age() < unless_younger:
                return
            found: dict[str, Channel] = {}
            cursor = ""
            while True:
                page = await self._client.conversations_list(
                    types="public_channel,private_channel",
                    exclude_archived=False,
                    limit=200,
                    cursor=cursor or None,
                )
                for item in page.get("channels") or []:
                    channel = _channel(item)
                    # An archived channel's name can be given to a new one: the living one counts.
                    if channel.name not in found or not channel.is_archived:
                        found[channel.name] = channel
                cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
                if not cursor:
                    break
            self._by_name, self._listed_at = found, time.monotonic()


def _channel(item: Mapping[str, object]) -> Channel:
    is_direct = bool(item.get("is_im"))
    return Channel(
        str(item["id"]),
        str(item.get("name") or "").lower(),
        bool(item.get("is_member")) or is_direct,
        bool(item.get("is_archived")),
    )
