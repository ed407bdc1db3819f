"""What every Builder does, whatever its kind."""

from __future__ import annotations

import asyncio

from bot.domain.artifact import FINISHED_BUILD, BuildReport, BuildState
from tests.contracts.conftest import BuilderBench
from tests.support.local import eventually


async def test_a_key_that_began_nothing_is_unknown(builder_bench: BuilderBench) -> None:
    report = await builder_bench.builder.report("op-1")
    assert (report.key, report.state, report.artifact) == ("op-1", BuildState.UNKNOWN, None)
    assert list(await builder_bench.builder.log("op-1")) == []


async def test_a_build_makes_an_artifact_of_its_revision(builder_bench: BuilderBench) -> None:
    b = builder_bench
    begun = await b.builder.start("op-1", b.service, b.good)
    assert begun.state is not BuildState.UNKNOWN
    report = await _finished(b, "op-1")
    assert report.state is BuildState.SUCCEEDED, (report.reason, report.log_tail)
    artifact = report.artifact
    assert artifact is not None
    assert artifact.digest.startswith("sha256:")
    assert len(artifact.digest) == 7 + 64
    assert (artifact.service, artifact.version) == ("shop", b.good.short)
    assert artifact.revision == b.good


async def test_the_same_key_never_builds_twice(builder_bench: BuilderBench) -> None:
    b = builder_bench
    await asyncio.gather(*(b.builder.start("op-1", b.service, b.good) for _ in range(5)))
    first = await _finished(b, "op-1")
    again = await b.builder.start("op-1", b.service, b.good)
    assert (again.state, again.artifact) == (first.state, first.artifact)
    assert b.builds_begun() == 1


async def test_a_failed_build_says_why_and_stays_failed(builder_bench: BuilderBench) -> None:
    b = builder_bench
    await b.builder.start("op-1", b.service, b.failing)
    report = await _finished(b, "op-1")
    assert (report.state, report.artifact) == (BuildState.FAILED, None)
    assert "exit status" in report.reason
    assert report.log_tail
    assert (await b.builder.start("op-1", b.service, b.failing)).state is BuildState.FAILED
    assert b.builds_begun() == 1


async def test_a_running_build_can_be_cancelled(builder_bench: BuilderBench) -> None:
    b = builder_bench
    await b.builder.start("op-1", b.service, b.slow)

    async def running() -> bool:
        return (await b.builder.report("op-1")).state is BuildState.RUNNING and b.builds_begun() == 1

    await eventually(running)
    await b.builder.cancel("op-1")
    assert (await _finished(b, "op-1")).state is BuildState.CANCELLED


async def test_cancelling_what_has_ended_or_never_began_does_nothing(builder_bench: BuilderBench) -> None:
    b = builder_bench
    await b.builder.cancel("op-1")
    assert (await b.builder.report("op-1")).state is BuildState.UNKNOWN
    await b.builder.start("op-1", b.service, b.good)
    done = await _finished(b, "op-1")
    await b.builder.cancel("op-1")
    assert (await b.builder.report("op-1")).state is done.state


async def test_one_revision_always_makes_the_same_artifact(builder_bench: BuilderBench) -> None:
    b = builder_bench
    digests = set()
    for key in ("op-1", "op-2"):
        await b.builder.start(key, b.service, b.good)
        artifact = (await _finished(b, key)).artifact
        assert artifact is not None
        digests.add(artifact.digest)
    assert len(digests) == 1


async def _finished(b: BuilderBench, key: str) -> BuildReport:
    async def finished() -> BuildReport | None:
        report = await b.builder.report(key)
        return report if report.state in FINISHED_BUILD else None

    return await eventually(finished, within=30)
