"""Saying something back to one person, where and how the way in allows it."""

from __future__ import annotations

import logging

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.domain.messages import Reply
from bot.slack.incoming import How, Incoming
from bot.slack.views.blocks import Message
from bot.slack.views.limits import Block
from bot.slack.views.modals import notice_modal
from bot.slack.views.reply import reply
from bot.slack.web import CALL_ERRORS, failure_of

log = logging.getLogger(__name__)


class Answers:
    def __init__(self, client: AsyncWebClient, timeout: int = 15) -> None:
        self._client = client
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Closes the connections to response_urls."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def give(
        self,
        incoming: Incoming,
        answer: Reply,
        *,
        card_link: str | None = None,
        trigger_id: str | None = None,
    ) -> None:
        """Tries the ways that fit, best first; says nothing further when all fail, since the state is on the card anyway."""
        message = reply(answer, card_link)
        if incoming.is_home and await self._in_modal(answer, trigger_id):
            return
        if incoming.how is How.DM and await self._post(incoming.channel, incoming.thread_ts, message):
            return
        if incoming.how is How.SLASH and await self._respond(incoming, answer, message):
            return
        # What replaces an ephemeral message can only come by its response_url.
        if incoming.is_ephemeral and await self._respond(incoming, answer, message):
            return
        if incoming.channel and not incoming.is_home:
            if not answer.only_asker and await self._post(incoming.channel, incoming.thread_ts, message):
                return
            if await self._whisper(incoming, message):
                return
        if incoming.how is How.BUTTON and await self._respond(incoming, answer, message):
            return
        if not await self._post(incoming.user, None, message):
            log.warning("%s could not be answered: %s", incoming.user, incoming.request_id)

    async def open(self, trigger_id: str | None, view: Block) -> bool:
        """Opens a modal; False when Slack doesn't, above all because 3 seconds are over."""
        if not trigger_id:
            return False
        try:
            await self._client.views_open(trigger_id=trigger_id, view=view)
        except CALL_ERRORS as error:
            log.info("a modal can't be opened: %s", failure_of(error).error)
            return False
        return True

    async def link(self, channel_id: str, ts: str) -> str | None:
        """Where a message can be seen."""
        try:
            answer = await self._client.chat_getPermalink(channel=channel_id, message_ts=ts)
        except CALL_ERRORS:
            return None
        link = str(answer.get("permalink") or "")
        return link if link.startswith(("http://", "https://")) and not set(link) & set("<>|\n ") else None

    async def _in_modal(self, answer: Reply, trigger_id: str | None) -> bool:
        return await self.open(trigger_id, notice_modal(answer))

    async def _respond(self, incoming: Incoming, answer: Reply, message: Message) -> bool:
        """By the response_url: good for half an hour and five answers, also where Shipbell is no member."""
        if not incoming.response_url:
            return False
        webhook = AsyncWebhookClient(incoming.response_url, session=self._kept())
        try:
            sent = await webhook.send(
                text=message.text,
                blocks=message.blocks,
                response_type="ephemeral" if answer.only_asker or incoming.is_ephemeral else "in_channel",
                replace_original=incoming.is_ephemeral,
            )
        except CALL_ERRORS as error:
            log.info("a response_url failed: %s", failure_of(error).error)
            return False
        return sent.status_code == 200

    def _kept(self) -> aiohttp.ClientSession:
        """One session for all: left to itself, slack_sdk connects anew for each answer, which costs more than the answer."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                # Given up sooner than servers do (5 s is usual), so that no answer goes into a connection that is being closed.
                connector=aiohttp.TCPConnector(keepalive_timeout=3.0),
            )
        return self._session

    async def _whisper(self, incoming: Incoming, message: Message) -> bool:
        return await self._call(
            "chat.postEphemeral",
            channel=incoming.channel,
            user=incoming.user,
            thread_ts=incoming.thread_ts,
            text=message.text,
            blocks=message.blocks,
        )

    async def _post(self, channel: str | None, thread_ts: str | None, message: Message) -> bool:
        if not channel:
            return False
        return await self._call(
            "chat.postMessage",
            channel=channel,
            thread_ts=thread_ts,
            text=message.text,
            blocks=message.blocks,
            unfurl_links=False,
            unfurl_media=False,
        )

    async def _call(self, method: str, **arguments: object) -> bool:
        try:
            await self._client.api_call(method, json={k: v for k, v in arguments.items() if v is not None})
        except CALL_ERRORS as error:
            log.info("%s failed: %s", method, failure_of(error).error)
            return False
        return True
