"""The registry: every command, in the order in which help shows them. Help, usage errors, completion and docs come from here."""

from __future__ import annotations

from typing import Any

from commands import (
    abort,
    answer,
    approve,
    deploy,
    history,
    lifecycle,
    logs,
    reject,
    rollback,
    scale,
    status,
    whoami,
    why,
)
from commands import help as help_command
from commands.parsed import Parsed
from commands.render import plain_command, wire_command
from commands.spec import Spec

SPECS: tuple[Spec[Any], ...] = (
    deploy.SPEC,
    rollback.SPEC,
    lifecycle.RESTART,
    lifecycle.STOP,
    lifecycle.START,
    scale.SPEC,
    status.SPEC,
    history.SPEC,
    logs.SPEC,
    approve.SPEC,
    reject.SPEC,
    abort.SPEC,
    why.SPEC,
    whoami.SPEC,
    help_command.SPEC,
    answer.SPEC,
)
_BY_TYPE = {spec.parsed: spec for spec in SPECS}


def spec_of(parsed: Parsed) -> Spec[Any]:
    return _BY_TYPE[type(parsed)]


def command_text(parsed: Parsed) -> str:
    """The command that says `parsed`, as an Invocation's text, a button's command, or for mrkdwn: escaped as Slack escapes."""
    return wire_command(spec_of(parsed), parsed)


def command_line(parsed: Parsed) -> str:
    """The same as plain text, for a label or a log."""
    return plain_command(spec_of(parsed), parsed)
