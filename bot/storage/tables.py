"""The tables. Their history is in `migrations/`; a test holds that both say the same.

An Operation's row has the whole value in `document` and, beside it, the columns that are searched or that people read in a
SQL shell. Steps are rows, because the rollout writes them one by one. `audit` only grows: triggers of the first migration.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    text,
)

from bot.storage.types import CleanText, Json, Number, UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_HOLDING = text("state IN ('asking', 'rolling_out', 'undoing', 'verifying')")
"""domain.operation.HOLDS_TARGET in SQL; changing it takes a migration (a test compares the two)."""

ONE_PER_TARGET = "uq_operations_one_per_target"

operations = Table(
    "operations",
    metadata,
    Column("number", Number, primary_key=True),
    Column("kind", CleanText, nullable=False),
    Column("service", CleanText, nullable=False),
    Column("environment", CleanText, nullable=False),
    Column("state", CleanText, nullable=False, index=True),
    Column("requester", CleanText, nullable=False),
    Column("request_id", CleanText, unique=True),
    Column("version", Integer, nullable=False),
    Column("leg", Integer, nullable=False),
    Column("plan_hash", CleanText),
    Column("build_key", CleanText),
    Column("created_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime, index=True),
    Column("approve_by", UtcTime),
    Column("document", Json, nullable=False),
    Index("ix_operations_target", "service", "environment", "number"),
    Index(
        ONE_PER_TARGET,
        "service",
        "environment",
        unique=True,
        sqlite_where=_HOLDING,
        postgresql_where=_HOLDING,
    ),
    sqlite_autoincrement=True,
)

steps = Table(
    "steps",
    metadata,
    Column("operation", Number, ForeignKey(operations.c.number), primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("phase", CleanText, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("instance", CleanText, nullable=False),
    Column("kind", CleanText, nullable=False),
    Column("artifact_digest", CleanText),
    Column("configuration_version", CleanText),
    Column("state", CleanText, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("outcome", CleanText, nullable=False),
    Column("log_tail", Json, nullable=False),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Number, primary_key=True),
    Column("operation", Number, ForeignKey(operations.c.number), nullable=False),
    Column("actor", CleanText, nullable=False),
    Column("slack_user", CleanText),
    Column("plan_hash", CleanText, nullable=False),
    Column("yes", Boolean, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("reason", CleanText, nullable=False),
    UniqueConstraint("operation", "plan_hash", "actor"),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    Column("id", Number, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("actor", CleanText, nullable=False),
    Column("what", CleanText, nullable=False),
    # No foreign key: the audit must be able to tell of what doesn't exist.
    Column("operation", Number, index=True),
    Column("summary", CleanText, nullable=False),
    Column("detail", Json, nullable=False),
    sqlite_autoincrement=True,
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", Number, primary_key=True),
    Column("digest", CleanText, nullable=False, index=True),
    Column("service", CleanText, nullable=False),
    Column("version", CleanText, nullable=False),
    Column("sha", CleanText, nullable=False),
    Column("document", Json, nullable=False),
    # Two commits can build the same content: the digest alone would lose the first one's version and sha.
    UniqueConstraint("service", "version", "digest", "sha"),
    sqlite_autoincrement=True,
)

builds = Table(
    "builds",
    metadata,
    Column("key", CleanText, primary_key=True),
    Column("state", CleanText, nullable=False),
    Column("document", Json, nullable=False),
)

configurations = Table(
    "configurations",
    metadata,
    Column("version", CleanText, primary_key=True),
    Column("document", Json, nullable=False),
)

releases = Table(
    "releases",
    metadata,
    Column("id", Number, primary_key=True),
    Column("operation", Number, ForeignKey(operations.c.number), nullable=False),
    Column("service", CleanText, nullable=False),
    Column("environment", CleanText, nullable=False),
    Column("digest", CleanText, nullable=False),
    Column("configuration_version", CleanText, nullable=False),
    Column("by", CleanText, nullable=False),
    Column("kind", CleanText, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("document", Json, nullable=False),
    Index("ix_releases_target", "service", "environment", "id"),
    sqlite_autoincrement=True,
)

requests = Table(
    "requests",
    metadata,
    Column("id", Number, primary_key=True),
    Column("request_id", CleanText, nullable=False, unique=True),
    Column("kind", CleanText, nullable=False),
    Column("payload", Json, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("finished_at", UtcTime, index=True),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("key", CleanText, primary_key=True),
    Column("kind", CleanText, nullable=False),
    Column("channel", CleanText, nullable=False),
    Column("operation", Number, index=True),
    Column("payload", Json, nullable=False),
    Column("wanted", Integer, nullable=False),
    Column("sent", Integer, nullable=False),
    Column("is_final", Boolean, nullable=False),
    Column("channel_id", CleanText),
    Column("ts", CleanText),
    Column("attempts", Integer, nullable=False),
    Column("not_before", UtcTime),
    Column("last_error", CleanText, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    # Its turn: given when it becomes due and kept while it waits, so a card that changes all the time doesn't starve others.
    Column("turn", Number, nullable=False),
    Index("ix_outbox_turn", "turn", unique=True),
    Index("ix_outbox_posted", "channel_id", "ts"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", CleanText, primary_key=True),
    Column("holder", CleanText, nullable=False),
    Column("until", UtcTime, nullable=False),
)

replicas = Table(
    "replicas",
    metadata,
    Column("replica", CleanText, primary_key=True),
    Column("fence", Number, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("dead_at", UtcTime),
)

counters = Table(
    "counters",
    metadata,
    Column("name", CleanText, primary_key=True),
    Column("value", Number, nullable=False),
)
