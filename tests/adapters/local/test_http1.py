"""Heads are parsed strictly: whatever two servers could read differently is refused."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.local.http1 import (
    BadMessage,
    Body,
    end_to_end,
    parse_answer,
    parse_request,
    read_head,
)

GET = b"GET /a?b=c HTTP/1.1\r\nHost: shop\r\n"


def test_a_request_is_read() -> None:
    request = parse_request(GET + b"Accept: */*\r\nX-Empty:\r\nx-Odd:  a b\t")
    assert (request.method, request.target, request.is_1_1) == (b"GET", b"/a?b=c", True)
    assert request.headers == [(b"Host", b"shop"), (b"Accept", b"*/*"), (b"X-Empty", b""), (b"x-Odd", b"a b")]
    assert (request.body, request.keeps_alive, request.upgrade) == (Body(), True, None)


@pytest.mark.parametrize(
    ("more", "body"),
    [
        (b"Content-Length: 5", Body(length=5)),
        (b"Content-Length: 5\r\ncontent-length: 5", Body(length=5)),
        (b"Transfer-Encoding: chunked", Body(is_chunked=True)),
        (b"transfer-encoding: Chunked", Body(is_chunked=True)),
        (b"Content-Length: 0", Body()),
    ],
)
def test_how_its_body_ends(more: bytes, body: Body) -> None:
    assert parse_request(GET.replace(b"GET", b"POST") + more).body == body


@pytest.mark.parametrize(
    ("head", "keeps_alive"),
    [
        (GET + b"Connection: keep-alive", True),
        (GET + b"Connection: close", False),
        (GET + b"Connection: x, Close", False),
        (b"GET / HTTP/1.0\r\nHost: a", False),
        (b"GET / HTTP/1.0\r\nConnection: Keep-Alive", True),
    ],
)
def test_whether_its_connection_goes_on(head: bytes, keeps_alive: bool) -> None:
    assert parse_request(head).keeps_alive is keeps_alive


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /", 400),
        (b"GET  / HTTP/1.1\r\nHost: a", 400),
        (b"GET / HTTP/2.0\r\nHost: a", 505),
        (b"GET /\x01 HTTP/1.1\r\nHost: a", 400),
        (b"G@T / HTTP/1.1\r\nHost: a", 400),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a", 405),
        (b"GET / HTTP/1.1", 400),
        (GET + b"Host: other", 400),
        (GET + b"Content-Length: 5\r\nContent-Length: 6", 400),
        (GET + b"Content-Length: +5", 400),
        (GET + b"Content-Length: 5, 5", 400),
        (GET + b"Content-Length: -1", 400),
        (GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
        (GET + b"Transfer-Encoding: gzip, chunked", 501),
        (GET + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 501),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked", 501),
        (GET + b"Folded: a\r\n b: c", 400),
        (GET + b"Spaced : a", 400),
        (GET + b": a", 400),
        (GET + b"no colon", 400),
        (GET + b"\r\n", 400),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(head: bytes, status: int) -> None:
    with pytest.raises(BadMessage) as caught:
        parse_request(head)
    assert caught.value.status == status


@given(st.binary(max_size=200))
def test_nothing_breaks_the_parsers(data: bytes) -> None:
    for text in (data, GET + data, b"HTTP/1.1 200 OK\r\n" + data):
        for parse in (parse_request, lambda text: parse_answer(text, b"GET")):
            try:
                parse(text)
            except BadMessage:
                continue


@pytest.mark.parametrize(
    ("method", "head", "body", "keeps_alive"),
    [
        (b"GET", b"HTTP/1.1 200 OK\r\nContent-Length: 3", Body(length=3), True),
        (b"GET", b"HTTP/1.1 200 OK", Body(until_close=True), False),
        (b"GET", b"HTTP/1.0 200 OK\r\nContent-Length: 3", Body(length=3), False),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 3", Body(), True),
        (b"GET", b"HTTP/1.1 204 No Content", Body(), True),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3", Body(), True),
        (
            b"GET",
            b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\nConnection: close",
            Body(is_chunked=True),
            False,
        ),
    ],
)
def test_how_an_answer_ends(method: bytes, head: bytes, body: Body, keeps_alive: bool) -> None:
    answer = parse_answer(head, method)
    assert (answer.body, answer.keeps_alive) == (body, keeps_alive)
    assert answer.start.startswith(b"HTTP/1.1 2") or answer.status == 304


def test_what_is_about_one_connection_stays_with_it() -> None:
    headers = [
        (b"Host", b"shop"),
        (b"Connection", b"close, X-Mine, Transfer-Encoding"),
        (b"X-Mine", b"1"),
        (b"Keep-Alive", b"timeout=5"),
        (b"TE", b"trailers"),
        (b"Upgrade", b"h2c"),
        (b"Transfer-Encoding", b"chunked"),
        (b"X-Other", b"2"),
    ]
    assert end_to_end(headers) == [(b"Host", b"shop"), (b"Transfer-Encoding", b"chunked"), (b"X-Other", b"2")]


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"", b""),
        (b"\r\n", b""),
        (b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nrest", b"GET / HTTP/1.1\r\nHost: a"),
        (b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", BadMessage),
        (b"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", BadMessage),
        (b"GET / HTTP/1.1\r\nHost: a\0\r\n\r\n", BadMessage),
        (b"GET / HTTP/1.1\r\nHo", asyncio.IncompleteReadError),
        (b"GET / HTTP/1.1\r\nHost: " + b"a" * 70_000, BadMessage),
    ],
)
async def test_a_head_ends_with_an_empty_line(data: bytes, outcome: bytes | type[Exception]) -> None:
    reader = asyncio.StreamReader(limit=64 * 1024)
    reader.feed_data(data)
    reader.feed_eof()
    if isinstance(outcome, bytes):
        assert await read_head(reader) == outcome
        return
    with pytest.raises(outcome):
        await read_head(reader)
