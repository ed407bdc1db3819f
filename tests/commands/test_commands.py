"""Talks with the dispatcher, each command once or more, whole answers compared; and what the desk was asked for."""

from dataclasses import replace
from datetime import timedelta

import pytest
from syrupy.assertion import SnapshotAssertion

from bot.domain.errors import NotNow, RefNotFound, Refused, TemporaryError, UnknownWord
from bot.domain.gates import Answer, Decision, Gate, WhoMay
from bot.domain.instances import Instance, InstanceState, Traffic, TrafficState
from bot.domain.operation import Choice, Kind, Question, State, Wish
from bot.domain.reports import TargetStatus, WhyReport
from commands.dispatch import Dispatcher, Invocation
from commands.show import ago, instance_row, lasted, target_row
from tests.support.chat import Chat, shown
from tests.support.desk import DANA, LEE, NOW, ORIGIN, Effect, MemoryDesk, artifact, catalog, plan


async def test_a_talk_about_a_release(snapshot: SnapshotAssertion) -> None:
    chat = Chat()
    talk: list[str] = []

    async def say(text: str, **more: object) -> None:
        talk.append(f"> {text}\n{shown(await chat.say(text, **more))}")  # type: ignore[arg-type]

    await say("deploy shop@v1.2 to prod —batch 50% --reason “fix the cart”")
    chat.later(minutes=3)
    chat.desk.now = NOW + timedelta(minutes=3)
    await say("deploy shop@v1.2 prod --batch=50% --reason 'fix the cart'")
    await say("deploy shop test --plan")
    operation = chat.desk.put(artifact=artifact(), requester=DANA)
    await say("approve looks good", thread=operation.number, actor=LEE)
    await say("approve", thread=operation.number, actor=LEE)
    await say(f"abort #{operation.number} too many errors")
    running = chat.desk.put(State.ROLLING_OUT)
    await say("abort", thread=running.number)
    await say("answer 3 retry", thread=running.number)
    await say(f"answer #{running.number} 1 retry")
    await say(f"reject #{chat.desk.put().number} not on a Friday")
    await say("approve #99")
    await say("rollback shop prod to v1.1")
    await say("restart shop test --only shop-1")
    await say("stop cart staging")
    await say("start cart staging")
    await say("scale cart staging 4")
    await say("history shop prod")
    await say("history shop")
    await say("history münze")
    await say("status")
    await say("status shop prod")
    await say("logs shop test shop-2 --lines 20")
    await say("logs shop test shop-7")
    await say("why shop test")
    await say("whoami")
    await say("help")
    await say("help approve")
    await say("")
    assert "\n\n".join(talk) == snapshot


async def test_what_the_desk_is_asked_for() -> None:
    chat = Chat()
    await chat.say("deploy shop@#7 to prod --only shop-2 --batch 1 --plan --reason “x y”")
    await chat.say("rollback shop prod to #7")
    await chat.say("scale shop prod 4")
    await chat.say("stop shop prod --only shop-1,shop-2")
    assert chat.desk.effects == [
        Effect(
            "deploy",
            ("shop", "prod"),
            Wish(
                ref="#7",
                only=("shop-2",),
                batch="1",
                plan_only=True,
                reason="x y",
                command='deploy shop@#7 prod --only shop-2 --batch 1 --plan --reason "x y"',
            ),
        ),
        Effect("rollback", ("shop", "prod"), Wish(to="#7", command="rollback shop prod to #7")),
        Effect("scale", ("shop", "prod"), Wish(replicas=4, command="scale shop prod 4")),
        Effect(
            "stop",
            ("shop", "prod"),
            Wish(only=("shop-1", "shop-2"), command="stop shop prod --only shop-1,shop-2"),
        ),
    ]


