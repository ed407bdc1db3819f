"""The outbox's sender: one leased loop that posts and updates what channels should show, within Slack's limits.

What a message says is the views' and the snapshot's; what is owed to whom is the outbox's. This is about when and where: order per
message, pace, pauses that Slack asks for, a Slack that is away, a message that is gone, a channel that is closed, and a process that
was killed between a post and its record.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.catalog import Catalog
from bot.domain.errors import StorageError, UnknownWord
from bot.domain.messages import MessageKind, OutboxMessage
from bot.operations.desk import Desk
from bot.ports import Clock, Store
from bot.slack.channels import ChannelMissing, Channels
from bot.slack.history import find_posted
from bot.slack.pacing import Pace
from bot.slack.rendering import Renderer, identity_of
from bot.slack.views.blocks import Message, outbox_block_id, section
from bot.slack.web import CALL_ERRORS, Failure, Trouble, failure_of

log = logging.getLogger(__name__)
_IN_THREAD = (MessageKind.DETAIL, MessageKind.ASK)
_NEEDED = (MessageKind.PROMPT, MessageKind.ASK, MessageKind.NOTICE)
"""Besides final states, these go to the fallback channel when their own is closed: somebody waits for them."""
_AT_ONCE = 8
_DUE = 500
_LONG = 100
_BREATH = 0.05
_LONG_POLL = 1.0
_LONGEST_PAUSE = 15.0
"""Seconds between tries while Slack is away: so soon does the card catch up."""
_GUARD = timedelta(seconds=5)
"""So long does a row rest after its post was begun and not recorded."""


@dataclass(frozen=True)
class Place:
    """Where a row goes: a channel's name or id, and the thread there. `ready`: False while its card isn't there yet."""

    channel: str
    thread_ts: str | None = None
    ready: bool = True
    lost: bool = False


class Sender:
    """`replica` names this process for the lease. `run` works until it is cancelled."""

    def __init__(
        self,
        client: AsyncWebClient,
        store: Store,
        desk: Desk,
        catalog: Callable[[], Catalog],
        channels: Channels,
        clock: Clock,
        replica: str,
        *,
        pace: Pace | None = None,
        lease: timedelta = timedelta(seconds=10),
        poll: float = 0.25,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._store = store
        self._outbox = store.outbox
        self._catalog = catalog
        self._channels = channels
        self._clock = clock
        self._replica = replica
        self._renderer = Renderer(desk, catalog)
        self._now = monotonic
        self._pace = pace or Pace(monotonic)
        self._lease, self._poll = lease, poll
        self._leased_until = 0.0
        self._renew_at = 0.0
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._later: dict[str, float] = {}
        self._failures = 0
        self._backlog = 0
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something was enqueued by this process: look at once."""
        self._woken.set()

    async def run(self) -> None:
        try:
            while True:
                try:
                    if await self.has_lease():
                        await self.step()
                except StorageError as error:
                    log.warning("the outbox can't be read: %s", error)
                    await asyncio.sleep(min(1.0, self._poll * 4))
                except Exception:  # the worker loop's boundary: nothing may end the sender
                    log.exception("the outbox can't be read")
                    await asyncio.sleep(min(1.0, self._poll * 4))
                with contextlib.suppress(TimeoutError):
                    # Reading a long backlog again and again would be the most of the work; it moves once a second anyway.
                    async with asyncio.timeout(self._poll if self._backlog < _LONG else _LONG_POLL):
                        await self._woken.wait()
                # What is enqueued in quick succession is looked for once.
                await asyncio.sleep(self._poll if self._backlog >= _LONG else _BREATH)
                self._woken.clear()
        finally:
            await self._finish()

    async def step(self) -> None:
        """Begins to send whatever may be sent now."""
        if self._pace.is_held("*"):
            return
        # What is being sent while the rows are read may be stale in them, also after it has ended: a post would be made twice.
        under_way = set(self._busy)
        rows = await self._outbox.due(self._clock.now(), _DUE)
        self._backlog = len(rows)
        for row in rows:
            if len(self._busy) >= _AT_ONCE:
                return
            if row.key in under_way or self._now() < self._later.get(row.key, 0.0):
                continue
            if _method(row) == "chat.postMessage" and not self._pace.can_post(row.channel):
                continue
            place = await self._place(row)
            if place.lost:
                await self._close(row, "its card could not be delivered")
            elif not place.ready:
                self._later[row.key] = self._now() + 0.3
            elif self._may(row):
                self._later.pop(row.key, None)
                self._busy[row.key] = asyncio.create_task(self._deliver(row, place), name=f"send {row.key}")

    # --- what may go now

    async def has_lease(self) -> bool:
        now = self._now()
        if now >= self._renew_at:
            if await self._outbox.lease(self._replica, self._lease):
                self._leased_until = now + self._lease.total_seconds()
            else:
                self._leased_until = 0.0
            self._renew_at = now + self._lease.total_seconds() / 3
        return self._now() < self._leased_until

    async def _place(self, row: OutboxMessage) -> Place:
        """A thread's message waits for its card; a question whose card can't be there stands alone."""
        if row.kind not in _IN_THREAD or row.operation is None or row.ts is not None:
            return Place(row.channel)
        async with self._store.view() as view:
            messages = await view.messages(row.operation)
        card = next((m for m in messages if m.kind is MessageKind.CARD), None)
        if card is not None and card.ts is not None:
            return Place(card.channel_id or card.channel, card.ts)
        if card is not None and card.sent < card.wanted:
            return Place(row.channel, ready=False)
        return Place(row.channel, lost=row.kind is MessageKind.DETAIL)

    def _may(self, row: OutboxMessage) -> bool:
        method = _method(row)
        if self._pace.is_held(method):
            return False
        if method == "chat.update":
            return self._pace.may_update(row.key, is_urgent=row.is_final)
        return method == "views.publish" or self._pace.may_post(row.channel)

    async def _finish(self) -> None:
        if self._busy:
            await asyncio.wait(list(self._busy.values()), timeout=3.0)
        for task in list(self._busy.values()):
            task.cancel()

    # --- one message

    async def _deliver(self, row: OutboxMessage, place: Place) -> None:
        try:
            await self._send(row, place)
            self._failures = 0
        except ChannelMissing:
            await self._closed_channel(row, "channel_not_found")
        except CALL_ERRORS as error:
            await self._failed(row, failure_of(error))
        except (UnknownWord, ValueError) as error:
            await self._close(row, str(error))
        except StorageError as error:  # it stays due, as it is
            log.warning("what became of the message %s can't be written: %s", row.key, error)
            self._later[row.key] = self._now() + 1.0
        except Exception as error:  # the worker loop's boundary: one message must not stop the others
            log.exception("the message %s can't be sent", row.key)
            await self._postpone(row, type(error).__name__, min(60.0, 2.0 ** min(row.attempts, 6)))
        finally:
            self._busy.pop(row.key, None)
            self._woken.set()

    async def _send(self, row: OutboxMessage, place: Place) -> None:
        if row.kind is MessageKind.HOME:
            view = await self._renderer.home_view(identity_of(row))
            await self._client.views_publish(user_id=row.channel, view=view)
            await self._outbox.delivered(row.key, row.wanted, row.channel, "")
            return
        if row.ts is not None and row.channel_id is not None:
            await self._update(row, row.channel_id, row.ts)
            return
        channel = await self._channels.resolve(place.channel)
        if row.attempts > 0 or row.last_error:
            # Its post may have been begun by somebody who was killed before it was written down.
            ts = await find_posted(self._client, channel, place.thread_ts, row)
            if ts is not None and await self._takes_update(row, channel, ts):
                return
        message = await self._renderer.message(row)
        await self._outbox.postponed(row.key, "being sent", self._clock.now() + _GUARD)
        if self._now() >= self._leased_until:
            return
        answer = await self._call(row, message, "post", channel=channel, thread_ts=place.thread_ts)
        await self._outbox.delivered(row.key, row.wanted, str(answer["channel"]), str(answer["ts"]))

    async def _update(self, row: OutboxMessage, channel: str, ts: str) -> None:
        await self._call(row, await self._renderer.message(row), "update", channel=channel, ts=ts)
        await self._outbox.delivered(row.key, row.wanted, channel, ts)

    async def _takes_update(self, row: OutboxMessage, channel: str, ts: str) -> bool:
        """False when the message that was found is an old one that can't be changed any more."""
        try:
            await self._update(row, channel, ts)
        except CALL_ERRORS as error:
            if failure_of(error).trouble is not Trouble.GONE:
                raise
            return False
        return True

    async def _call(
        self, row: OutboxMessage, message: Message, how: str, **where: str | None
    ) -> dict[str, object]:
        """Posts or updates; when Slack doesn't take the blocks, the same as plain text, so that people see something."""
        call = self._client.chat_update if how == "update" else self._client.chat_postMessage
        extra: dict[str, object] = {} if how == "update" else {"unfurl_links": False, "unfurl_media": False}
        try:
            answer = await call(text=message.text, blocks=message.blocks, **where, **extra)  # type: ignore[arg-type]
        except CALL_ERRORS as error:
            failure = failure_of(error)
            if failure.trouble is not Trouble.SHAPE:
                raise
            log.error("Slack doesn't take the blocks of %s: %s", row.key, failure.error)
            block = section(message.text) or {}
            blocks = [{**block, "block_id": outbox_block_id(row.key)}]
            answer = await call(text=message.text, blocks=blocks, **where, **extra)  # type: ignore[arg-type]
        return {"channel": answer["channel"], "ts": answer["ts"]}

    # --- what went wrong

    async def _failed(self, row: OutboxMessage, failure: Failure) -> None:
        match failure.trouble:
            case Trouble.RATE:
                self._pace.hold(_method(row), failure.retry_after)
                await self._postpone(row, failure.error, failure.retry_after)
            case Trouble.AWAY:
                pause = min(_LONGEST_PAUSE, 0.5 * 2.0 ** min(self._failures, 10))
                self._failures += 1
                self._pace.hold("*", pause)
                log.warning("Slack is away (%s); trying again in %.1f s", failure.error, pause)
                await self._postpone(row, failure.error, pause)
            case Trouble.INSTALLATION:
                self._pace.hold("*", _LONGEST_PAUSE * 2)
                log.error("Slack refuses Shipbell's token: %s; `shipbell doctor` says more", failure.error)
                await self._postpone(row, failure.error, _LONGEST_PAUSE * 2)
            case Trouble.CHANNEL:
                self._channels.forget()
                await self._closed_channel(row, failure.error)
            case Trouble.GONE:
                await self._gone(row, failure.error)
            case Trouble.SHAPE:
                await self._close(row, failure.error)
            case Trouble.OTHER:
                if row.attempts >= 5:
                    await self._closed_channel(row, failure.error)
                else:
                    await self._postpone(row, failure.error, 2.0**row.attempts)

    async def _gone(self, row: OutboxMessage, error: str) -> None:
        """A message that can't be changed any more is posted anew, unless a later state will be told anyway."""
        if row.ts is None or (error == "edit_window_closed" and not (row.is_final or row.kind in _NEEDED)):
            await self._close(row, error)
        else:
            log.warning("%s can't be updated (%s): posting it anew", row.key, error)
            await self._outbox.redirect(row.key, row.channel)

    async def _closed_channel(self, row: OutboxMessage, error: str) -> None:
        fallback = self._catalog().fallback_channel
        if fallback and row.channel != fallback and (row.is_final or row.kind in _NEEDED):
            log.warning("%s can't be shown in %s (%s): it goes to %s", row.key, row.channel, error, fallback)
            await self._outbox.redirect(row.key, fallback)
        else:
            await self._close(row, f"{row.channel}: {error}")

    async def _close(self, row: OutboxMessage, error: str) -> None:
        log.error("the message %s can't be delivered: %s", row.key, error)
        self._later.pop(row.key, None)
        await self._outbox.undeliverable(row.key, row.wanted, error[:500])

    async def _postpone(self, row: OutboxMessage, error: str, seconds: float) -> None:
        await self._outbox.postponed(row.key, error, self._clock.now() + timedelta(seconds=seconds))


def _method(row: OutboxMessage) -> str:
    if row.kind is MessageKind.HOME:
        return "views.publish"
    return "chat.update" if row.ts is not None else "chat.postMessage"
