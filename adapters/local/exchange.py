"""One request and its answer over one connection to an Instance. Which Instance, and whether to try another, is forward.py's."""

from __future__ import annotations

import asyncio
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections.abc import Callable
from dataclasses import dataclass, field

from adapters.local.http1 import (
    Answer,
    BadMessage,
    Body,
    Headers,
    Request,
    copy_body,
    end_to_end,
    parse_answer,
    read_head,
    render,
)

KEPT_CONNECTIONS = 64

_REASONS = {
    400: "Bad Request",
    405: "Method Not Allowed",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}


@dataclass
class Connection:
    reader: StreamReader
    writer: StreamWriter
    is_reused: bool = False

    def is_usable(self) -> bool:
        return not self.reader.at_eof() and not self.writer.is_closing()


@dataclass(eq=False)
class Upstream:
    """An Instance as this front sees it."""

    name: str
    host: str
    port: int
    is_enabled: bool
    in_flight: int = 0
    suspect_until: float = 0.0
    idle: list[Connection] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def disable(self) -> None:
        self.is_enabled = False
        while self.idle:
            self.idle.pop().writer.close()

    def take(self) -> Connection | None:
        while self.idle:
            connection = self.idle.pop()
            if connection.is_usable():
                connection.is_reused = True
                return connection
            connection.writer.close()
        return None

    def give_back(self, connection: Connection) -> None:
        if self.is_enabled and len(self.idle) < KEPT_CONNECTIONS and connection.is_usable():
            self.idle.append(connection)
        else:
            connection.writer.close()


class ClientReader(StreamReader):
    """Tells at once when the client went away, also while nobody reads from it."""

    on_gone: Callable[[], None] | None = None

    def feed_eof(self) -> None:
        super().feed_eof()
        if self.on_gone is not None:
            self.on_gone()


class Unanswered(Exception):
    """A kept connection was closed before it answered anything."""


