"""Every way to say it wrong, with the whole answer. The desk is asked for nothing."""

import pytest
from syrupy.assertion import SnapshotAssertion

from bot.domain.operation import Choice, Question, State
from tests.support.chat import Chat, shown
from tests.support.desk import NOW

WRONG = [
    "dpeloy shop test",
    "DEPLOI shp tset",
    "release shop test",
    "don't deploy shop prod",
    "gibberish",
    "deploy shop",
    "deploy shp test",
    "deploy Shop test",
    "deploy nothinglikeit test",
    "deploy shop tset",
    "deploy shop Prod",
    "deploy shop production",
    "deploy shop staging",
    "deploy shop nowhere",
    "deploy test shop",
    "deploy prod shop@v1",
    "deploy shop test prod",
    "deploy shop test now",
    "deploy shop test because it's late",
    "deploy shop test plan",
    "deploy shop @v1 test",
    "deploy shop@ test",
    "deploy shop@#x test",
    "deploy shop@#0 test",
    "deploy shop@--upload-pack test",
    "deploy munze test",
    "deploy to test",
    "deploy shop to",
    "deploy shop. test",
    'deploy "shop test',
    "deploy shop test --btach 2",
    "deploy shop test -batch 2",
    "deploy shop test --force",
    "deploy shop test --seen abcdefabcdef",
    "deploy shop test --plan --plan",
    "deploy shop test --plan=yes",
    "deploy shop test --batch",
    "deploy shop test --batch=",
    "deploy shop test --batch --plan",
    "deploy shop test --batch 0",
    "deploy shop test --batch 0%",
    "deploy shop test --batch 150%",
    "deploy shop test --batch=150%",
    "deploy shop test --batch 2.5",
    "deploy shop test --batch ٣",
    "deploy shop test --only",
    "deploy shop test --only shop-1,",
    "deploy shop test --only ,shop-1",
    "deploy shop test --only shop-1 shop-2",
    "deploy shop test --reason " + "x" * 501,
    "deploy shop test " + "x" * 2000,
    "rollback",
    "rollback shop prod v1",
    "rollback shop prod to",
    "rollback shop prod to #1x",
    "rollback shop prod --plan",
    "restart shop",
    "stop shop test shop-1",
    "stop shop test shop-1 shop-2",
    "stop shop test now",
    "restart test",
    "deploy prod",
    "/deploy shop test",
    "scale shop test",
    "scale shop test many",
    "scale shop test -1",
    "scale shop test 0",
    "scale shop test 1001",
    "scale shop test 5²",
    "scale shop test " + "9" * 50,
    "scale shop 3 test",
    "status prod shop",
    "status shop test prod",
    "status nowhere",
    "history",
    "history prod",
    "logs shop",
    "logs shop test shop-1 --lines 201",
    "logs shop test --lines=0",
    "logs shop test --lines ten",
    "approve",
    "approve shop",
    "approve #x",
    "approve #0",
    "approve #12 --force",
    "approve #12 --seen xyz",
    "approve #12 " + "x" * 501,
    "abort --yes",
    "why prod shop",
    "whoami now",
    "help depoly",
    "help me please",
    "answer #12 1 maybe",
    "answer #12 1",
    "answer #12 x retry",
    "/shipbell deploy shop test",
    "<@U0SOMEONE> deploy shop test",
    "<!channel>",
    "@here `x` *bold*",
]


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:40])
async def test_said_wrong(text: str, snapshot: SnapshotAssertion) -> None:
    chat = Chat()
    reply = await chat.say(text)
    assert chat.desk.effects == []
    assert reply.only_asker
    assert shown(reply) == snapshot


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:40])
async def test_every_suggestion_works_as_it_is(text: str) -> None:
    chat = Chat()
    chat.desk.put()
    for button in (await chat.say(text)).suggestions:
        assert (await chat.say(button.command)).tone != "bad", button


@pytest.mark.parametrize(
    ("text", "slash"),
    [
        ("", "rollback"),
        ("shop", "deploy"),
        ("deploy shop test", "deploy"),
        ("deploy deploy", "deploy"),
        ("shop --plan", "deploy"),
        ("help", "rollback"),
    ],
)
async def test_slash_commands_that_are_verbs(text: str, slash: str, snapshot: SnapshotAssertion) -> None:
    chat = Chat()
    assert shown(await chat.say(text, slash=slash)) == snapshot
    assert chat.desk.effects == []


@pytest.mark.parametrize(
    "text",
    [
        "approve 13",
        "abort 13 percent fail",
        "deploy",
        "rollback",
        "retry",
        "roll-back",
        "logs shop",
        "logs shop-9",
    ],
)
async def test_said_wrong_in_a_thread(text: str, snapshot: SnapshotAssertion) -> None:
    chat = Chat()
    question = Question(3, "failure", "What now?", (Choice.RETRY, Choice.ROLL_BACK), NOW)
    operation = chat.desk.put(State.ASKING, question=question)
    assert shown(await chat.say(text, thread=operation.number)) == snapshot
    assert chat.desk.effects == []


async def test_a_thread_that_the_database_does_not_know() -> None:
    chat = Chat()
    assert (await chat.say("approve", thread=99)).headline == "Which operation shall I approve?"
    assert (await chat.say("whoami", thread=99)).headline == "You are Dana Diaz."
