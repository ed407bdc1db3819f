"""The contract of `bot.ports.Store`, on every database: what is written comes back, and who may not write is told so.

The outbox and the replicas have files of their own beside this one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bot.domain.artifact import BuildReport, BuildState
from bot.domain.catalog import Configuration
from bot.domain.errors import StaleWrite, StorageError
from bot.domain.operation import (
    HOLDS_TARGET,
    Approval,
    AuditEntry,
    Kind,
    Operation,
    Origin,
    Release,
    State,
    StepState,
)
from bot.domain.plan import Phase
from bot.ports import Store
from tests.support.postgres import postgres_server, postgres_url
from tests.support.store import (
    NOON,
    a_full_operation,
    a_plan,
    a_step,
    an_artifact,
    an_operation,
    empty_url,
    store,
    store_url,
)

__all__ = ["empty_url", "postgres_server", "postgres_url", "store", "store_url"]


async def added(store: Store, operation: Operation | None = None) -> Operation:
    async with store.transaction() as tx:
        return await tx.add_operation(operation or an_operation())


async def read(store: Store, number: int) -> Operation:
    async with store.view() as view:
        found = await view.operation(number)
    assert found is not None
    return found


# Operations


async def test_an_operation_comes_back_as_it_was_with_its_number(store: Store) -> None:
    asked = a_full_operation()
    kept = await added(store, asked)
    assert kept == replace(asked, number=1)
    assert await read(store, 1) == kept
    assert kept.plan is not None
    assert (await read(store, 1)).plan.hash == a_plan().hash  # type: ignore[union-attr]


async def test_numbers_grow_by_one_from_one(store: Store) -> None:
    assert [(await added(store)).number for _ in range(3)] == [1, 2, 3]


async def test_the_number_of_the_argument_is_ignored(store: Store) -> None:
    assert (await added(store, an_operation(number=77))).number == 1


async def test_there_is_no_such_operation(store: Store) -> None:
    async with store.view() as view:
        assert await view.operation(1) is None
        assert await view.operation_by_request("nobody asked") is None
        assert await view.steps(1) == []
        assert await view.approvals(1) == []


async def test_saving_counts_the_version(store: Store) -> None:
    kept = await added(store)
    async with store.transaction() as tx:
        saved = await tx.save_operation(kept.moved(State.QUEUED, NOON))
    assert saved.version == kept.version + 1
    assert await read(store, 1) == saved


async def test_saving_what_somebody_else_changed_is_stale(store: Store) -> None:
    kept = await added(store)
    async with store.transaction() as tx:
        await tx.save_operation(replace(kept, outcome="first"))
    with pytest.raises(StaleWrite, match="#1 was changed by somebody else"):
        async with store.transaction() as tx:
            await tx.add_audit(AuditEntry(NOON, "dana", "request", 1, "goes with it"))
            await tx.save_operation(replace(kept, outcome="second"))
    assert (await read(store, 1)).outcome == "first"
    async with store.view() as view:
        assert await view.audit() == []


async def test_saving_what_is_not_there_is_stale(store: Store) -> None:
    with pytest.raises(StaleWrite):
        async with store.transaction() as tx:
            await tx.save_operation(an_operation(number=5))


async def test_one_request_makes_one_operation(store: Store) -> None:
    first = await added(store, an_operation(origin=Origin("slash", "same")))
    with pytest.raises(StaleWrite, match="it is operation #1"):
        await added(store, an_operation(origin=Origin("mention", "same")))
    async with store.view() as view:
        assert await view.operation_by_request("same") == first
        assert len(await view.operations()) == 1


async def test_operations_that_nobody_asked_for_have_no_request_to_share(store: Store) -> None:
    for _ in range(2):
        await added(store, an_operation(origin=Origin("system", "")))
    async with store.view() as view:
        assert len(await view.operations()) == 2
        assert await view.operation_by_request("") is None


@pytest.mark.parametrize("held_by", sorted(HOLDS_TARGET))
async def test_a_target_is_held_by_one_operation_at_most(store: Store, held_by: State) -> None:
    await added(store, an_operation(held_by))
    waits = await added(store, an_operation(State.QUEUED))
    for state in sorted(HOLDS_TARGET):
        with pytest.raises(StaleWrite, match="shop@test"):
            async with store.transaction() as tx:
                await tx.save_operation(replace(waits, state=state))
        with pytest.raises(StaleWrite, match="shop@test"):
            await added(store, an_operation(state))
    assert await read(store, waits.number) == waits


async def test_a_held_target_holds_up_nobody_else(store: Store) -> None:
    holder = await added(store, an_operation(State.ROLLING_OUT))
    await added(store, an_operation(State.ROLLING_OUT, environment="prod"))
    await added(store, an_operation(State.ROLLING_OUT, service="till"))
    for state in sorted(set(State) - HOLDS_TARGET):
        await added(store, an_operation(state))
    async with store.transaction() as tx:
        holder = await tx.save_operation(holder.moved(State.VERIFYING, NOON))
        await tx.save_operation(holder.moved(State.SUCCEEDED, NOON))
    await added(store, an_operation(State.UNDOING))


async def test_a_transaction_goes_on_after_a_stale_write(store: Store) -> None:
    await added(store, an_operation(State.ROLLING_OUT, origin=Origin("slash", "same")))
    waits = await added(store, an_operation(State.QUEUED))
    async with store.transaction() as tx:
        with pytest.raises(StaleWrite):
            await tx.save_operation(waits.moved(State.ROLLING_OUT, NOON))
        with pytest.raises(StaleWrite):
            await tx.add_operation(an_operation(origin=Origin("slash", "same")))
        waits = await tx.save_operation(replace(waits, outcome="waits for #1"))
    assert await read(store, 2) == waits


async def test_operations_are_found_by_state_and_target(store: Store) -> None:
    await added(store, an_operation(State.SUCCEEDED))
    await added(store, an_operation(State.QUEUED, service="till"))
    await added(store, an_operation(State.QUEUED, environment="prod"))
    await added(store, an_operation(State.QUEUED))

    async def numbers(**query: object) -> list[int]:
        async with store.view() as view:
            return [operation.number for operation in await view.operations(**query)]  # type: ignore[arg-type]

    assert await numbers() == [4, 3, 2, 1]
    assert await numbers(newest_first=False, limit=2) == [1, 2]
    assert await numbers(states=frozenset({State.QUEUED}), service="shop") == [4, 3]
    assert await numbers(environment="test", service="shop") == [4, 1]
    assert await numbers(states=frozenset()) == []


# Steps


async def test_steps_come_back_in_their_order(store: Store) -> None:
    await added(store)
    done = a_step(
        2,
        StepState.DONE,
        attempt=2,
        started_at=NOON,
        ended_at=NOON + timedelta(seconds=1.5),
        outcome="Drained",
        log_tail=("a", "b"),
    )
    async with store.transaction() as tx:
        await tx.put_steps(1, [done, a_step(1), a_step(3, phase=Phase.UNDO)])
    async with store.view() as view:
        assert await view.steps(1) == [a_step(1), done, a_step(3, phase=Phase.UNDO)]


async def test_planning_anew_replaces_only_what_did_not_begin(store: Store) -> None:
    await added(store)
    intended = a_step(1, StepState.INTENDED)
    undo = a_step(9, phase=Phase.UNDO)
    async with store.transaction() as tx:
        await tx.put_steps(1, [intended, a_step(2), a_step(3), a_step(4), undo])
        await tx.put_steps(1, [a_step(2, outcome="other"), a_step(5)])
    async with store.view() as view:
        assert await view.steps(1) == [intended, a_step(2, outcome="other"), a_step(5), undo]


async def test_undo_steps_are_appended(store: Store) -> None:
    await added(store)
    async with store.transaction() as tx:
        await tx.put_steps(1, [a_step(1), a_step(2)])
        await tx.put_steps(1, [a_step(3, phase=Phase.UNDO)])
        await tx.put_steps(1, [])
    async with store.view() as view:
        assert [record.step.seq for record in await view.steps(1)] == [1, 2, 3]


async def test_steps_belong_to_their_operation(store: Store) -> None:
    await added(store)
    await added(store)
    async with store.transaction() as tx:
        await tx.put_steps(1, [a_step(1)])
        await tx.put_steps(2, [a_step(1), a_step(2)])
        await tx.drop_steps(1)
    async with store.view() as view:
        assert await view.steps(1) == []
        assert len(await view.steps(2)) == 2


async def test_a_step_is_saved(store: Store) -> None:
    await added(store)
    done = a_step(1, StepState.DONE, attempt=1, outcome="Drained")
    async with store.transaction() as tx:
        await tx.put_steps(1, [a_step(1)])
        await tx.save_step(1, done)
    async with store.view() as view:
        assert await view.steps(1) == [done]


async def test_a_step_that_was_planned_away_is_stale(store: Store) -> None:
    await added(store)
    with pytest.raises(StaleWrite, match="no step 7"):
        async with store.transaction() as tx:
            await tx.save_step(1, a_step(7))


# Approvals, releases, artifacts


async def test_one_person_answers_once_for_one_plan(store: Store) -> None:
    await added(store)
    yes = Approval(1, "lena", "ULENA", "hash-1", True, NOON, "looks good")
    no = Approval(1, "lena", None, "hash-2", False, NOON)
    async with store.transaction() as tx:
        assert await tx.add_approval(yes)
        assert not await tx.add_approval(replace(yes, yes=False))
        assert await tx.add_approval(no)
        assert await tx.add_approval(replace(yes, actor="leo"))
    async with store.view() as view:
        assert await view.approvals(1) == [yes, no, replace(yes, actor="leo")]


async def test_releases_newest_first_and_the_current_ones(store: Store) -> None:
    await added(store)
    old = Release(1, "shop", "test", an_artifact("v1"), "c1", "dana", NOON, Kind.DEPLOY)
    new = replace(old, artifact=an_artifact("v2"), kind=Kind.PROMOTE)
    prod = replace(old, environment="prod")
    async with store.transaction() as tx:
        for release in (old, prod, new):
            await tx.add_release(release)
    async with store.view() as view:
        assert await view.releases() == [new, prod, old]
        assert await view.releases("shop", "test") == [new, old]
        assert await view.releases("shop", "test", limit=1) == [new]
        assert await view.releases("till") == []
        assert await view.current_releases() == {("shop", "test"): new, ("shop", "prod"): prod}


async def test_an_artifact_is_found_by_all_its_names(store: Store) -> None:
    old, new = an_artifact("v1"), an_artifact("v1", digest="sha256:" + "5e" * 32)
    async with store.transaction() as tx:
        for artifact in (old, new, an_artifact("v1", service="till")):
            await tx.put_artifact(artifact)
    async with store.view() as view:
        assert await view.artifacts("shop", "v1") == [new, old]
        for name in ("4d4d4d4", "sha256:4d4d4d4d", "4D4D4D4D", old.digest):
            assert await view.artifacts("shop", name) == [old], name
        assert await view.artifacts("shop", "ab" * 4) == [new, old]
        for name in ("4d4d4d", "ababab", "%%%%%%%", "_d4d4d4", "v2", "", "sha256:abababab"):
            assert await view.artifacts("shop", name) == [], name
        assert await view.artifact(new.digest) == new
        assert await view.artifact("sha256:none") is None


async def test_the_same_content_from_two_commits_keeps_both_names(store: Store) -> None:
    first = an_artifact("v1")
    second = an_artifact("v2", revision=replace(first.revision, sha="cd" * 20))
    async with store.transaction() as tx:
        await tx.put_artifact(first)
        await tx.put_artifact(second)
        await tx.put_artifact(replace(first, location="elsewhere"))
    async with store.view() as view:
        assert await view.artifact(first.digest) == second
        assert await view.artifacts("shop", "v1") == [replace(first, location="elsewhere")]


async def test_a_build_is_where_it_was_last_reported(store: Store) -> None:
    begun = BuildReport("op-1/build", BuildState.RUNNING, log_tail=("compiling",))
    ended = replace(begun, state=BuildState.SUCCEEDED, artifact=an_artifact(), url="https://ci.example/1")
    async with store.transaction() as tx:
        await tx.put_build(begun)
        assert await tx.build("op-1/build") == begun
        await tx.put_build(ended)
    async with store.view() as view:
        assert await view.build("op-1/build") == ended
        assert await view.build("op-2/build") is None


async def test_a_configuration_is_found_by_its_version(store: Store) -> None:
    configuration = Configuration({"GREETING": "Grüß Gott", "A": ""})
    async with store.transaction() as tx:
        await tx.put_configuration(configuration)
        await tx.put_configuration(configuration)
    async with store.view() as view:
        assert await view.configuration(configuration.version) == configuration
        assert await view.configuration("none") is None


# Requests and the audit


async def test_a_request_is_accepted_once_and_open_until_finished(store: Store) -> None:
    async with store.transaction() as tx:
        assert await tx.accept_request("env-2", "slash", {"text": "deploy shop test"}, NOON)
        assert await tx.accept_request("env-1", "click", {}, NOON)
    async with store.transaction() as tx:
        assert not await tx.accept_request("env-2", "mention", {"text": "other"}, NOON + timedelta(1))
        assert await tx.unfinished_requests() == [
            ("env-2", "slash", {"text": "deploy shop test"}, NOON),
            ("env-1", "click", {}, NOON),
        ]
        assert len(await tx.unfinished_requests(limit=1)) == 1
        for request in ("env-2", "env-2", "never came"):
            await tx.finish_request(request)
    async with store.transaction() as tx:
        assert [request for request, *_ in await tx.unfinished_requests()] == ["env-1"]
        assert not await tx.accept_request("env-2", "slash", {}, NOON)


async def test_the_audit_is_read_newest_first(store: Store) -> None:
    about = AuditEntry(NOON, "dana", "request", 1, "asked", {"refused": False, "policies": ["a"], "count": 2})
    other = AuditEntry(NOON, "shipbell", "catalog", None, "read")
    async with store.transaction() as tx:
        for entry in (about, other, replace(about, summary="again")):
            await tx.add_audit(entry)
    async with store.view() as view:
        assert await view.audit() == [replace(about, summary="again"), other, about]
        assert await view.audit(operation=1) == [replace(about, summary="again"), about]
        assert len(await view.audit(limit=1)) == 1


# Transactions and views


async def test_nothing_of_a_transaction_that_failed_is_kept(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        async with store.transaction() as tx:
            await tx.add_operation(an_operation())
            assert await tx.operation(1) is not None
            raise ZeroDivisionError
    async with store.view() as view:
        assert await view.operations() == []


async def test_a_view_is_one_consistent_read(store: Store) -> None:
    await added(store)
    async with store.view() as view:
        assert len(await view.operations()) == 1
        await added(store)  # doesn't wait for the reader
        assert len(await view.operations()) == 1
        assert await view.operation(2) is None
    async with store.view() as view:
        assert len(await view.operations()) == 2


async def test_a_transaction_inside_a_transaction_is_refused(store: Store) -> None:
    async with store.transaction():
        with pytest.raises(RuntimeError, match="inside a transaction"):
            async with store.transaction():
                pass
    await added(store)


async def test_times_come_back_in_utc(store: Store) -> None:
    there = datetime(2026, 7, 1, 14, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    async with store.transaction() as tx:
        await tx.add_audit(AuditEntry(there, "dana", "request", None, "asked"))
        await tx.accept_request("env", "slash", {}, there)
    async with store.transaction() as tx:
        [entry] = await tx.audit()
        [(*_, accepted)] = await tx.unfinished_requests()
    assert entry.at == accepted == there
    assert entry.at.tzinfo is accepted.tzinfo is UTC


async def test_a_time_without_its_zone_is_refused(store: Store) -> None:
    with pytest.raises(StorageError, match="doesn't say its zone"):
        async with store.transaction() as tx:
            await tx.add_audit(AuditEntry(datetime(2026, 1, 1), "dana", "request", None, "asked"))  # noqa: DTZ001


async def test_text_that_no_database_holds_is_made_to_fit(store: Store) -> None:
    broken = "half \udc80 nul \x00 end"
    await added(store, an_operation(outcome=broken, log_tail=(broken,)))
    async with store.transaction() as tx:
        await tx.add_audit(AuditEntry(NOON, "dana", "effect", 1, broken, {broken: [broken]}))
    fits = "half ? nul � end"
    assert (await read(store, 1)).log_tail == (fits,)
    async with store.view() as view:
        [entry] = await view.audit()
    assert (entry.summary, entry.detail) == (fits, {fits: [fits]})
