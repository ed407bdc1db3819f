"""`kill -9` of the bot at every point of a release, on SQLite and PostgreSQL: each ends in one completion or a clean rollback.

No second build, no Instance left drained, no request lost, one card. The oracle asks processes and the proxy.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bot.domain.operation import State
from tests.support.company import a_company
from tests.support.load import load

_KINDS = ("check", "drain", "stop", "update", "start", "enable")
_FORWARD = [
    *(f"{where}:forward:{kind}:shop-1" for kind in _KINDS for where in ("intended", "effected", "recorded")),
    *(f"{where}:forward:{kind}:shop-2" for kind in _KINDS for where in ("intended", "effected")),
    *(f"begun:forward:{kind}:shop-1" for kind in _KINDS if kind != "check"),
    "accepted",
    "built",
    "building",
    "planned",
    "posted",
]
_UNDO = [
    f"{where}:undo:{kind}:shop-1" for kind in _KINDS if kind != "check" for where in ("intended", "effected")
]
POINTS = [(point, "good") for point in _FORWARD] + [(point, "crash") for point in _UNDO]
_SEED = 20261124


def _chosen(everything: bool) -> list[tuple[str, str, str]]:
    """All points on both databases; or each point once, on one or the other, and five of the rest."""
    table = [(point, version, db) for point, version in POINTS for db in ("sqlite", "postgres")]
    if everything:
        return table
    once = [table[2 * i + i % 2] for i in range(len(POINTS))]
    rest = [row for row in table if row not in once]
    return once + random.Random(_SEED).sample(rest, 5)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "point" not in metafunc.fixturenames:
        return
    rows = _chosen(metafunc.config.getoption("--all"))
    metafunc.parametrize(
        ("point", "version", "database"),
        [
            pytest.param(*row, id="-".join(row), marks=[pytest.mark.postgres] if row[2] == "postgres" else [])
            for row in rows
        ],
    )


@pytest.mark.kill
async def test_killed_at(
    point: str, version: str, database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = str(request.getfixturevalue("postgres_url")) if database == "postgres" else None
    async with a_company(tmp_path, database_url=url, bot=False, bake="300ms") as company:
        dana = company.person("dana")
        company.repository.tag("v1")
        mark = {"TEST_KILL_MARK": str(tmp_path / "killed")}
        await company.start_bot()
        await dana.say("/deploy shop test")
        assert (await company.settled(1)).state is State.SUCCEEDED
        await company.end_bots()
        sha = company.commit_version(version, build_seconds=0.7)
        company.repository.tag("v2")

        await company.start_bot(kill_at=point, more=mark)
        async with load(await company.front(), rate=25, clients=4) as sent:
            # A command that isn't acknowledged is lost, as in Slack, unless it was stored before.
            await dana.post("send", channel="#deploys", text="@shipbell deploy shop test")
            await company.killed()
            await company.start_bot()
            done = await company.settled(2)
            await dana.wait_for(
                lambda m: "#2" in m["plain"] and ("Done" in m["plain"] or "Rolled back" in m["plain"]),
                "#test-env",
            )
        assert done.state is (State.ROLLED_BACK if version == "crash" else State.SUCCEEDED)
        await company.all_run("v1" if version == "crash" else "v2")
        assert sent.lost == []
        assert company.builds(sha) == 1
        assert len(await company.cards(2)) == 1
