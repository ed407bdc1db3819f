"""A workspace process of one's own for every test that asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.workspace import RunningWorkspace, running_workspace


@pytest.fixture
async def ws(tmp_path: Path) -> AsyncIterator[RunningWorkspace]:
    """The default seed's workspace."""
    async with running_workspace(tmp_path) as running:
        yield running
