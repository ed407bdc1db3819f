"""`shipbell serve` started twice on one SQLite database: the second is refused, and the first goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import app
from bot.operations.engine import Engine, EngineError, EngineSettings
from bot.settings import read
from bot.storage import migrate, open_store

CATALOG = """\
environments:
  test: {channel: "#test-env"}
people:
  dana: {slack: U0DANA0001, roles: [developer]}
services: {}
"""


async def test_a_second_process_is_refused_before_it_takes_the_first_one_s_lease(tmp_path: Path) -> None:
    catalog = tmp_path / "shipbell.yaml"
    catalog.write_text(CATALOG)
    settings = read(
        {
            "SLACK_BOT_TOKEN": "xoxb-1",
            "SLACK_APP_TOKEN": "xapp-1",
            "SHIPBELL_CATALOG": str(catalog),
            "SHIPBELL_DATA": str(tmp_path),
        }
    )
    await migrate(settings.database_url)
    store = await open_store(settings.database_url)
    first = Engine(EngineSettings(settings.engine_url, settings.replica), {})
    first.claim()
    try:
        fence = await store.replicas.begin(settings.replica)
        with pytest.raises(EngineError, match="Another process"):
            await app.serve(settings)
        assert await store.replicas.beat(settings.replica) == fence
    finally:
        await first.close()
        await store.close()
