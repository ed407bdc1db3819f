"""Kill tests: each scenario once and a seeded sample of the rest; `--all` runs the whole table."""

from __future__ import annotations

from tests.support.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]
