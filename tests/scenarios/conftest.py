"""Scenarios: conversations through the local workspace with the unmodified bot and real processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.company import Company, a_company


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    async with a_company(tmp_path) as opened:
        yield opened
