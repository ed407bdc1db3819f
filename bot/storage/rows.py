"""Rows to domain values and back, and the one statement that the dialects spell differently: insert or update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import RowMapping

from bot.domain.messages import OutboxMessage
from bot.domain.operation import Approval, AuditEntry, Operation, Release, StepRecord
from bot.domain.plan import Step
from bot.storage.codec import decode, encode

T = TypeVar("T")
Insert = sqlite.Insert | postgresql.Insert


def insert(dialect: str, table: Table) -> Insert:
    """An INSERT that can be told ON CONFLICT, for the dialect `sqlite` or `postgresql`."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def of_operation(operation: Operation) -> dict[str, Any]:
    """All columns but `number` and `version`, which are the database's to give."""
    document = encode(operation)
    del document["number"], document["version"]
    return {
        "kind": operation.kind,
        "service": operation.service,
        "environment": operation.environment,
        "state": operation.state,
        "requester": operation.requester.name,
        "request_id": operation.origin.request_id or None,
        "leg": operation.leg,
        "plan_hash": operation.plan.hash if operation.plan else None,
        "build_key": operation.build_key,
        "created_at": operation.created_at,
        "started_at": operation.started_at,
        "ended_at": operation.ended_at,
        "approve_by": operation.approve_by,
        "document": document,
    }


def to_operation(row: RowMapping) -> Operation:
    return decode(Operation, {**row["document"], "number": row["number"], "version": row["version"]})


def of_step(operation: int, record: StepRecord) -> dict[str, Any]:
    return {"operation": operation, **_columns(record.step), **_columns(record, but="step")}


def to_step(row: RowMapping) -> StepRecord:
    return decode(StepRecord, {**_words(StepRecord, row, but="step"), "step": _words(Step, row)})


def of_release(release: Release) -> dict[str, Any]:
    return {
        "operation": release.operation,
        "service": release.service,
        "environment": release.environment,
        "digest": release.artifact.digest,
        "configuration_version": release.configuration_version,
        "by": release.by,
        "kind": release.kind,
        "at": release.at,
        "document": encode(release),
    }


def to_release(row: RowMapping) -> Release:
    return decode(Release, row["document"])


def of_approval(approval: Approval) -> dict[str, Any]:
    return _columns(approval)


def to_approval(row: RowMapping) -> Approval:
    return decode(Approval, _words(Approval, row))


def of_audit(entry: AuditEntry) -> dict[str, Any]:
    return _columns(entry)


def to_audit(row: RowMapping) -> AuditEntry:
    return decode(AuditEntry, _words(AuditEntry, row))


def of_message(message: OutboxMessage) -> dict[str, Any]:
    return _columns(message)


def to_message(row: RowMapping) -> OutboxMessage:
    return decode(OutboxMessage, _words(OutboxMessage, row))


def _columns(value: Any, but: str = "") -> dict[str, Any]:
    """A dataclass whose fields are columns of the same name."""
    return {field.name: getattr(value, field.name) for field in fields(value) if field.name != but}


def _words(kind: type, row: RowMapping, but: str = "") -> Mapping[str, Any]:
    """The codec's words for a dataclass whose fields are columns of the same name."""
    found = {field.name: row[field.name] for field in fields(kind) if field.name != but}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in found.items()
    }
