"""How envelopes reach the app: Socket Mode connections or signed HTTP requests, acknowledgements, and redelivery of events.

What an envelope means is not known here. Events are kept until they are acknowledged or given up; everything else is tried once.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from bot.workspace.clock import Clock, new_id
from bot.workspace.errors import ClientError, Json
from bot.workspace.seed import Timing
from bot.workspace.store import Store

OPERATION_TIMEOUT = "operation_timeout"
DISPATCH_FAILED = "dispatch_failed"
LOG_KEPT = 20_000


@dataclass(frozen=True)
class Ack:
    """What came back for an envelope. `error` is "" when it was acknowledged; `payload` is JSON, a text, or None."""

    error: str = ""
    payload: Any = None

    @property
    def ok(self) -> bool:
        """Whether the app acknowledged in time."""
        return not self.error


@dataclass(frozen=True)
class Envelope:
    """One thing for the app. `attempt` counts redeliveries, `reason` says why there was one."""

    kind: str
    payload: Json
    accepts_payload: bool = False
    envelope_id: str = ""
    attempt: int = 0
    reason: str = ""


class Transport(Protocol):
    """A way to the app."""

    @property
    def connected(self) -> bool:
        """Whether the app can be reached, as far as is known."""
        ...

    async def deliver(self, envelope: Envelope, seconds: float) -> Ack:
        """Sends it and waits for its acknowledgement."""
        ...


class Gateway:
    """Delivers envelopes and keeps a log of them for tests and benchmarks."""

    def __init__(self, transport: Transport, store: Store, clock: Clock, timing: Timing) -> None:
        self.transport = transport
        self.timing = timing
        self.log: deque[Json] = deque(maxlen=LOG_KEPT)
        self._store = store
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._sent_events: deque[Envelope] = deque(maxlen=1000)

    async def deliver(self, kind: str, payload: Json, accepts_payload: bool = False) -> Ack:
        """A command or an interaction: once, and lost if it is not acknowledged in time."""
        envelope = Envelope(kind, payload, accepts_payload, envelope_id=str(uuid.uuid4()))
        return await self._send(envelope)

    def emit(self, make_payload: Callable[[str], Json]) -> str:
        """An event: kept, sent in the background, and sent again until it is acknowledged. Answers its event_id."""
        event_id = new_id("Ev")
        payload = make_payload(event_id)
        self._store.put("event", event_id, {"payload": payload, "attempt": 0})
        self._spawn(payload, 0, wait=0.0)
        return event_id

    def resume(self) -> None:
        """Takes up the events that an earlier process left unacknowledged."""
        for _, kept in list(self._store.all("event")):
            self._spawn(
                kept["payload"], kept["attempt"], wait=self.timing.retries[0] if self.timing.retries else 0.0
            )

    def redeliver(self, wanted: str | None) -> Json:
        """Sends an events envelope again, found by its envelope_id or event_id (None: the newest). Raises ClientError."""
        for envelope in reversed(self._sent_events):
            if wanted in (None, envelope.envelope_id, envelope.payload["event_id"]):
                again = Envelope(
                    envelope.kind,
                    envelope.payload,
                    envelope_id=envelope.envelope_id,
                    attempt=envelope.attempt + 1,
                    reason="timeout",
                )
                self._run(self._send_quietly(again))
                return {"envelope_id": envelope.envelope_id, "event_id": envelope.payload["event_id"]}
        raise ClientError(
            "no_such_envelope", f"no event was sent with the id {wanted!r}; see GET /control/envelopes", 404
        )

    async def close(self) -> None:
        """Stops redelivery; what is unacknowledged stays in the store."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, payload: Json, attempt: int, wait: float) -> None:
        self._run(self._deliver_event(payload, attempt, wait))

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_quietly(self, envelope: Envelope) -> None:
        await self._send(envelope)

    async def _deliver_event(self, payload: Json, attempt: int, wait: float) -> None:
        event_id = payload["event_id"]
        reason = ""
        while True:
            await asyncio.sleep(wait)
            envelope = Envelope("events_api", payload, False, str(uuid.uuid4()), attempt, reason)
            self._sent_events.append(envelope)
            ack = await self._send(envelope)
            if ack.ok or attempt >= len(self.timing.retries):
                self._store.drop("event", event_id)
                return
            wait = self.timing.retries[attempt]
            attempt += 1
            reason = "timeout" if ack.error == OPERATION_TIMEOUT else ack.error
            self._store.put("event", event_id, {"payload": payload, "attempt": attempt})

    async def _send(self, envelope: Envelope) -> Ack:
        started = time.perf_counter()
        entry: Json = {
            "envelope_id": envelope.envelope_id,
            "type": envelope.kind,
            "what": _what(envelope),
            "event_id": envelope.payload.get("event_id"),
            "attempt": envelope.attempt,
            "sent_at": self._clock.now(),
            "ms": None,
            "error": None,
        }
        self.log.append(entry)
        ack = await self.transport.deliver(envelope, self.timing.ack)
        entry["ms"] = round((time.perf_counter() - started) * 1000, 3)
        entry["error"] = ack.error
        return ack


