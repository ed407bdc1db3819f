"""The work behind a listener: who is it, what was said, what is the answer. Runs after Slack was answered, once an Incoming.

It knows the order of things and no rules: the dispatcher reads the words, the desk decides.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from bot.domain.errors import ShipbellError
from bot.domain.identity import Actor
from bot.domain.messages import MessageKind, Paragraph, Reply, Tone
from bot.domain.operation import State
from bot.operations.desk import Desk
from bot.ports import Clock, Store
from bot.slack.answers import Answers
from bot.slack.clicks import command_of, number_of
from bot.slack.home_page import HomePage
from bot.slack.incoming import PREFIX, How, Incoming
from bot.slack.views.buttons import LINK, OPEN_DEPLOY, REJECT
from bot.slack.views.modals import Place, deploy_modal, reject_modal
from bot.slack.views.text import esc
from commands.dispatch import Dispatcher, Invocation
from commands.show import state

log = logging.getLogger(__name__)
STALE = timedelta(minutes=15)
"""What was asked longer ago than this, and not finished, is not done any more: nobody expects it now."""
_AT_ONCE = 4
_PLACE_WITHIN = 1.0
_CARD_WITHIN = 3.0
"""Seconds to wait for a card, so that the answer can link to it."""


class Worker:
    def __init__(
        self,
        desk: Desk,
        dispatcher: Dispatcher,
        store: Store,
        answers: Answers,
        home: HomePage,
        clock: Clock,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._desk = desk
        self._dispatcher = dispatcher
        self._store = store
        self._answers = answers
        self._home = home
        self._clock = clock
        self._wake = wake
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def accept(self, incoming: Incoming, trigger_id: str | None = None) -> bool:
        """Stores a request and begins its work; returns before the work is done. False for one that was there before."""
        if not await self._desk.accept(incoming.request_id, incoming.kind, incoming.to_payload()):
            log.info("%s came again", incoming.request_id)
            return False
        self._start(incoming, trigger_id)
        return True

    async def replay_unfinished(self, older_than: timedelta = timedelta(0)) -> int:
        """Begins to work on requests that were stored and not finished, by us or by a replica that died. Returns how many."""
        now, count = self._clock.now(), 0
        for request_id, kind, payload, at in await self._desk.unfinished():
            if not kind.startswith(PREFIX) or request_id in self._tasks or now - at < older_than:
                continue
            try:
                incoming = Incoming.from_payload(payload)
            except ValueError:
                log.error("the stored request %s can't be read; it is left aside", request_id)
                await self._desk.finish(request_id)
                continue
            count += 1
            self._start(incoming, None, is_stale=now - at > STALE)
        return count

    async def close(self, within: float = 5.0) -> None:
        """Lets what is under way end; what doesn't is found again at the next start."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=within)
        for task in list(self._tasks.values()):
            task.cancel()

    def _start(self, incoming: Incoming, trigger_id: str | None, *, is_stale: bool = False) -> None:
        work = self._work(incoming, trigger_id, is_stale)
        self._tasks[incoming.request_id] = asyncio.create_task(work, name=incoming.request_id)

    async def _work(self, incoming: Incoming, trigger_id: str | None, is_stale: bool) -> None:
        try:
            if is_stale:
                await self._answers.give(incoming, _TOO_LATE)
            else:
                await self._do(incoming, trigger_id)
            await self._desk.finish(incoming.request_id)
        except Exception:  # the listener's boundary: a fault of ours must reach the log and the person
            log.exception("the request %s failed", incoming.request_id)
            await self._apologise(incoming)
        finally:
            self._tasks.pop(incoming.request_id, None)

    async def _do(self, incoming: Incoming, trigger_id: str | None) -> None:
        if incoming.how is How.BUTTON and incoming.action.startswith(f"{LINK}:"):
            return
        try:
            actor = await self._desk.identify(incoming.identity, incoming.origin)
        except ShipbellError as error:
            await self._answers.give(incoming, error_reply(error), trigger_id=trigger_id)
            return
        if incoming.how is How.BUTTON:
            await self._click(incoming, actor, trigger_id)
        else:
            answer = await self._say(incoming, actor, incoming.text)
            await self._give(incoming, answer, trigger_id)

    async def _say(self, incoming: Incoming, actor: Actor, text: str) -> Reply:
        operation = await self._operation_here(incoming)
        async with self._place():
            answer = await self._dispatcher.run(
                Invocation(text, actor, incoming.origin, operation=operation, fixed_verb=incoming.verb)
            )
        self._wake()
        return answer

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Few requests are worked on at once, or the acknowledgements of those that come in would wait among them all. What
        waits for another system holds its place for as long, so after a second one goes on without."""
        has_place = True
        try:
            async with asyncio.timeout(_PLACE_WITHIN):
                await self._places.acquire()
        except TimeoutError:
            has_place = False
        try:
            yield
        finally:
            if has_place:
                self._places.release()

    async def _click(self, incoming: Incoming, actor: Actor, trigger_id: str | None) -> None:
        if incoming.action == OPEN_DEPLOY:
            await self._open_deploy(incoming, trigger_id)
            return
        number = number_of(incoming.value)
        if incoming.action == REJECT and number is not None:
            answer = await self._open_reject(incoming, number, trigger_id)
        else:
            text = command_of(incoming.action, incoming.value)
            answer = _UNKNOWN_BUTTON if text is None else await self._say(incoming, actor, text)
        about_operation = incoming.action.startswith("op:")
        # A press that did what it says is seen on the card; only what isn't seen there is said.
        done = answer is None or (about_operation and answer.operation is not None)
        if answer is not None and not done:
            await self._give(incoming, answer, trigger_id)
        if about_operation and number is not None and not done:
            await self._refresh(number)
        if incoming.is_home:
            await self._home.publish(incoming.identity)

    async def _open_deploy(self, incoming: Incoming, trigger_id: str | None) -> None:
        place = Place() if incoming.is_home else Place(incoming.channel, incoming.thread_ts)
        if not await self._answers.open(trigger_id, deploy_modal(self._desk.catalog, place)):
            await self._answers.give(incoming, _OPEN_AGAIN)

    async def _open_reject(self, incoming: Incoming, number: int, trigger_id: str | None) -> Reply | None:
        """None when the modal is open. Whether this person may reject is decided when it is submitted."""
        try:
            operation = (await self._desk.snapshot(number)).operation
        except ShipbellError as error:
            return error_reply(error)
        if operation.state is not State.AWAITING_APPROVAL:
            return Reply(f"#{number} {state(operation)}, so there is nothing to reject.", Tone.WAIT)
        place = Place(None if incoming.is_home else incoming.channel, incoming.thread_ts, number)
        if await self._answers.open(trigger_id, reject_modal(operation, place)):
            return None
        return Reply(
            "That took too long to open.",
            Tone.WAIT,
            (Paragraph(f"Press Reject again, or say `reject #{number}`."),),
        )

    async def _give(self, incoming: Incoming, answer: Reply, trigger_id: str | None) -> None:
        if answer.opens == "deploy" and await self._answers.open(
            trigger_id, deploy_modal(self._desk.catalog, Place(incoming.channel, incoming.thread_ts))
        ):
            return
        link = await self._card_link(incoming, answer)
        await self._answers.give(incoming, answer, card_link=link, trigger_id=trigger_id)

    async def _card_link(self, incoming: Incoming, answer: Reply) -> str | None:
        """Where the answer's Operation is shown, unless the asker is in its thread. Waits for a card that is about to come."""
        if answer.operation is None:
            return None
        loop = asyncio.get_running_loop()
        until = loop.time() + _CARD_WITHIN
        while True:
            async with self._store.view() as view:
                messages = await view.messages(answer.operation)
            card = next((m for m in messages if m.kind is MessageKind.CARD), None)
            if card is not None and card.channel_id and card.ts:
                return (
                    None
                    if incoming.thread_ts == card.ts
                    else await self._answers.link(card.channel_id, card.ts)
                )
            if card is None or card.sent >= card.wanted or loop.time() >= until:
                return None
            await asyncio.sleep(0.1)

    async def _operation_here(self, incoming: Incoming) -> int | None:
        """The Operation in whose thread something was said."""
        if not incoming.channel or not incoming.thread_ts:
            return None
        async with self._store.view() as view:
            return await view.operation_by_message(incoming.channel, incoming.thread_ts)

    async def _refresh(self, number: int) -> None:
        """Has the messages drawn anew that showed a button which no longer applies."""
        async with self._store.transaction() as tx:
            for message in await tx.messages(number):
                if (
                    message.kind in (MessageKind.CARD, MessageKind.PROMPT, MessageKind.ASK)
                    and message.ts is not None
                ):
                    await tx.put_message(replace(message, created_at=None))
        self._wake()

    async def _apologise(self, incoming: Incoming) -> None:
        """Says that something broke, and leaves the request finished: it would only break again."""
        try:
            await self._answers.give(incoming, _BROKEN)
            await self._desk.finish(incoming.request_id)
        except (
            Exception
        ):  # the boundary's own boundary: Slack or the database is away, and the log has the cause
            log.exception("and nobody could be told")


def error_reply(error: ShipbellError) -> Reply:
    """An error that came before there was a command: above all that somebody is not known here."""
    sections = (Paragraph(esc(error.todo)),) if error.todo else ()
    return Reply(esc(error.what), Tone.BAD, sections)


_TOO_LATE = Reply(
    "You asked me something while I was away, and I haven't done it.",
    Tone.WAIT,
    (Paragraph("It is too long ago to do it now unasked. Please say it again."),),
)
_BROKEN = Reply(
    "Something broke here, and I can't say what came of it.",
    Tone.BAD,
    (Paragraph("Look at `status` before you try again. Whoever runs Shipbell finds the cause in its log."),),
)
_UNKNOWN_BUTTON = Reply(
    "I don't know this button any more.",
    Tone.WAIT,
    (Paragraph("It may come from an older version of me. Say it in words."),),
)
_OPEN_AGAIN = Reply("That took too long to open.", Tone.WAIT, opens="deploy")
