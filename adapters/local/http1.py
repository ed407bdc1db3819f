"""HTTP/1.1 as the proxy needs it: heads parsed strictly, bodies passed on as they come. No connection and no route is known here.

Whatever two servers could read differently (two lengths, a length beside chunks, folded or bare line ends) is refused.
"""

from __future__ import annotations

import re
from asyncio import IncompleteReadError, LimitOverrunError, StreamReader, StreamWriter
from dataclasses import dataclass

HEAD_LIMIT = 64 * 1024
BLOCK = 64 * 1024

Headers = list[tuple[bytes, bytes]]
"""Names as they came and values without blanks around them."""

IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(rb"[!-~\x80-\xff]+")
_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"te", b"upgrade"}
)


class BadMessage(Exception):
    """What came isn't HTTP as this proxy passes it on. `status`: what to answer a client."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


@dataclass
class Body:
    """How a body ends: after `length` bytes, by its chunks, or (answers only) with the connection."""

    length: int = 0
    is_chunked: bool = False
    until_close: bool = False

    def __bool__(self) -> bool:
        return self.length > 0 or self.is_chunked or self.until_close


@dataclass
class Request:
    method: bytes
    target: bytes
    is_1_1: bool
    headers: Headers
    body: Body
    keeps_alive: bool
    upgrade: bytes | None

    @property
    def is_idempotent(self) -> bool:
        return self.method in IDEMPOTENT


@dataclass
class Answer:
    status: int
    start: bytes
    """The status line without its end, as HTTP/1.1."""
    headers: Headers
    body: Body
    keeps_alive: bool
    upgrade: bytes | None


async def read_head(reader: StreamReader) -> bytes:
    """All up to the empty line, without it; empty when the other side ended before it began. Raises BadMessage, or
    IncompleteReadError when it ended in the middle."""
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except LimitOverrunError:
            raise BadMessage("The head is too long.", 431) from None
        except IncompleteReadError as error:
            if not error.partial.strip(b"\r\n"):
                return b""
            raise
        head = head[:-4].lstrip(b"\r\n")
        if head:
            break
    if head.count(b"\n") != head.count(b"\r\n") or head.count(b"\r") != head.count(b"\r\n") or b"\0" in head:
        raise BadMessage("A line of the head does not end as it must.")
    return head


def parse_request(head: bytes) -> Request:
    first, _, rest = head.partition(b"\r\n")
    words = first.split(b" ")
    if len(words) != 3 or not _TOKEN.fullmatch(words[0]) or not _TARGET.fullmatch(words[1]):
        raise BadMessage("The request line is malformed.")
    method, target, protocol = words
    if protocol not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise BadMessage("Only HTTP/1.1 and HTTP/1.0 are spoken here.", 505)
    if method == b"CONNECT":
        raise BadMessage("CONNECT is not possible here.", 405)
    is_1_1 = protocol == b"HTTP/1.1"
    headers, known = _headers(rest)
    hosts = known.get(b"host", [])
    if len(hosts) > 1 or (is_1_1 and not hosts):
        raise BadMessage("There must be one Host header.")
    options = _options(known)
    body = _body(known, is_1_1)
    keeps_alive = (is_1_1 and b"close" not in options) or (not is_1_1 and b"keep-alive" in options)
    upgrade = known.get(b"upgrade", [None])[0] if b"upgrade" in options else None
    return Request(method, target, is_1_1, headers, body, keeps_alive, upgrade)


def parse_answer(head: bytes, method: bytes) -> Answer:
    first, _, rest = head.partition(b"\r\n")
    words = first.split(b" ", 2)
    if (
        len(words) < 2
        or words[0] not in (b"HTTP/1.1", b"HTTP/1.0")
        or not (len(words[1]) == 3 and words[1].isdigit())
    ):
        raise BadMessage("The status line is malformed.")
    is_1_1, status = words[0] == b"HTTP/1.1", int(words[1])
    headers, known = _headers(rest)
    options = _options(known)
    keeps_alive = (is_1_1 and b"close" not in options) or (not is_1_1 and b"keep-alive" in options)
    upgrade = known.get(b"upgrade", [None])[0] if b"upgrade" in options else None
    if method == b"HEAD" or status < 200 or status in (204, 304):
        body = Body()
    elif b"content-length" in known or b"transfer-encoding" in known:
        body = _body(known, True)
    else:
        body, keeps_alive = Body(until_close=True), False
    return Answer(status, b"HTTP/1.1 " + first[9:], headers, body, keeps_alive, upgrade)


def end_to_end(headers: Headers) -> Headers:
    """Without what is only about one connection. Transfer-Encoding stays, as bodies are passed on as they are."""
    named: set[bytes] = set()
    for name, value in headers:
        if name.lower() == b"connection":
            named.update(word.strip().lower() for word in value.split(b","))
    named -= {b"transfer-encoding", b"content-length", b"host"}
    dropped = _HOP_BY_HOP | named
    return [(name, value) for name, value in headers if name.lower() not in dropped]


def render(start: bytes, headers: Headers) -> bytes:
    return b"\r\n".join([start, *[b"%s: %s" % pair for pair in headers], b"", b""])


async def copy_body(body: Body, reader: StreamReader, writer: StreamWriter, *, unchunk: bool = False) -> None:
    """Passes the body on, never faster than it is taken. Raises IncompleteReadError when it ends too soon."""
    if body.is_chunked:
        await _copy_chunks(reader, writer, unchunk)
    elif body.until_close:
        while block := await reader.read(BLOCK):
            writer.write(block)
            await writer.drain()
    else:
        await _copy_bytes(body.length, reader, writer)


async def _copy_bytes(left: int, reader: StreamReader, writer: StreamWriter) -> None:
    while left:
        block = await reader.read(min(left, BLOCK))
        if not block:
            raise IncompleteReadError(b"", left)
        left -= len(block)
        writer.write(block)
        await writer.drain()


async def _copy_chunks(reader: StreamReader, writer: StreamWriter, unchunk: bool) -> None:
    while True:
        line = await _line(reader)
        size_text = line.split(b";", 1)[0].strip(b" \t\r\n")
        if (
            not size_text
            or len(size_text) > 15
            or not all(digit in b"0123456789abcdefABCDEF" for digit in size_text)
        ):
            raise BadMessage("A chunk has no valid size.")
        size = int(size_text, 16)
        if not unchunk:
            writer.write(line)
        if size == 0:
            break
        await _copy_bytes(size, reader, writer)
        if await reader.readexactly(2) != b"\r\n":
            raise BadMessage("A chunk is longer than it said.")
        if not unchunk:
            writer.write(b"\r\n")
    while (line := await _line(reader)) != b"\r\n":
        if not unchunk:
            writer.write(line)
    if not unchunk:
        writer.write(b"\r\n")
    await writer.drain()


async def _line(reader: StreamReader) -> bytes:
    try:
        line = await reader.readuntil(b"\r\n")
    except LimitOverrunError:
        raise BadMessage("A line is too long.") from None
    if b"\n" in line[:-2]:
        raise BadMessage("A line does not end as it must.")
    return line


def _headers(text: bytes) -> tuple[Headers, dict[bytes, list[bytes]]]:
    headers: Headers = []
    known: dict[bytes, list[bytes]] = {}
    if not text:
        return headers, known
    for line in text.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name):
            raise BadMessage("A header is malformed.")
        value = value.strip(b" \t")
        headers.append((name, value))
        known.setdefault(name.lower(), []).append(value)
    return headers, known


def _options(known: dict[bytes, list[bytes]]) -> set[bytes]:
    values = known.get(b"connection")
    if not values:
        return set()
    return {word.strip().lower() for value in values for word in value.split(b",")}


def _body(known: dict[bytes, list[bytes]], is_1_1: bool) -> Body:
    lengths = known.get(b"content-length", [])
    codings = known.get(b"transfer-encoding", [])
    if codings:
        if lengths or not is_1_1 or len(codings) != 1 or codings[0].lower() != b"chunked":
            raise BadMessage("The body's length cannot be told for certain.", 400 if lengths else 501)
        return Body(is_chunked=True)
    if not lengths:
        return Body()
    if len(set(lengths)) != 1 or not lengths[0].isdigit() or len(lengths[0]) > 18:
        raise BadMessage("The Content-Length is malformed.")
    return Body(length=int(lengths[0]))
