"""The catalog in force while its file is edited, renamed over, swapped behind links, broken and mended."""

import asyncio
import os
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.catalog import CatalogError, ReloadOutcome, WatchedCatalog
from bot.domain.catalog import Catalog
from tests.support.poll import until


def text(*environments: str) -> str:
    return "environments:\n" + "".join(f'  {name}: {{channel: "#{name}"}}\n' for name in environments)


BAD = text("test").replace("channel", "chanel")


class Heard:
    """What a watched catalog told."""

    def __init__(self) -> None:
        self.changes: list[tuple[list[str], list[str]]] = []
        self.problems: list[list[str]] = []
        self.failures = 0

    async def on_change(self, old: Catalog, new: Catalog) -> None:
        self.changes.append((list(old.environments), list(new.environments)))
        if self.failures:
            self.failures -= 1
            raise RuntimeError("nobody listens")

    async def on_problem(self, error: CatalogError) -> None:
        self.problems.append([problem.what for problem in error.problems])


def watched(path: Path, heard: Heard, **options) -> WatchedCatalog:
    return WatchedCatalog(
        path, on_change=heard.on_change, on_problem=heard.on_problem, interval=0.01, settle=0.02, **options
    )


@asynccontextmanager
async def watching(catalog: WatchedCatalog):
    task = asyncio.create_task(catalog.watch())
    try:
        yield
    finally:
        assert not task.done(), "watching ended by itself"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def in_force(catalog: WatchedCatalog) -> list[str]:
    return list(catalog.current.environments)


@pytest.fixture
def path(tmp_path) -> Path:
    path = tmp_path / "shipbell.yaml"
    path.write_text(text("test"))
    return path


def test_a_bad_first_version_is_an_error(path):
    path.write_text(BAD)
    with pytest.raises(CatalogError):
        WatchedCatalog(path)


async def test_a_reload_says_what_it_came_to(path):
    heard = Heard()
    catalog = watched(path, heard)
    assert (await catalog.reload()).outcome is ReloadOutcome.UNCHANGED
    path.write_text(text("test", "prod"))
    changed = await catalog.reload()
    assert changed.outcome is ReloadOutcome.CHANGED
    assert changed.catalog is catalog.current
    assert heard.changes == [(["test"], ["test", "prod"])]
    path.write_text(BAD)
    refused = await catalog.reload()
    assert refused.outcome is ReloadOutcome.REFUSED
    assert refused.catalog is catalog.current is changed.catalog
    assert [problem.line for problem in refused.error.problems] == [2, 2]
    assert (await catalog.reload()).outcome is ReloadOutcome.REFUSED, "who asks again is told again"
    assert len(heard.problems) == 2
    path.write_text(text("test", "prod"))
    assert (await catalog.reload()).outcome is ReloadOutcome.UNCHANGED, "back to what is in force"


async def test_a_change_comes_into_force_by_itself(path):
    heard = Heard()
    catalog = watched(path, heard)
    async with watching(catalog):
        path.write_text(text("test", "prod"))
        await until(lambda: in_force(catalog) == ["test", "prod"])
        path.write_text(text("prod"))
        await until(lambda: len(heard.changes) == 2)
    assert heard.changes[-1] == (["test", "prod"], ["prod"])


async def test_an_editors_rename_over_the_file_is_seen(path):
    heard = Heard()
    catalog = watched(path, heard)
    async with watching(catalog):
        for names in (["test", "a"], ["test", "b"], ["test", "c"]):
            new = path.with_suffix(".swp")
            new.write_text(text(*names))
            new.replace(path)
            await until(lambda names=names: in_force(catalog) == names)
    assert heard.problems == []


async def test_a_swapped_configmap_is_seen(tmp_path):
    """Kubernetes mounts shipbell.yaml -> ..data/shipbell.yaml and renames a new ..data link over the old one."""
    for version, names in (("..v1", ["test"]), ("..v2", ["test", "prod"])):
        (tmp_path / version).mkdir()
        (tmp_path / version / "shipbell.yaml").write_text(text(*names))
    (tmp_path / "..data").symlink_to("..v1")
    path = tmp_path / "shipbell.yaml"
    path.symlink_to("..data/shipbell.yaml")
    heard = Heard()
    catalog = watched(path, heard)
    async with watching(catalog):
        (tmp_path / "..data_tmp").symlink_to("..v2")
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")
        await until(lambda: in_force(catalog) == ["test", "prod"])
    assert heard.problems == []


async def test_a_bad_version_leaves_the_old_in_force_and_is_told_once(path):
    heard = Heard()
    catalog = watched(path, heard)
    first = catalog.current
    async with watching(catalog):
        path.write_text(BAD)
        await until(lambda: len(heard.problems) == 1)
        assert catalog.current is first
        os.utime(path)
        path.write_text(BAD.replace("chanel", "chanell"))
        await until(lambda: len(heard.problems) == 2)
        path.write_text(text("test", "prod"))
        await until(lambda: in_force(catalog) == ["test", "prod"])
    assert len(heard.problems) == 2, "touching the same bad version is not told again"
    assert heard.problems[0][1] == "`chanel` is no key of an environment."


async def test_a_file_that_goes_away_leaves_the_old_in_force(path):
    heard = Heard()
    catalog = watched(path, heard)
    async with watching(catalog):
        path.unlink()
        await until(lambda: bool(heard.problems))
        assert in_force(catalog) == ["test"]
        path.write_text(text("test", "prod"))
        await until(lambda: in_force(catalog) == ["test", "prod"])
    assert len(heard.problems) == 1
    assert heard.problems[0] == [
        "There is no such file. Say where the catalog is, or begin with one of examples/."
    ]


async def test_a_file_that_is_still_being_written_is_not_read(path):
    """Every intermediate state is a bad catalog; none of them may be told."""
    heard = Heard()
    catalog = WatchedCatalog(
        path, on_change=heard.on_change, on_problem=heard.on_problem, interval=0.01, settle=0.3
    )
    lines = text("test", *(f"env{n}" for n in range(20))).splitlines(keepends=True)
    async with watching(catalog):
        with path.open("w") as file:
            for line in lines:
                file.write(line[:-2])
                file.flush()
                await asyncio.sleep(0.01)
                file.write(line[-2:])
                file.flush()
        await until(lambda: len(catalog.current.environments) == 21)
    assert heard.problems == []
    assert len(heard.changes) == 1


async def test_who_asks_is_answered_at_once(path):
    heard = Heard()
    catalog = WatchedCatalog(path, on_change=heard.on_change, interval=3600)
    async with watching(catalog):
        path.write_text(text("test", "prod"))
        catalog.ask_reload()
        await until(lambda: in_force(catalog) == ["test", "prod"])


async def test_a_listener_that_fails_does_not_end_the_watching(path):
    heard = Heard()
    heard.failures = 1
    catalog = watched(path, heard)
    async with watching(catalog):
        path.write_text(text("test", "a"))
        await until(lambda: in_force(catalog) == ["test", "a"])
        path.write_text(text("test", "b"))
        await until(lambda: in_force(catalog) == ["test", "b"])
    assert len(heard.changes) == 2


async def test_further_checks_keep_a_version_out(path):
    heard = Heard()
    catalog = watched(path, heard, also=lambda c: ["prod is not to be"] if "prod" in c.environments else [])
    path.write_text(text("test", "prod"))
    assert (await catalog.reload()).outcome is ReloadOutcome.REFUSED
    assert in_force(catalog) == ["test"]
    assert heard.problems == [["prod is not to be"]]
