"""The four ways in, buttons and modals, against a real workspace over Socket Mode."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.messages import MessageKind
from bot.domain.operation import Choice, Question, State
from tests.support.desk import NOW
from tests.support.slack import RunningChat, running_chat
from tests.support.snapshots import a_plan
from tests.support.workspace import running_workspace, until


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[RunningChat]:
    async with running_workspace(tmp_path) as ws, running_chat(ws, tmp_path) as running:
        yield running


async def test_a_slash_command_is_done_answered_to_its_asker_and_shown_on_a_card(chat: RunningChat) -> None:
    dana, lee = chat.ws.person("dana"), chat.ws.person("lee")
    await dana.command("/deploy shop test")
    answer = await dana.wait_for("see its card")
    assert answer["ephemeral"]
    card = await lee.wait_for("shop → test")
    assert "Preparing" in card["plain"]
    assert not any("see its card" in message["plain"] for message in await lee.messages())
    assert [(e.verb, e.words) for e in chat.desk.effects] == [("deploy", ("shop", "test"))]


async def test_mentions_and_direct_messages_say_the_same(chat: RunningChat) -> None:
    dana = chat.ws.person("dana")
    await dana.say("@shipbell status shop")
    assert (await dana.wait_for("v1.2"))["ephemeral"]
    await dana.dm("status cart")
    room = await dana.dm_channel()
    await dana.wait_for("cart", room)
    assert [e.words for e in chat.desk.effects] == [("shop",), ("cart",)]


async def test_a_mention_in_the_middle_of_a_sentence_does_nothing(chat: RunningChat) -> None:
    dana = chat.ws.person("dana")
    await dana.say("I told @shipbell deploy shop prod")
    await dana.say("@shipbell whoami")
    await dana.wait_for("You are dana")
    assert not chat.desk.effects


async def test_a_mention_in_a_cards_thread_means_its_operation(chat: RunningChat) -> None:
    operation = chat.desk.put(State.ROLLING_OUT)
    await chat.desk.show(operation.number)
    dana = chat.ws.person("dana")
    card = await dana.wait_for("shop → prod")
    await dana.say("@shipbell abort", thread=card["ts"])
    await dana.wait_for("next safe point", thread=card["ts"])
    assert [(e.verb, e.words) for e in chat.desk.effects] == [("abort", (f"#{operation.number}",))]


async def test_a_guest_is_refused(chat: RunningChat) -> None:
    gus = chat.ws.person("gus")
    await gus.command("/deploy shop test")
    await gus.wait_for("doesn't know you")
    assert not chat.desk.effects


async def test_a_nearest_match_is_a_button_and_its_answer_takes_the_place(chat: RunningChat) -> None:
    dana = chat.ws.person("dana")
    await dana.command("/deploy shpo test")
    await dana.wait_for("There is no service")
    await dana.click("deploy shop test")
    await dana.wait_for("is being prepared")
    assert not any("There is no service" in message["plain"] for message in await dana.messages())


async def test_approve_takes_one_click_and_carries_the_plan_that_was_seen(chat: RunningChat) -> None:
    operation = chat.desk.put(State.AWAITING_APPROVAL, plan=a_plan())
    await chat.desk.show(operation.number, MessageKind.PROMPT, "#releases", plan_hash=a_plan().hash)
    await chat.ws.person("lee").click("Approve")
    await until(lambda: _has(chat, "approve"))
    assert chat.desk.effects[0].plan_hash == a_plan().hash[:12]


async def test_a_button_that_no_longer_applies_says_why_and_goes(chat: RunningChat) -> None:
    lee = chat.ws.person("lee")
    operation = chat.desk.put(State.AWAITING_APPROVAL, plan=a_plan())
    await chat.desk.show(operation.number)
    message = await lee.wait_for("Waits for approval")
    stale = lee.control("Approve", message)
    # It ended, and nobody has told the card.
    chat.desk.operations[operation.number] = replace(operation, state=State.EXPIRED)
    await lee.press(stale)
    assert (await lee.wait_for("doesn't wait for approval"))["ephemeral"]
    card = await lee.wait_for("Expired")
    assert not [block for block in card["blocks"] if block["type"] == "actions"]


async def test_a_double_click_approves_once_and_says_so(chat: RunningChat) -> None:
    lee = chat.ws.person("lee")
    operation = chat.desk.put(State.AWAITING_APPROVAL, plan=a_plan())
    await chat.desk.show(operation.number)
    button = lee.control("Approve", await lee.wait_for("Waits for approval"))
    await lee.press(button)
    await lee.press(button)
    await lee.wait_for("doesn't wait for approval")
    assert chat.desk.operations[operation.number].state is State.QUEUED


async def test_reject_asks_why_and_wants_an_answer(chat: RunningChat) -> None:
    lee = chat.ws.person("lee")
    operation = chat.desk.put(State.AWAITING_APPROVAL, plan=a_plan())
    await chat.desk.show(operation.number)
    await lee.click("Reject")
    refused = await lee.submit({"reason": "   "})
    assert "Say why" in refused["errors"]["reason"]
    await lee.submit({"reason": "not on a Friday"})
    await until(lambda: _has(chat, "reject"))
    assert (chat.desk.effects[0].words, chat.desk.effects[0].reason) == (
        (f"#{operation.number}",),
        "not on a Friday",
    )


async def test_a_question_is_answered_by_a_click(chat: RunningChat) -> None:
    question = Question(3, "failure", "How shall it go on?", (Choice.RETRY, Choice.ROLL_BACK), NOW)
    operation = chat.desk.put(State.ASKING, question=question)
    await chat.desk.show(operation.number)
    await chat.ws.person("dana").click("Retry")
    await until(lambda: _has(chat, "answer"))
    assert chat.desk.effects[0].words == (f"#{operation.number}", "3", "retry")


async def test_deploy_alone_opens_a_modal_that_asks_for_the_same(chat: RunningChat) -> None:
    dana = chat.ws.person("dana")
    await dana.command("/deploy")
    await dana.modal()
    wrong = await dana.submit({"service": "münze", "environment": "prod", "batch": "0", "instances": "x"})
    assert set(wrong["errors"]) == {"environment", "batch"}
    done = await dana.submit(
        {
            "service": "shop",
            "environment": "prod",
            "ref": "v1.4",
            "batch": "50%",
            "instances": "shop-1, shop-2",
        }
        | {"reason": "Münze & <Gold>", "plan": ["yes"]}
    )
    assert done["ok"]
    await dana.wait_for("the plan only")
    wish = chat.desk.effects[0].wish
    assert wish is not None
    assert (wish.ref, wish.batch, wish.only, wish.plan_only) == ("v1.4", "50%", ("shop-1", "shop-2"), True)
    assert wish.reason == "Münze & <Gold>"


async def test_the_global_shortcut_opens_it_and_answers_in_a_direct_message(chat: RunningChat) -> None:
    dana = chat.ws.person("dana")
    await dana.shortcut("deploy_shortcut")
    await dana.submit({"service": "shop", "environment": "test"})
    await dana.wait_for("is being prepared", await dana.dm_channel())


async def test_app_home_shows_what_waits_and_follows_a_click(chat: RunningChat) -> None:
    lee = chat.ws.person("lee")
    operation = chat.desk.put(State.AWAITING_APPROVAL, plan=a_plan())

    async def shows(text: str) -> bool:
        return text in await lee.home()

    await until(lambda: shows(f"#{operation.number}"))
    home = await lee.get("home")
    buttons = [e for b in home["view"]["blocks"] if b["type"] == "actions" for e in b["elements"]]
    approve = next(e for e in buttons if e["action_id"] == "op:approve")
    block = next(b for b in home["view"]["blocks"] if approve in b.get("elements", []))
    await lee.act(
        {
            "block_id": block["block_id"],
            "action_id": "op:approve",
            "type": "button",
            "value": approve["value"],
        },
        {"type": "view", "view_id": home["view"]["id"]},
    )
    await until(lambda: _has(chat, "approve"))
    await until(lambda: shows("Nothing waits for you"))


async def test_app_home_follows_for_a_while_without_another_look(chat: RunningChat) -> None:
    lee = chat.ws.person("lee")
    await lee.home()
    chat.desk.put(State.ROLLING_OUT, number=77)

    async def shows() -> bool:
        # `home` would tell the bot that it was opened again; this only looks at what was published.
        published = await chat.ws.calls("views.publish")
        return len(published) >= 2

    await until(shows, 20)
    assert "#77" in await lee.home()


async def test_a_redelivered_event_is_done_once(chat: RunningChat) -> None:
    dana = chat.ws.person("dana")
    await dana.say("@shipbell status shop")
    await dana.wait_for("v1.2")
    envelope = (await chat.ws.envelopes("events_api"))[-1]
    await chat.ws.control("redeliver", envelope_id=envelope["envelope_id"])
    await until(lambda: _attempts(chat, envelope["event_id"], 2))
    await dana.say("@shipbell whoami")
    await dana.wait_for("You are dana")
    assert [e.verb for e in chat.desk.effects] == ["status"]


async def test_a_request_that_a_crash_interrupted_is_done_at_the_next_start(tmp_path: Path) -> None:
    async with running_workspace(tmp_path) as ws:
        async with running_chat(ws, tmp_path, socket=False) as before:
            payload = {
                "how": "slash",
                "request_id": "command:1",
                "team": "T",
                "user": "U0DANA0001",
                "text": "shop test",
            }
            payload |= {"verb": "deploy", "channel": "C0DEPLOY01"}
            assert await before.desk.accept("command:1", "slack.slash", payload)
        async with running_chat(ws, tmp_path) as after:
            await ws.person("dana").wait_for("is being prepared")
            assert [e.verb for e in after.desk.effects] == ["deploy"]
            await until(lambda: _nothing_unfinished(after))


async def test_the_acknowledgement_does_not_wait_for_the_work(chat: RunningChat) -> None:
    """The figure itself is benchmarks'; here the work is slow, and the acknowledgement is not."""
    chat.desk.delay = 3.0
    dana = chat.ws.person("dana")
    await dana.command("/deploy shop test")
    assert (await chat.ws.envelopes("slash_commands"))[-1]["ms"] < 1500
    await dana.wait_for("is being prepared")


async def _has(chat: RunningChat, verb: str) -> bool:
    return any(effect.verb == verb for effect in chat.desk.effects)


async def _attempts(chat: RunningChat, event_id: str, count: int) -> bool:
    return len([one for one in await chat.ws.envelopes("events_api") if one["event_id"] == event_id]) >= count


async def _nothing_unfinished(chat: RunningChat) -> bool:
    return not await chat.desk.unfinished()
