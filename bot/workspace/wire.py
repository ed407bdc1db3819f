"""The client API over HTTP, for the command line: one person, plain calls, and events until a deadline."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import httpx

from bot.workspace.errors import Json, NoWorkspace, Refused


class Deadline:
    """A moment that may be moved nearer, never away."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds until then; negative afterwards."""
        return self._end - time.monotonic()

    def within(self, seconds: float) -> None:
        """At most this many seconds from now."""
        self._end = min(self._end, time.monotonic() + seconds)


class Wire:
    """The client API, as one person (None: the first there is). Raises Refused and NoWorkspace."""

    def __init__(self, person: str | None, default_port: int) -> None:
        self._url = os.environ.get("SHIPBELL_WORKSPACE_URL", f"http://127.0.0.1:{default_port}").rstrip("/")
        self._http = httpx.Client(base_url=f"{self._url}/client", trust_env=False, timeout=15.0)
        self._person = person

    def __enter__(self) -> Wire:
        """Finds the first person where none was named."""
        if self._person is None:
            self._person = str(self._ask("GET", "people", {})["people"][0]["name"])
        return self

    def __exit__(self, *exc: object) -> None:
        """Closes the connection."""
        self._http.close()

    def boot(self) -> Json:
        """`GET /client/boot`."""
        return self.get("boot")

    def get(self, call: str, **params: Any) -> Json:
        """One call that reads."""
        return self._ask("GET", call, {"params": {"as": self._person, **params}})

    def post(self, call: str, body: Json) -> Json:
        """One call that does something."""
        return self._ask("POST", call, {"json": {"as": self._person, **body}})

    def events(self, after: int, deadline: Deadline) -> Iterator[Json]:
        """Events after a number, until the deadline."""
        try:
            yield from self._stream(after, deadline)
        except httpx.ReadTimeout:
            return
        except httpx.HTTPError as problem:
            raise NoWorkspace(f"the workspace at {self._url} went away: {problem}") from problem

    def _stream(self, after: int, deadline: Deadline) -> Iterator[Json]:
        while deadline.left() > 0:
            timeout = httpx.Timeout(5.0, read=max(0.05, deadline.left()))
            params = {"as": self._person or "", "after": str(after)}
            try:
                with self._http.stream("GET", "events", params=params, timeout=timeout) as answer:
                    for line in answer.iter_lines():
                        if line.startswith("data: "):
                            event = json.loads(line.removeprefix("data: "))
                            after = event["seq"]
                            yield event
                            # The read's own limit was set before: begin again with what is left now.
                            break
            except httpx.ReadTimeout:
                return

    def _ask(self, verb: str, call: str, given: Json) -> Json:
        try:
            answer = self._http.request(verb, call, **given)
        except httpx.HTTPError as problem:
            raise NoWorkspace(
                f"no workspace answers at {self._url} ({problem}); start one with `shipbell demo`, or set SHIPBELL_WORKSPACE_URL"
            ) from problem
        try:
            body = answer.json()
        except json.JSONDecodeError:
            raise NoWorkspace(
                f"what answers at {self._url} is no workspace; set SHIPBELL_WORKSPACE_URL"
            ) from None
        if answer.is_error:
            raise Refused(str(body["error"]["message"]))
        return dict(body)
