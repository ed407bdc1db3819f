"""What every CodeSource does, whatever its kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.errors import PermanentError, RefNotFound
from tests.contracts.conftest import SourceBench


async def test_a_branch_a_tag_and_a_sha_name_a_revision(source_bench: SourceBench) -> None:
    b = source_bench
    first, second, third, side = b.shas
    for ref, sha in {"main": third, "side": side, "v1.0": first, second: second, second[:7]: second}.items():
        assert (await b.code.resolve(b.source, ref)).sha == sha, ref


async def test_a_revision_tells_what_it_is(source_bench: SourceBench) -> None:
    b = source_bench
    found = await b.code.resolve(b.source, "main")
    assert (found.ref, found.subject, found.author) == ("main", "Third: größer & <besser>", "Sam Sample")
    assert found.at is not None
    assert found.at.utcoffset() is not None


async def test_no_ref_means_the_default_branch(source_bench: SourceBench) -> None:
    b = source_bench
    found = await b.code.resolve(replace(b.source, branch="side"), None)
    assert (found.sha, found.ref) == (b.shas[3], "side")


@pytest.mark.parametrize("ref", ["mian", "v1.00", "sid"])
async def test_a_ref_that_is_not_there_is_told_with_the_nearest(source_bench: SourceBench, ref: str) -> None:
    with pytest.raises(RefNotFound) as caught:
        await source_bench.code.resolve(source_bench.source, ref)
    assert ref in caught.value.what
    assert caught.value.nearest[0] == {"mian": "main", "v1.00": "v1.0", "sid": "side"}[ref]


@pytest.mark.parametrize(
    "ref",
    [
        "--upload-pack=touch /tmp/pwned",
        "-h",
        "",
        " ",
        "main; touch x",
        "main\nside",
        "main..side",
        "main^",
        "main~1",
        "HEAD@{1}",
        "@",
        ":/Third",
        "refs/heads/../../x",
        "main:shop.py",
        "$(id)",
        "x" * 300,
        "ma\x00in",
        "*",
        "deadbee",
        "0" * 40,
    ],
)
async def test_what_is_no_ref_finds_nothing(source_bench: SourceBench, ref: str) -> None:
    with pytest.raises(RefNotFound):
        await source_bench.code.resolve(source_bench.source, ref)


async def test_commits_between_come_newest_first(source_bench: SourceBench) -> None:
    b = source_bench
    first, second, third, _side = b.shas
    found = await b.code.between(b.source, first, third)
    assert [commit.sha for commit in found.commits] == [third, second]
    assert [commit.subject for commit in found.commits] == ["Third: größer & <besser>", "Second"]
    assert (found.total, found.behind) == (2, 0)


async def test_commits_between_are_cut_and_still_counted(source_bench: SourceBench) -> None:
    b = source_bench
    found = await b.code.between(b.source, b.shas[0], b.shas[2], limit=1)
    assert [commit.sha for commit in found.commits] == [b.shas[2]]
    assert found.total == 2


async def test_going_back_and_sideways_shows(source_bench: SourceBench) -> None:
    b = source_bench
    first, _second, third, side = b.shas
    back = await b.code.between(b.source, third, first)
    assert (back.commits, back.total, back.behind) == ((), 0, 2)
    sideways = await b.code.between(b.source, third, side)
    assert ([commit.sha for commit in sideways.commits], sideways.behind) == ([side], 2)


async def test_commits_that_are_gone_are_a_clear_error(source_bench: SourceBench) -> None:
    b = source_bench
    with pytest.raises(PermanentError, match="0123456789ab"):
        await b.code.between(b.source, "0123456789abcdef0123456789abcdef01234567", b.shas[0])


async def test_refs_are_branches_and_tags(source_bench: SourceBench) -> None:
    b = source_bench
    found = list(await b.code.refs(b.source))
    assert sorted(found) == ["main", "side", "v1.0"]
    assert len(await b.code.refs(b.source, limit=1)) == 1