async def test_a_button_is_bound_to_the_plan_that_was_seen() -> None:
    chat = Chat()
    number = chat.desk.put().number
    await chat.say(f"approve #{number} --seen 0123456789ab", actor=LEE)
    assert chat.desk.effects == [Effect("approve", (f"#{number}",), plan_hash="0123456789ab")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("approve", ("#12",)),
        ("approve #12", ("#12",)),
        ("approve 12 yes", ("#12",)),
        ("approve #13", ("#13",)),
        ("reject because of 13", ("#12",)),
        ("abort", ("#12",)),
        ("logs", ("shop", "prod")),
        ("logs shop-2", ("shop", "prod", "shop-2")),
        ("logs --lines 7", ("shop", "prod", "7")),
        ("logs cart test", ("cart", "test")),
        ("why", ("shop", "prod")),
        ("status", ("shop", "prod")),
        ("status cart", ("cart",)),
        ("history", ("shop", "prod")),
    ],
)
async def test_in_a_thread_its_operation_is_meant(text: str, words: tuple[str, ...]) -> None:
    chat = Chat()
    thread = chat.desk.put(plan=plan("shop-1", "shop-2"))
    chat.desk.put()
    await chat.say(text, thread=thread.number)
    assert [effect.words for effect in chat.desk.effects] == [words]


@pytest.mark.parametrize("text", ["deploy", "rollback", "restart", "stop", "scale 3"])
async def test_a_thread_never_says_what_to_change(text: str) -> None:
    chat = Chat()
    thread = chat.desk.put()
    await chat.say(text, thread=thread.number)
    assert chat.desk.effects == []


async def test_deploy_alone_opens_the_modal() -> None:
    chat = Chat()
    assert (await chat.say("", slash="deploy")).opens == "deploy"
    assert (await chat.say("Deploy")).opens == "deploy"
    assert (await chat.say("shop", slash="deploy")).opens is None
    assert (await chat.say("", slash="rollback")).opens is None


@pytest.mark.parametrize(
    "error",
    [
        Refused(
            Decision(
                Gate.ROLE,
                Answer.NO,
                "Developers don't deploy to prod.",
                ("freeze-prod",),
                WhoMay(("lead",), ("lee", "max")),
            ),
            "You may not deploy shop to prod.",
        ),
        Refused(
            Decision(Gate.ROLE, Answer.NO, "Nothing permits it.", (), WhoMay(("admin",), ())),
            "No.",
            "Ask someone.",
        ),
        Refused(Decision(Gate.IDENTITY, Answer.NO, "You are a guest here."), "You are a guest here."),
        NotNow("#12 has ended already.", "Look at its card."),
        RefNotFound("shop has no v1.9.", "The newest is v1.4.", ["v1.4", "main"]),
        UnknownWord("shop has no shop-3.", nearest=["shop-2"], word="shop-3", kind="instance"),
        UnknownWord("No such thing.", nearest=["deploy cart test", "nonsense"], word="zzz", kind="thing"),
        TemporaryError("<!channel> The database doesn't answer.", "Try again in a minute."),
    ],
    ids=lambda error: f"{type(error).__name__}: {error.what}"[:50],
)
async def test_what_the_desk_refuses(error: Exception, snapshot: SnapshotAssertion) -> None:
    chat = Chat(MemoryDesk(fails=error))  # type: ignore[arg-type]
    assert shown(await chat.say("deploy shop@v1.9 test --only shop-1,shop-3")) == snapshot


async def test_another_command_never_becomes_a_reason() -> None:
    chat = Chat()
    thread = chat.desk.put()
    chat.desk.fails = UnknownWord("There is no #99.", nearest=["status"], word="#99", kind="operation")
    reply = await chat.say("approve #99", thread=thread.number)
    assert [button.command for button in reply.suggestions] == ["status"]


async def test_an_error_of_ours_is_not_hidden() -> None:
    class Broken(MemoryDesk):
        async def permissions(self, actor: object) -> dict[str, tuple[str, ...]]:
            raise RuntimeError("a fault of ours")

    with pytest.raises(RuntimeError, match="a fault of ours"):
        await Chat(Broken()).say("whoami")


