"""The proxy on the wire: what is passed on, unchanged and in order."""

from __future__ import annotations

import asyncio

from tests.support.poll import until
from tests.support.proxy_bench import CLOSE, OK, Bench, bench, get

__all__ = ["bench"]


async def test_the_upstream_learns_who_asked(bench: Bench) -> None:
    await bench.route(bench.answering())
    await bench.ask(
        get("/a?b", CLOSE, "X-Forwarded-For: 10.0.0.1", "Cookie: a=b", "X-Twice: 1", "X-Twice: 2")
    )
    lines = bench.heads[0].decode().split("\r\n")
    assert lines[0] == "GET /a?b HTTP/1.1"
    assert lines[1:-2] == [
        "Host: shop",
        "Cookie: a=b",
        "X-Twice: 1",
        "X-Twice: 2",
        "X-Forwarded-For: 10.0.0.1, 127.0.0.1",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Host: shop",
    ]


async def test_connections_are_kept_on_both_sides(bench: Bench) -> None:
    await bench.route(bench.answering())
    reader, writer = await bench.connect()
    for _ in range(5):
        writer.write(get())
        assert await reader.readuntil(b"ok") == OK
    writer.close()
    assert bench.connections == 1
    assert len(bench.heads) == 5


async def test_requests_sent_at_once_are_answered_in_order(bench: Bench) -> None:
    async def echo_path(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            path = (await bench.head(reader)).split()[1]
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + path)

    await bench.route(echo_path)
    found = await bench.ask(get("/1") + get("/2") + get("/3", CLOSE))
    assert [part[:2] for part in found.split(b"\r\n\r\n")[1:]] == [b"/1", b"/2", b"/3"]


async def test_instances_take_turns(bench: Bench) -> None:
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number for number in range(3)]
    await bench.route(*(bench.answering(answer) for answer in answers))
    found = [(await bench.ask(get("/", CLOSE)))[-1:] for _ in range(9)]
    assert sorted(found) == [b"0"] * 3 + [b"1"] * 3 + [b"2"] * 3


async def test_a_body_of_a_length_is_passed_on(bench: Bench) -> None:
    received = bytearray()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await bench.head(reader)
        received.extend(await reader.readexactly(3_000_000))
        writer.write(OK)

    await bench.route(take)
    body = bytes(range(250)) * 12_000
    assert await bench.ask(get("/", CLOSE, "Content-Length: 3000000", method="PUT") + body) == OK.replace(
        b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"
    )
    assert bytes(received) == body


async def test_chunks_are_passed_on_as_they_come_both_ways(bench: Bench) -> None:
    chunks = b"5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: t\r\n\r\n"

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await bench.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(await reader.readuntil(b"Trailer: t\r\n\r\n"))

    await bench.route(echo)
    reader, writer = await bench.connect()
    for _ in range(2):
        writer.write(get("/", "Transfer-Encoding: chunked", method="POST") + chunks)
        assert await reader.readuntil(b"Trailer: t\r\n\r\n") == (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
        )
    writer.close()


async def test_an_answer_is_passed_on_while_it_is_made(bench: Bench) -> None:
    go_on = asyncio.Event()

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await bench.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        await go_on.wait()
        writer.write(b"1\r\nb\r\n0\r\n\r\n")

    await bench.route(stream)
    reader, writer = await bench.connect()
    writer.write(get())
    await reader.readuntil(b"1\r\na\r\n")
    assert bench.front.in_flight() == {"shop-1": 1}
    go_on.set()
    assert await reader.readuntil(b"0\r\n\r\n") == b"1\r\nb\r\n0\r\n\r\n"
    writer.close()
    await until(lambda: bench.front.in_flight() == {"shop-1": 0})


async def test_an_old_client_gets_no_chunks(bench: Bench) -> None:
    await bench.route(
        bench.answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    )
    found = await bench.ask(b"GET / HTTP/1.0\r\n\r\n")
    assert found == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"


async def test_an_answer_that_ends_with_its_connection_ends_the_clients_too(bench: Bench) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await bench.head(reader)
        writer.write(b"HTTP/1.0 200 OK\r\nX: y\r\n\r\nall of it")

    await bench.route(answer)
    assert await bench.ask(get()) == b"HTTP/1.1 200 OK\r\nX: y\r\nConnection: close\r\n\r\nall of it"


async def test_head_has_no_body(bench: Bench) -> None:
    await bench.route(bench.answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"))
    reader, writer = await bench.connect()
    for _ in range(3):
        writer.write(get(method="HEAD"))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
    writer.close()


async def test_a_client_that_waits_to_be_told_to_continue_is_told(bench: Bench) -> None:
    async def expect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert b"Expect: 100-continue" in await bench.head(reader)
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await reader.readexactly(5) == b"hello"
        writer.write(OK)

    await bench.route(expect)
    reader, writer = await bench.connect()
    writer.write(get("/", "Expect: 100-continue", "Content-Length: 5", CLOSE, method="POST"))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"hello")
    assert (await reader.read()).endswith(b"ok")
    writer.close()


async def test_an_answer_before_the_body_reaches_the_client_and_ends_its_connection(bench: Bench) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await bench.head(reader)
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.write_eof()
        await reader.read()

    await bench.route(refuse)
    reader, writer = await bench.connect()
    writer.write(get("/", "Content-Length: 1000000", method="POST") + b"x" * 1000)
    assert await reader.readuntil(b"\r\n\r\n") == (
        b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    writer.write(b"x" * 500_000)
    assert await reader.read() == b""
    writer.close()


async def test_a_websocket_goes_through(bench: Bench) -> None:
    async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await bench.head(reader)
        assert b"Upgrade: websocket" in head
        assert b"Connection: Upgrade" in head
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        while block := await reader.read(100):
            writer.write(block.upper())

    await bench.route(upgrade)
    reader, writer = await bench.connect()
    writer.write(get("/", "Connection: Upgrade", "Upgrade: websocket"))
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"Connection: Upgrade" in head
    for word in (b"hello", b"again"):
        writer.write(word)
        assert await reader.readexactly(5) == word.upper()
    assert bench.front.in_flight() == {"shop-1": 1}
    writer.close()
    await until(lambda: bench.front.in_flight() == {"shop-1": 0})
