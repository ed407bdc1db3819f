"""Both databases, from tests.support."""

from tests.support.postgres import postgres_server, postgres_url
from tests.support.store import empty_url, store, store_url

__all__ = ["empty_url", "postgres_server", "postgres_url", "store", "store_url"]
