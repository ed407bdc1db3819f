"""The errors of both wires. Nothing here knows HTTP beyond a status number."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class SlackError(Exception):
    """A Web API refusal. `code` is Slack's error name; `extra` is merged into the answer beside `ok: false`."""

    def __init__(self, code: str, messages: list[str] | None = None, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.extra: Json = dict(extra)
        if messages:
            self.extra["response_metadata"] = {"messages": [f"[ERROR] {line}" for line in messages]}


class RateLimited(SlackError):
    """HTTP 429; `retry_after` in whole seconds, as the header has it."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("ratelimited")
        self.retry_after = retry_after


class ClientError(Exception):
    """A refusal on the client or control API: `{"error": {"code", "message"}}` with this status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class SeedError(ValueError):
    """The seed file is wrong; the sentence says where and what would have been right."""


class Refused(Exception):
    """The command line's: the workspace said no; the sentence is for the person."""


class NoWorkspace(Exception):
    """The command line's: nothing answers at the address, or nothing can be served there."""