class Exchange:
    """One request and its answer over one connection to an Instance."""

    def __init__(
        self,
        request: Request,
        reader: ClientReader,
        writer: StreamWriter,
        upstream: Upstream,
        connection: Connection,
    ) -> None:
        self._request = request
        self._reader = reader
        self._writer = writer
        self._upstream = upstream
        self._connection = connection
        self._has_begun = False
        """Whether the client has received any of the answer."""
        self._sending: asyncio.Task[None] | None = None
        self._client_stays = False

    async def run(self) -> bool:
        """Returns whether the client's connection can go on. Raises Unanswered; OSError and the like when the client's
        connection must be broken off."""
        request, connection = self._request, self._connection
        self._reader.on_gone = connection.writer.transport.abort
        if self._reader.at_eof():
            connection.writer.transport.abort()
            return False
        is_whole = False
        try:
            connection.writer.write(render(*self._head()))
            if request.body:
                self._sending = asyncio.create_task(self._send_body())
            answer = await self._read_answer()
            if answer is None:
                return False
            is_whole = await self._pass_on(answer)
            if is_whole and answer.keeps_alive and not self._is_single_use():
                self._upstream.give_back(connection)
            else:
                connection.writer.close()
            return is_whole and self._client_stays
        finally:
            self._reader.on_gone = None
            if self._sending is not None:
                self._sending.cancel()
                await asyncio.wait([self._sending])
            if not is_whole:
                connection.writer.transport.abort()

    def _is_single_use(self) -> bool:
        return (
            not self._request.is_idempotent or bool(self._request.body) or self._request.upgrade is not None
        )

    def _head(self) -> tuple[bytes, Headers]:
        request = self._request
        headers = end_to_end(request.headers)
        client = (self._writer.get_extra_info("peername") or ("127.0.0.1",))[0].encode()
        forwarded = [value for name, value in headers if name.lower() == b"x-forwarded-for"]
        headers = [(name, value) for name, value in headers if name.lower() != b"x-forwarded-for"]
        headers.append((b"X-Forwarded-For", b", ".join([*forwarded, client])))
        known = {name.lower(): value for name, value in request.headers}
        if b"x-forwarded-proto" not in known:
            headers.append((b"X-Forwarded-Proto", b"http"))
        if b"x-forwarded-host" not in known and b"host" in known:
            headers.append((b"X-Forwarded-Host", known[b"host"]))
        if b"host" not in known:
            headers.insert(0, (b"Host", self._upstream.address.encode()))
        if request.upgrade is not None:
            headers += [(b"Connection", b"Upgrade"), (b"Upgrade", request.upgrade)]
        elif self._is_single_use():
            headers.append((b"Connection", b"close"))
        return request.method + b" " + request.target + b" HTTP/1.1", headers

    async def _send_body(self) -> None:
        try:
            await copy_body(self._request.body, self._reader, self._connection.writer)
        except (IncompleteReadError, BadMessage):
            # The client left or sent nonsense: the Instance must not take half a body for a whole one.
            self._connection.writer.transport.abort()
        except OSError:
            # The Instance wants no more of it; its answer may be on its way.
            return

    async def _read_answer(self) -> Answer | None:
        """The final answer's head; None when the Instance failed and the client was told so."""
        connection = self._connection
        try:
            while True:
                head = await read_head(connection.reader)
                if not head:
                    raise ConnectionResetError
                answer = parse_answer(head, self._request.method)
                if answer.status >= 200 or answer.status == 101:
                    return answer
                if self._request.is_1_1:
                    self._writer.write(render(answer.start, end_to_end(answer.headers)))
                    await self._writer.drain()
                    self._has_begun = True
        except (OSError, IncompleteReadError, BadMessage) as error:
            is_silent = isinstance(error, OSError) or (
                isinstance(error, IncompleteReadError) and not error.partial
            )
            if self._reader.at_eof():
                raise ConnectionResetError from error
            if connection.is_reused and is_silent and not self._has_begun:
                raise Unanswered from error
            text = f"{self._upstream.name} broke off before it answered."
            if isinstance(error, BadMessage):
                text = f"{self._upstream.name} answered with something that isn't HTTP."
            answer_error(self._writer, 502, text)
            return None

    async def _pass_on(self, answer: Answer) -> bool:
        """Sends the answer to the client. Returns whether it was whole; raises when it broke off in the middle."""
        request, connection = self._request, self._connection
        headers = end_to_end(answer.headers)
        if answer.status == 101:
            if request.upgrade is None:
                answer_error(self._writer, 502, f"{self._upstream.name} changed the protocol unasked.")
                return False
            headers += [(b"Connection", b"Upgrade"), (b"Upgrade", answer.upgrade or request.upgrade)]
            self._writer.write(render(answer.start, headers))
            await self._tunnel()
            return False
        unchunk = answer.body.is_chunked and not request.is_1_1
        if unchunk:
            headers = [(name, value) for name, value in headers if name.lower() != b"transfer-encoding"]
            answer.body.until_close = True
        # An answer that came before the body was through leaves the rest of the body in the client's connection.
        is_sent = self._sending is None or self._sending.done()
        self._client_stays = request.keeps_alive and is_sent and not answer.body.until_close
        if not self._client_stays:
            headers.append((b"Connection", b"close"))
        elif not request.is_1_1:
            headers.append((b"Connection", b"keep-alive"))
        self._writer.write(render(answer.start, headers))
        try:
            if answer.body:
                await copy_body(answer.body, connection.reader, self._writer, unchunk=unchunk)
            else:
                await self._writer.drain()
        except BadMessage as error:
            raise ConnectionResetError(error.text) from error
        return True

    async def _tunnel(self) -> None:
        """Passes bytes both ways until one side ends."""
        self._reader.on_gone = None
        both = [
            asyncio.create_task(copy_body(Body(until_close=True), self._reader, self._connection.writer)),
            asyncio.create_task(copy_body(Body(until_close=True), self._connection.reader, self._writer)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)


def answer_error(writer: StreamWriter, status: int, text: str, request: Request | None = None) -> None:
    keeps_alive = request is not None and request.keeps_alive and not request.body
    body = f"{status} {_REASONS[status]}\n{text}\n".encode()
    headers = [
        (b"Content-Type", b"text/plain; charset=utf-8"),
        (b"Content-Length", str(len(body)).encode()),
        (b"Connection", b"keep-alive" if keeps_alive else b"close"),
    ]
    if status == 503:
        headers.append((b"Retry-After", b"1"))
    if request is not None and request.method == b"HEAD":
        body = b""
    writer.write(render(f"HTTP/1.1 {status} {_REASONS[status]}".encode(), headers) + body)
