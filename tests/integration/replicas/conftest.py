"""Two replicas on one PostgreSQL, with the local platform between them."""

from __future__ import annotations

from tests.support.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]