async def test_the_catalog_in_force_is_the_one_that_counts() -> None:
    chat = Chat()
    assert (await chat.say("status wiki")).tone == "bad"
    chat.desk.catalog = catalog({"wiki": ("test",)})
    assert (await chat.say("status wiki")).tone == "plain"
    assert (await chat.say("status shop")).tone == "bad"


async def test_the_clock_of_the_machine_is_the_default() -> None:
    reply = await Dispatcher(MemoryDesk()).run(Invocation("status shop prod", DANA, ORIGIN))
    assert "ago" in reply.headline or "just now" in reply.headline


async def test_why_says_what_stands_in_the_way(snapshot: SnapshotAssertion) -> None:
    class Gated(MemoryDesk):
        async def why(self, actor: object, service: str, environment: str) -> WhyReport:
            decisions = (
                Decision(Gate.IDENTITY, Answer.YES, "You are dana."),
                Decision(Gate.ROLE, Answer.NO, "Only <leads> may.", ("p1",), WhoMay(("lead",), ("lee",))),
                Decision(Gate.APPROVAL, Answer.WAIT, "One yes is missing.", (), WhoMay((), ("max",))),
            )
            operation = self.put(State.FAILED, outcome="shop-1 never got healthy.")
            return WhyReport(service, environment, decisions, await self.snapshot(operation.number))

    assert shown(await Chat(Gated()).say("why shop prod")) == snapshot


async def test_status_when_things_are_not_well(snapshot: SnapshotAssertion) -> None:
    running = replace(MemoryDesk().put(State.ROLLING_OUT), number=40)
    base = TargetStatus("shop", "prod", None)
    rows = [
        target_row(target, NOW)
        for target in (
            base,
            replace(base, problem="The agent doesn't answer & <hangs>."),
            replace(base, instances=(Instance("shop-1", InstanceState.CRASHED),), wanted=2),
            replace(
                base,
                instances=(Instance("shop-1", InstanceState.RUNNING, healthy=True),),
                wanted=2,
                running=running,
            ),
        )
    ]
    at = NOW - timedelta(hours=3)
    seen = Traffic("shop-1", TrafficState.DRAINING, 4)
    rows += [
        instance_row(
            Instance("shop-1", InstanceState.RUNNING, healthy=False, started_at=at, restarts=2), seen, NOW
        ),
        instance_row(
            Instance("shop-1", InstanceState.RUNNING, restarts=1),
            replace(seen, state=TrafficState.ENABLED),
            NOW,
        ),
        instance_row(Instance("shop-2", InstanceState.CRASHED, reason="exit status 1"), None, NOW),
        instance_row(Instance("shop-3", InstanceState.STARTING), None, NOW),
        instance_row(Instance("shop-4", InstanceState.STOPPED), None, NOW),
    ]
    assert "\n".join(rows) == snapshot


async def test_history_tells_outcome_and_duration(snapshot: SnapshotAssertion) -> None:
    chat = Chat()
    times = {"started_at": NOW, "ended_at": NOW + timedelta(seconds=182)}
    chat.desk.put(State.SUCCEEDED, artifact=artifact(), **times)
    chat.desk.put(State.FAILED, wish=Wish(ref="v1.3"), outcome="shop-2 crashed <again>.", **times)
    chat.desk.put(State.ROLLED_BACK, kind=Kind.SCALE, wish=Wish(replicas=5), **times)
    chat.desk.put(State.ASKING, question=Question(1, "failure", "?", (Choice.RETRY,), NOW))
    chat.later(hours=5)
    assert shown(await chat.say("history shop prod")) == snapshot


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (9, "just now"),
        (10, "10 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (47 * 3600, "47 h ago"),
        (48 * 3600, "2 days ago"),
    ],
)
def test_ago(seconds: int, words: str) -> None:
    assert ago(NOW, NOW - timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (182, "3 min 2 s"), (3600, "1 h"), (7500, "2 h 5 min")],
)
def test_lasted(seconds: int, words: str) -> None:
    assert lasted(timedelta(seconds=seconds)) == words
