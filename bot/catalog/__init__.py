"""The catalog: shipbell.yaml read into domain values, its problems told with their places, its JSON Schema, its changes watched."""

from bot.catalog.errors import CatalogError, Problem
from bot.catalog.reader import check_report, load_catalog, parse_catalog
from bot.catalog.schema import schema
from bot.catalog.watch import ReloadOutcome, ReloadResult, WatchedCatalog

__all__ = [
    "CatalogError",
    "Problem",
    "ReloadOutcome",
    "ReloadResult",
    "WatchedCatalog",
    "check_report",
    "load_catalog",
    "parse_catalog",
    "schema",
]
