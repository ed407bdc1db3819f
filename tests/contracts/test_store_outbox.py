"""The contract of `bot.ports.Outbox`: messages coalesce, come in their turn, and one sender at a time owns them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.messages import MessageKind, OutboxMessage
from bot.ports import Store
from tests.support.poll import until
from tests.support.postgres import postgres_server, postgres_url
from tests.support.store import NOON, empty_url, store, store_url

__all__ = ["empty_url", "postgres_server", "postgres_url", "store", "store_url"]

CARD = OutboxMessage(
    "card:12", MessageKind.CARD, "#deploys", operation=12, payload={"leg": 1}, created_at=NOON
)
DELIVERED = {"channel_id": "C1", "ts": "1700000000.000100"}


async def put(store: Store, *messages: OutboxMessage) -> None:
    async with store.transaction() as tx:
        for message in messages:
            await tx.put_message(message)


async def message(store: Store, key: str = "card:12") -> OutboxMessage:
    async with store.view() as view:
        found = await view.message(key)
    assert found is not None
    return found


async def due(store: Store, **options: int) -> list[str]:
    return [message.key for message in await store.outbox.due(NOON, **options)]


async def test_a_new_message_is_due(store: Store) -> None:
    await put(store, CARD)
    assert list(await store.outbox.due(NOON)) == [CARD]
    assert await message(store) == CARD


async def test_a_new_message_begins_at_one_whatever_it_says(store: Store) -> None:
    await put(store, replace(CARD, wanted=9, sent=9, attempts=9, last_error="x"))
    assert await message(store) == CARD


async def test_a_message_without_a_time_gets_the_databases(store: Store) -> None:
    await put(store, replace(CARD, created_at=None))
    assert (await message(store)).created_at is not None


async def test_the_same_key_coalesces(store: Store) -> None:
    await put(store, CARD)
    await put(store, replace(CARD, payload={"leg": 2}, channel="#other", is_final=True, created_at=None))
    assert list(await store.outbox.due(NOON)) == [
        replace(CARD, payload={"leg": 2}, channel="#other", is_final=True, wanted=2)
    ]


async def test_a_delivered_message_is_not_due_until_it_is_wanted_again(store: Store) -> None:
    await put(store, CARD)
    await store.outbox.delivered("card:12", 1, **DELIVERED)
    assert await due(store) == []
    assert await message(store) == replace(CARD, sent=1, **DELIVERED)  # type: ignore[arg-type]
    await put(store, CARD)
    assert list(await store.outbox.due(NOON)) == [replace(CARD, wanted=2, sent=1, **DELIVERED)]  # type: ignore[arg-type]


async def test_what_was_wanted_during_the_delivery_is_still_due(store: Store) -> None:
    await put(store, CARD)
    await put(store, CARD)
    await store.outbox.delivered("card:12", 1, **DELIVERED)
    assert await due(store) == ["card:12"]


async def test_a_late_word_does_not_undo_a_later_delivery(store: Store) -> None:
    await put(store, CARD)
    await put(store, CARD)
    await store.outbox.delivered("card:12", 2, **DELIVERED)
    await store.outbox.delivered("card:12", 1, **DELIVERED)
    await store.outbox.undeliverable("card:12", 1, "late")
    assert (await message(store)).sent == 2


async def test_final_states_first_then_oldest(store: Store) -> None:
    keys = ("detail:2", "card:1", "detail:1", "card:2")
    await put(store, *(replace(CARD, key=key, is_final=key == "card:2") for key in keys))
    assert await due(store) == ["card:2", "detail:2", "card:1", "detail:1"]
    assert await due(store, limit=2) == ["card:2", "detail:2"]


async def test_a_message_that_changes_all_the_time_does_not_hold_up_the_others(store: Store) -> None:
    await put(store, CARD)
    await put(store, CARD)
    await put(store, replace(CARD, key="detail:1"))
    await put(store, CARD)
    assert await due(store) == ["card:12", "detail:1"]  # it keeps its turn while it waits
    await store.outbox.delivered("card:12", 1, **DELIVERED)
    assert await due(store) == ["detail:1", "card:12"]  # and goes to the end with each delivery
    await store.outbox.delivered("card:12", 3, **DELIVERED)
    await put(store, CARD)
    assert await due(store) == ["detail:1", "card:12"]


async def test_a_postponed_message_is_due_when_its_time_comes(store: Store) -> None:
    await put(store, CARD)
    await store.outbox.postponed("card:12", "ratelimited", NOON + timedelta(seconds=30))
    await put(store, CARD)  # wanting it again doesn't make Slack's limit go away
    assert await due(store) == []
    assert (await message(store)).attempts == 1
    assert (await message(store)).last_error == "ratelimited"
    [late] = await store.outbox.due(NOON + timedelta(seconds=30))
    assert late.wanted == 2
    await store.outbox.delivered("card:12", 2, **DELIVERED)
    assert await message(store) == replace(CARD, wanted=2, sent=2, **DELIVERED)  # type: ignore[arg-type]


async def test_a_message_can_be_meant_for_later(store: Store) -> None:
    await put(store, replace(CARD, not_before=NOON + timedelta(hours=1)))
    assert await due(store) == []
    assert len(await store.outbox.due(NOON + timedelta(hours=1))) == 1


async def test_an_undeliverable_message_is_given_up_until_it_is_wanted_again(store: Store) -> None:
    await put(store, CARD)
    await store.outbox.postponed("card:12", "timeout", NOON - timedelta(seconds=1))
    await store.outbox.undeliverable("card:12", 1, "is_archived")
    assert await due(store) == []
    assert (await message(store)).last_error == "is_archived"
    assert (await message(store)).attempts == 2
    await put(store, CARD)
    assert list(await store.outbox.due(NOON)) == [replace(CARD, wanted=2, sent=1)]


async def test_giving_up_one_state_does_not_give_up_the_next(store: Store) -> None:
    await put(store, CARD)
    await put(store, CARD)
    await store.outbox.undeliverable("card:12", 1, "msg_too_long")
    assert await due(store) == ["card:12"]


@pytest.mark.parametrize("settled", [False, True])
async def test_a_redirected_message_is_new_in_its_channel(store: Store, settled: bool) -> None:
    await put(store, CARD)
    await put(store, CARD)
    await store.outbox.delivered("card:12", 1, **DELIVERED)
    await store.outbox.postponed("card:12", "timeout", NOON + timedelta(hours=1))
    if settled:
        await store.outbox.undeliverable("card:12", 2, "is_archived")
    await store.outbox.redirect("card:12", "#fallback")
    [moved] = await store.outbox.due(NOON)
    assert (moved.channel, moved.channel_id, moved.ts) == ("#fallback", None, None)
    assert (moved.attempts, moved.last_error) == (0, "")


async def test_an_operations_messages_oldest_first(store: Store) -> None:
    ask = replace(CARD, key="ask:12", kind=MessageKind.ASK, created_at=NOON - timedelta(minutes=1))
    notice = OutboxMessage("notice:1", MessageKind.NOTICE, "#admins", created_at=NOON)
    await put(store, CARD, ask, notice)
    async with store.view() as view:
        assert await view.messages(12) == [ask, CARD]
        assert await view.messages(13) == []
        assert await view.message("none") is None


async def test_an_operation_is_found_by_its_posted_message(store: Store) -> None:
    await put(store, CARD, OutboxMessage("notice:1", MessageKind.NOTICE, "#admins"))
    await store.outbox.delivered("card:12", 1, **DELIVERED)
    await store.outbox.delivered("notice:1", 1, "C1", "1700000000.000200")
    async with store.view() as view:
        assert await view.operation_by_message("C1", "1700000000.000100") == 12
        assert await view.operation_by_message("C1", "1700000000.000200") is None
        assert await view.operation_by_message("C2", "1700000000.000100") is None


async def test_a_message_of_a_transaction_that_failed_is_never_sent(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        async with store.transaction() as tx:
            await tx.put_message(CARD)
            raise ZeroDivisionError
    assert await due(store) == []


async def test_words_about_an_unknown_key_change_nothing(store: Store) -> None:
    await store.outbox.delivered("none", 1, **DELIVERED)
    await store.outbox.postponed("none", "x", NOON)
    await store.outbox.redirect("none", "#x")
    assert await due(store) == []


# The lease


async def test_one_replica_has_the_lease(store: Store) -> None:
    minute = timedelta(minutes=1)
    assert await store.outbox.lease("one", minute)
    assert not await store.outbox.lease("two", minute)
    assert await store.outbox.lease("one", minute)


async def test_a_lease_that_is_not_renewed_is_another_replicas(store: Store) -> None:
    assert await store.outbox.lease("one", timedelta(milliseconds=50))
    await until(lambda: store.outbox.lease("two", timedelta(minutes=1)))
    assert not await store.outbox.lease("one", timedelta(minutes=1))


async def test_a_renewal_counts_from_now(store: Store) -> None:
    assert await store.outbox.lease("one", timedelta(minutes=1))
    assert await store.outbox.lease("one", timedelta(milliseconds=50))  # a shorter one ends sooner
    await until(lambda: store.outbox.lease("two", timedelta(minutes=1)))


async def test_a_replica_that_retires_gives_its_lease_back(store: Store) -> None:
    await store.replicas.begin("one")
    assert await store.outbox.lease("one", timedelta(minutes=1))
    await store.replicas.retire("one")
    assert await store.outbox.lease("two", timedelta(minutes=1))