class Connection:
    """One Socket Mode WebSocket. `send` writes a JSON frame (or raises ConnectionError), `hang_up` closes it."""

    def __init__(self, send: Callable[[Json], Any], hang_up: Callable[[], Any]) -> None:
        self.id = str(uuid.uuid4())
        self.send = send
        self.hang_up = hang_up
        self.waiting: dict[str, asyncio.Future[Ack]] = {}

    def acknowledged(self, frame: Json) -> None:
        """Takes a frame of the app; frames that acknowledge nothing we wait for are dropped, as Slack does."""
        future = self.waiting.pop(str(frame.get("envelope_id")), None)
        if future is not None and not future.done():
            future.set_result(Ack(payload=frame.get("payload")))

    def gone(self) -> None:
        """The socket is closed: nothing that waits here will be acknowledged."""
        for future in self.waiting.values():
            if not future.done():
                future.set_result(Ack(error=OPERATION_TIMEOUT))
        self.waiting.clear()


class SocketHub:
    """All open connections of the app; each envelope goes to one of them, in turn."""

    MOST = 10

    def __init__(self, told: Callable[[bool], None]) -> None:
        self.connections: list[Connection] = []
        self._told = told
        self._turn = 0

    @property
    def connected(self) -> bool:
        """Whether any connection is open."""
        return bool(self.connections)

    def add(self, connection: Connection) -> None:
        """Counts a connection in."""
        self.connections.append(connection)
        if len(self.connections) == 1:
            self._told(True)

    def remove(self, connection: Connection) -> None:
        """Counts a connection out; not an error when it was out already."""
        connection.gone()
        if connection in self.connections:
            self.connections.remove(connection)
            if not self.connections:
                self._told(False)

    async def deliver(self, envelope: Envelope, seconds: float) -> Ack:
        """Sends it over the connection whose turn it is."""
        if not self.connections:
            return Ack(error=DISPATCH_FAILED)
        self._turn += 1
        connection = self.connections[self._turn % len(self.connections)]
        frame: Json = {
            "envelope_id": envelope.envelope_id,
            "payload": envelope.payload,
            "type": envelope.kind,
            "accepts_response_payload": envelope.accepts_payload,
        }
        if envelope.kind == "events_api":
            frame.update(retry_attempt=envelope.attempt, retry_reason=envelope.reason)
        future: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        connection.waiting[envelope.envelope_id] = future
        try:
            # The limit holds for the write too: an app that is stopped reads nothing, and its buffers fill.
            async with asyncio.timeout(seconds):
                await connection.send(frame)
                return await future
        except TimeoutError:
            return Ack(error=OPERATION_TIMEOUT)
        except ConnectionError:
            # Closed between the choice and the write.
            return Ack(error=OPERATION_TIMEOUT)
        finally:
            connection.waiting.pop(envelope.envelope_id, None)

    async def disconnect(self, reason: str) -> int:
        """Asks every connection to go (`refresh_requested`, `warning`, `link_disabled`); answers how many were asked."""
        asked = list(self.connections)
        for connection in asked:
            with contextlib.suppress(ConnectionError):
                await connection.send(
                    {"type": "disconnect", "reason": reason, "debug_info": {"host": "workspace"}}
                )
        return len(asked)

    async def cut(self) -> None:
        """Closes every connection without a word."""
        for connection in list(self.connections):
            self.remove(connection)
            with contextlib.suppress(ConnectionError):
                await connection.hang_up()


def _what(envelope: Envelope) -> str:
    payload = envelope.payload
    if envelope.kind == "events_api":
        return str(payload["event"]["type"])
    return str(payload.get("command") or payload.get("type"))
