"""Plans and their undoing, as pure decisions; the undo is held against a model of what the steps do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.artifact import Artifact, Revision
from bot.domain.catalog import BatchSize, Configuration, Strategy, Target
from bot.domain.errors import UnknownWord, UsageError
from bot.domain.instances import Instance, InstanceState
from bot.domain.operation import FINAL, MOVES, Kind, Release, State, StepRecord, StepState
from bot.domain.plan import Phase, Plan, Step, StepKind
from bot.domain.rollout import (
    instance_number,
    make_plan,
    parse_batch,
    rollback_choice,
    strategy_from,
    strategy_words,
    target_of,
    undo_steps,
    what_changed,
)

NEW = Artifact("sha256:" + "b" * 64, "shop", "v2", Revision("b" * 40, "main"))
OLD = "sha256:" + "a" * 64
CONFIGURATION = Configuration({"A": "1"})
TARGET = Target("shop", "test", "local", 3)


def seen(count: int, state: InstanceState = InstanceState.RUNNING, digest: str = OLD) -> dict[str, Instance]:
    return {
        f"shop-{n}": Instance(f"shop-{n}", state, digest, "old-configuration") for n in range(1, count + 1)
    }


def plan_of(kind: Kind = Kind.DEPLOY, count: int = 3, **more: object) -> Plan:
    words: dict[str, object] = {"artifact": NEW, "configuration": CONFIGURATION, "wanted": 3} | more
    return make_plan(kind, TARGET, seen(count), **words)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("batch", "sizes"),
    [("1", [1] * 7), ("3", [3, 3, 1]), ("25%", [2, 2, 2, 1]), ("100%", [7]), ("50", [7]), ("1%", [1] * 7)],
)
def test_batches_by_number_and_by_share(batch: str, sizes: list[int]) -> None:
    plan = plan_of(count=7, wanted=7, batch=batch)
    assert [len(names) for names in plan.batches] == sizes
    assert [name for names in plan.batches for name in names] == [f"shop-{n}" for n in range(1, 8)]


@pytest.mark.parametrize("text", ["0", "0%", "101%", "-1", "x", "", "%", "1.5", "²"])
def test_what_is_no_batch(text: str) -> None:
    with pytest.raises(UsageError):
        parse_batch(text)


def test_missing_instances_are_created_and_none_is_removed() -> None:
    assert plan_of(count=1).instances == ("shop-1", "shop-2", "shop-3")
    more = plan_of(count=5)
    assert more.instances == ("shop-1", "shop-2", "shop-3", "shop-4", "shop-5")
    assert any("none removed" in warning for warning in more.warnings)


def test_moving_all_at_once_is_said() -> None:
    assert any("All instances move at once" in warning for warning in plan_of(batch="100%").warnings)
    assert plan_of(batch="1").warnings == ()


def test_scale_knows_its_bounds() -> None:
    assert plan_of(Kind.SCALE, replicas=5).instances == ("shop-4", "shop-5")
    assert plan_of(Kind.SCALE, replicas=1).instances == ("shop-3", "shop-2")
    for replicas in (0, 3, None):
        with pytest.raises(UsageError):
            plan_of(Kind.SCALE, replicas=replicas)
    with pytest.raises(UsageError, match="Deploy it first"):
        plan_of(Kind.SCALE, count=0, replicas=2)


def test_only_names_instances_that_there_are() -> None:
    assert plan_of(only=("shop-3", "shop-1")).instances == ("shop-1", "shop-3")
    with pytest.raises(UnknownWord) as error:
        plan_of(only=("shop-11",))
    assert error.value.nearest == ("shop-1",)


def test_the_hash_changes_with_what_is_done_and_with_nothing_else() -> None:
    plan = plan_of()
    same = make_plan(
        Kind.DEPLOY,
        TARGET,
        {name: replace(one, healthy=False, restarts=3) for name, one in seen(3).items()},
        artifact=NEW,
        configuration=CONFIGURATION,
        wanted=3,
    )
    assert same.hash == plan.hash
    assert what_changed(plan, same) == ""
    others = {
        "the artifact": plan_of(artifact=replace(NEW, digest="sha256:" + "c" * 64)),
        "the configuration": plan_of(configuration=Configuration({"A": "2"})),
        "the strategy": plan_of(batch="2"),
        "the instances (3 before, 4 now)": plan_of(count=4),
    }
    for words, other in others.items():
        assert other.hash != plan.hash
        assert words in what_changed(plan, other)
    ran = make_plan(
        Kind.DEPLOY,
        TARGET,
        seen(3, digest=NEW.digest),
        artifact=NEW,
        configuration=CONFIGURATION,
        wanted=3,
    )
    assert "what runs now" in what_changed(plan, ran)
    moved = replace(plan, target_options={"port": 1})
    assert "the target's settings" in what_changed(plan, moved)


def test_a_plan_gives_the_target_back() -> None:
    strategy = Strategy(batch=BatchSize(percent=50), bake=timedelta(seconds=3))
    assert strategy_from(strategy_words(strategy)) == strategy
    target = replace(TARGET, strategy=strategy, options={"port": 1}, configuration=CONFIGURATION)
    plan = make_plan(Kind.DEPLOY, target, seen(3), artifact=NEW, configuration=CONFIGURATION, wanted=3)
    assert target_of(plan, CONFIGURATION) == target


def test_instances_sort_by_number() -> None:
    assert sorted(["shop-10", "shop-2", "shop-1"], key=instance_number) == ["shop-1", "shop-2", "shop-10"]


# --- the undo, against a model


@dataclass
class Modelled:
    """One Instance as the steps change it."""

    exists: bool
    runs: bool
    digest: str | None
    has_traffic: bool

    def apply(self, step: Step) -> None:
        match step.kind:
            case StepKind.DRAIN:
                self.has_traffic = False
            case StepKind.STOP:
                assert not self.has_traffic, "it is stopped while it gets traffic"
                self.runs = False
            case StepKind.UPDATE:
                assert not self.runs, "it is updated while it runs"
                self.exists, self.digest = True, step.artifact_digest
            case StepKind.START:
                assert self.exists, "it is started before it exists"
                self.runs = True
            case StepKind.ENABLE:
                assert self.runs, "it gets traffic before it runs"
                self.has_traffic = True
            case StepKind.REMOVE:
                assert not self.runs, "it is removed while it runs"
                self.exists, self.digest = False, None


KINDS = st.sampled_from([Kind.DEPLOY, Kind.ROLLBACK, Kind.RESTART, Kind.SCALE, Kind.STOP])


@given(kind=KINDS, existing=st.integers(1, 4), batch=st.integers(1, 4), data=st.data())
def test_an_undo_brings_every_touched_instance_back(
    kind: Kind, existing: int, batch: int, data: st.DataObject
) -> None:
    replicas = data.draw(st.integers(1, 5).filter(lambda n: n != existing)) if kind is Kind.SCALE else None
    plan = make_plan(
        kind,
        TARGET,
        seen(existing),
        artifact=NEW,
        configuration=CONFIGURATION,
        wanted=3,
        batch=str(batch),
        replicas=replicas,
    )
    model = {
        before.instance: Modelled(before.exists, before.runs, before.artifact_digest, before.exists)
        for before in plan.before
    }
    start = {name: replace(one) for name, one in model.items()}
    done = data.draw(st.integers(0, len(plan.steps)))
    records = [StepRecord(step, StepState.DONE) for step in plan.steps[:done]]
    for step in plan.steps[:done]:
        model[step.instance].apply(step)
    if done < len(plan.steps):
        # The step under way: its effect may have happened or not, both must be undone.
        under_way = plan.steps[done]
        records.append(
            StepRecord(under_way, data.draw(st.sampled_from([StepState.INTENDED, StepState.FAILED])))
        )
        if data.draw(st.booleans()):
            model[under_way.instance].apply(under_way)
        records += [StepRecord(step) for step in plan.steps[done + 1 :]]
    scope = data.draw(st.sampled_from(["all", "unfinished"]))
    undo = undo_steps(plan, records, scope)
    assert [step.seq for step in undo] == list(range(len(plan.steps) + 1, len(plan.steps) + 1 + len(undo)))
    finished = {name: replace(one) for name, one in model.items()}
    for step in undo:
        assert step.phase is Phase.UNDO
        model[step.instance].apply(step)
    complete = {
        name
        for name in plan.instances
        if all(r.state is StepState.DONE for r in records if r.step.instance == name)
    }
    for name, after in model.items():
        if scope == "unfinished" and name in complete:
            assert after == finished[name], f"{name} was finished and should stay"
        else:
            assert after == start[name], f"{name} is not as it was before"


# --- rollbacks and states


def release(number: int, letter: str, kind: Kind = Kind.DEPLOY) -> Release:
    artifact = Artifact(f"sha256:{letter * 64}", "shop", letter, Revision(letter * 40, "main"))
    return Release(number, "shop", "test", artifact, "c", "dana", datetime(2026, 1, 1, tzinfo=UTC), kind)


@pytest.mark.parametrize(
    ("oldest_first", "back_to"),
    [
        ("", None),
        ("a", None),
        ("a a", None),
        ("a b", "a"),
        ("a b b", "a"),
        ("a b a<", None),
        ("a b c b<", "a"),
        ("a b c b< a<", None),
        ("a b c b< d", "b"),
        ("a b a", "b"),
    ],
)
def test_a_rollback_goes_back_and_never_forth(oldest_first: str, back_to: str | None) -> None:
    releases = [
        release(n, word[0], Kind.ROLLBACK if word.endswith("<") else Kind.DEPLOY)
        for n, word in enumerate(oldest_first.split(), 1)
    ]
    choice = rollback_choice(list(reversed(releases)))
    assert (choice.artifact.version if choice else None) == back_to


def test_every_state_has_its_moves_and_the_final_ones_have_none() -> None:
    assert set(MOVES) == set(State) - FINAL
    for moves in MOVES.values():
        assert State.PREPARING not in moves
    reachable = {State.PREPARING}
    while True:
        more = reachable | {to for state in reachable for to in MOVES.get(state, ())}
        if more == reachable:
            break
        reachable = more
    assert reachable == set(State)
