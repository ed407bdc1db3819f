"""The outbox's sender against a real workspace: in place, in order, once, whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.messages import MessageKind
from bot.domain.operation import State
from bot.slack.sender import Sender
from tests.support.desk import catalog
from tests.support.slack import Catalogs, RealClock, RunningChat, running_chat
from tests.support.workspace import running_workspace, until


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[RunningChat]:
    with_fallback = replace(catalog(), fallback_channel="#releases")
    async with (
        running_workspace(tmp_path) as ws,
        running_chat(ws, tmp_path, catalog=with_fallback, socket=False) as found,
    ):
        yield found


async def _settled(chat: RunningChat, key: str) -> None:
    async def done() -> bool:
        row = await chat.desk.sent(key)
        return row.sent >= row.wanted

    await until(done, 40)


async def _cards(chat: RunningChat, channel: str = "#deploys") -> list[str]:
    return [m["plain"] for m in await chat.ws.person("dana").messages(channel) if m["user"] == "U0SHIPB001"]


async def test_a_card_is_posted_once_and_updated_in_place(chat: RunningChat) -> None:
    number = chat.desk.put(State.ROLLING_OUT).number
    key = await chat.desk.show(number)
    await _settled(chat, key)
    for state in (State.VERIFYING, State.SUCCEEDED):
        chat.desk.operations[number] = replace(chat.desk.operations[number], state=state)
        await chat.desk.show(number)
    await _settled(chat, key)
    assert len(await _cards(chat)) == 1
    assert "Done" in (await _cards(chat))[0]


async def test_many_changes_are_few_updates(chat: RunningChat) -> None:
    number = chat.desk.put(State.ROLLING_OUT).number
    for _ in range(40):
        key = await chat.desk.show(number)
    await _settled(chat, key)
    assert len(await chat.ws.calls("chat.update")) <= 10


async def test_killed_between_post_and_record_it_finds_its_message_again(chat: RunningChat) -> None:
    number = chat.desk.put(State.ROLLING_OUT).number
    key = await chat.desk.show(number)
    await _settled(chat, key)
    # As a kill leaves it: posted, the attempt written down, the message's ts not.
    await chat.store.outbox.redirect(key, "#deploys")
    await chat.store.outbox.postponed(key, "being sent", datetime.now(UTC) - timedelta(seconds=1))
    await _settled(chat, key)
    assert len(await _cards(chat)) == 1


async def test_a_detail_waits_for_its_card_and_stands_in_its_thread(chat: RunningChat) -> None:
    number = chat.desk.put(State.ROLLING_OUT).number
    detail = await chat.desk.show(
        number, MessageKind.DETAIL, key="detail:1", text="It <broke>", log=["a", "b"]
    )
    await asyncio.sleep(0.6)
    assert (await chat.desk.sent(detail)).ts is None or not await _cards(chat)
    card = await chat.desk.show(number)
    await _settled(chat, card)
    late = await chat.desk.show(number, MessageKind.DETAIL, key="detail:2", text="Again")
    await _settled(chat, late)
    thread = await chat.ws.person("dana").messages("#deploys", (await chat.desk.sent(card)).ts)
    assert any("Again" in message["plain"] for message in thread)


async def test_it_waits_as_long_as_slack_says(chat: RunningChat) -> None:
    await chat.ws.control("rate_limit", method="chat.postMessage", times=1, retry_after=2)
    started = asyncio.get_running_loop().time()
    key = await chat.desk.show(chat.desk.put(State.ROLLING_OUT).number)
    await _settled(chat, key)
    assert asyncio.get_running_loop().time() - started >= 1.9
    assert len(await chat.ws.calls("chat.postMessage")) == 2


async def test_slack_away_the_card_catches_up(chat: RunningChat) -> None:
    number = chat.desk.put(State.ROLLING_OUT).number
    key = await chat.desk.show(number)
    await _settled(chat, key)
    await chat.ws.control("outage", on=True)
    chat.desk.operations[number] = replace(chat.desk.operations[number], state=State.SUCCEEDED)
    await chat.desk.show(number)

    async def tried() -> bool:
        return bool((await chat.desk.sent(key)).last_error)

    await until(tried)
    await chat.ws.control("outage", on=False)
    await _settled(chat, key)
    assert len(await _cards(chat)) == 1
    assert "Done" in (await _cards(chat))[0]


async def test_a_final_state_that_has_no_channel_goes_to_the_fallback(chat: RunningChat) -> None:
    number = chat.desk.put(State.SUCCEEDED).number
    await chat.ws.control("channel", name="deploys", kick="shipbell")
    key = await chat.desk.show(number)
    await _settled(chat, key)
    assert not await _cards(chat)
    (text,) = await _cards(chat, "#releases")
    assert "can't post in #deploys" in text


async def test_a_passing_state_that_has_no_channel_is_given_up_and_the_final_one_told(
    chat: RunningChat,
) -> None:
    number = chat.desk.put(State.ROLLING_OUT).number
    await chat.ws.control("channel", name="deploys", archived=True)
    key = await chat.desk.show(number)
    await _settled(chat, key)
    assert "is_archived" in (await chat.desk.sent(key)).last_error
    chat.desk.operations[number] = replace(chat.desk.operations[number], state=State.FAILED)
    await chat.desk.show(number)
    await _settled(chat, key)
    assert len(await _cards(chat, "#releases")) == 1


async def test_a_channel_that_is_not_there_is_given_up(chat: RunningChat) -> None:
    key = await chat.desk.show(chat.desk.put(State.ROLLING_OUT).number, channel="#nowhere")
    await _settled(chat, key)
    assert "#nowhere" in (await chat.desk.sent(key)).last_error


async def test_a_card_that_somebody_deleted_comes_back(chat: RunningChat) -> None:
    number = chat.desk.put(State.ROLLING_OUT).number
    key = await chat.desk.show(number)
    await _settled(chat, key)
    row = await chat.desk.sent(key)
    assert row.channel_id and row.ts
    await chat.slack.client.chat_delete(channel=row.channel_id, ts=row.ts)
    await chat.desk.show(number)

    async def back() -> bool:
        found = await chat.desk.sent(key)
        return found.sent >= found.wanted and found.ts not in (None, row.ts)

    await until(back)
    assert len(await _cards(chat)) == 1


async def test_a_notice_and_a_home_are_sent(chat: RunningChat) -> None:
    notice = await chat.desk.show(
        None, MessageKind.NOTICE, key="notice:1", text="The catalog is *bad*", tone="bad"
    )
    home = await chat.desk.show(None, MessageKind.HOME, "U0LEE00001", key="home:lee", team="T0ACME0001")
    await _settled(chat, notice)
    await _settled(chat, home)
    assert "∗bad∗" in (await _cards(chat))[0]
    assert "Shipbell" in await chat.ws.person("lee").home()


async def test_an_operation_that_is_gone_is_given_up(chat: RunningChat) -> None:
    key = await chat.desk.show(chat.desk.put(State.ROLLING_OUT).number)
    chat.desk.operations.clear()
    await _settled(chat, key)


@pytest.mark.slow
async def test_in_a_crowd_every_message_is_there_once_and_shows_the_last_state(chat: RunningChat) -> None:
    """Rows change while they are read, sent and recorded: none may be posted twice or left behind."""
    rooms = ("#deploys", "#releases", "#test-env")
    numbers = [chat.desk.put(State.ROLLING_OUT).number for _ in range(6)]
    for turn in range(25):
        for number in numbers:
            await chat.desk.show(number, channel=rooms[number % 3])
        if turn % 12 == 0:
            for number in numbers:
                key = f"detail:{number}:{turn}"
                await chat.desk.show(number, MessageKind.DETAIL, rooms[number % 3], key, text=f"turn {turn}")
        await asyncio.sleep(0.05)
    for number in numbers:
        chat.desk.operations[number] = replace(chat.desk.operations[number], state=State.SUCCEEDED)
        await chat.desk.show(number, channel=rooms[number % 3])
    for number in numbers:
        await _settled(chat, f"card:{number}")
        await _settled(chat, f"detail:{number}:24")
    cards = [text for room in rooms for text in await _cards(chat, room)]
    assert sorted("Done" in card for card in cards) == [True] * len(numbers)
    for number in numbers:
        row = await chat.desk.sent(f"card:{number}")
        thread = await chat.ws.person("dana").messages(rooms[number % 3], row.ts)
        assert [message["plain"] for message in thread[1:]] == ["turn 0", "turn 12", "turn 24"]


async def test_only_the_leased_sender_sends(chat: RunningChat) -> None:
    """A second replica's sender holds still while the first has the lease."""
    key = await chat.desk.show(chat.desk.put(State.ROLLING_OUT).number)
    await _settled(chat, key)
    other = Sender(
        chat.slack.client,
        chat.store,
        chat.desk,
        lambda: Catalogs(chat.desk.catalog).current,
        chat.slack.channels,
        RealClock(),
        "r2",
    )
    task = asyncio.create_task(other.run())
    try:
        for _ in range(3):
            await chat.desk.show(chat.desk.put(State.ROLLING_OUT).number)
        await _settled(chat, f"card:{max(chat.desk.operations)}")
        assert not await other.has_lease()
        assert len(await _cards(chat)) == len(chat.desk.operations)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
