"""That each benchmark runs, at a tiny size, and tells well-formed figures. How fast this machine is, is not asked here."""

from __future__ import annotations

import json
import math
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from benchmarks import ack, crowd, lost, ready
from benchmarks.__main__ import NAMES, main
from benchmarks.figures import Figure, percentile, table

DOCS = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
pytestmark = pytest.mark.slow


async def figures(found: AsyncIterator[Figure]) -> dict[str, Figure]:
    """By name, each of them well formed."""
    all_ = [figure async for figure in found]
    for figure in all_:
        shown = json.loads(figure.as_json())
        assert list(shown) == ["name", "value", "unit", "goal", "holds"]
        assert math.isfinite(shown["value"]) and shown["value"] >= 0
        assert isinstance(shown["holds"], bool)
        assert not figure.flaw
        assert figure.name in table(all_)
    return {figure.name: figure for figure in all_}


async def test_ready(tmp_path: Path) -> None:
    found = await figures(ready.measure(tmp_path, times=1))
    assert found["ready"].value > 0


async def test_ack_and_its_ratio(tmp_path: Path) -> None:
    found = await figures(ack.measure(tmp_path, ack.Size(a_second=10, seconds=2, bare_seconds=1)))
    assert set(found) == {"ack", "ack_ratio"}
    assert found["ack"].value > 0


async def test_memory_and_resume(tmp_path: Path) -> None:
    size = crowd.Size(services=2, environments=2, hold=0.5)
    found = await figures(crowd.measure(tmp_path, size=size))
    assert set(found) == {"memory", "resume"}
    assert found["memory"].value > 10
    assert found["resume"].value > 0


async def test_lost(tmp_path: Path) -> None:
    found = await figures(lost.measure(tmp_path, lost.Size(deploys=2, a_second=20, slow_a_second=2)))
    assert found["lost"].value == 0


def test_a_figure_holds_up_to_its_goal_and_only_without_a_flaw() -> None:
    assert Figure("ready", 3.0, "s", 3.0).holds
    assert not Figure("ready", 3.01, "s", 3.0).holds
    assert not Figure("lost", 0, "requests", 0, "v2 never answered").holds


def test_the_table_shows_what_is_missed() -> None:
    shown = table([Figure("ready", 3.5, "s", 3.0), Figure("lost", 0, "requests", 0)])
    assert shown.splitlines() == [
        "name   value  unit      goal       holds",
        "ready    3.5  s         at most 3  NO",
        "lost       0  requests  0          yes",
    ]


def test_percentiles() -> None:
    values = [float(n) for n in range(1, 201)]
    assert percentile(values, 0.99) == 198
    assert percentile(values, 0.5) == 100
    assert percentile([7.0], 0.99) == 7


def test_the_command_mix_is_as_documented() -> None:
    texts = [ack.command(number)[1] for number in range(3000)]
    assert sum(text == "/deploy shop test" for text in texts) == 10
    assert sum("status" in text for text in texts) == pytest.approx(1500, abs=10)


def test_every_benchmark_and_its_goal_is_documented() -> None:
    documented = re.findall(r"^\| `(\w+)` \| [^|]+ \| (\d+) \|", DOCS.read_text(), flags=re.MULTILINE)
    goals = {
        "ready": ready.GOAL_SECONDS,
        "ack": ack.GOAL_MS,
        "ack_ratio": ack.GOAL_RATIO,
        "memory": crowd.GOAL_MB,
        "resume": crowd.GOAL_SECONDS,
        "lost": 0,
    }
    assert {name: float(goal) for name, goal in documented} == goals
    assert set(NAMES) | {"ack_ratio"} == set(goals)


def test_an_unknown_name_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["memry"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "memry" in told
    assert all(name in told for name in NAMES)
