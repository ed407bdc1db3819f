"""The suite's fixtures: both databases, the stage for child processes, engines in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from bot.operations.engine import Engine, EngineSettings, Workflow
from tests.support.engine import EngineDatabase, Stage
from tests.support.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> EngineDatabase:
    if request.param == "sqlite":
        return EngineDatabase("sqlite", f"sqlite:///{tmp_path}/engine.sqlite")
    return EngineDatabase("postgres", request.getfixturevalue("postgres_url"))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    folder = tmp_path / "stage"
    folder.mkdir()
    made = Stage(folder)
    yield made
    for child in made.children:
        if child.process.poll() is None:
            child.wake()
            child.kill()


@pytest.fixture
async def engines() -> AsyncIterator[Callable[..., Awaitable[Engine]]]:
    """Makes launched engines in this process, one at a time, and closes the last."""
    made: list[Engine] = []

    async def launch(url: str, workflows: dict[str, Workflow], **options: object) -> Engine:
        settings = {
            name: options.pop(name)
            for name in ("replica", "drain", "stop", "retry_first", "retry_most")
            if name in options
        }
        settings = {"replica": "here", "drain": 0.0, "retry_first": 0.05, "retry_most": 0.5, **settings}
        engine = Engine(EngineSettings(url, **settings), workflows, **options)  # type: ignore[arg-type]
        made.append(engine)
        await engine.launch()
        return engine

    yield launch
    for engine in made:
        await engine.close()
