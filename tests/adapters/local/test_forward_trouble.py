"""The proxy when things go wrong: what is sent again, what is told, what drains."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.support.poll import until
from tests.support.proxy_bench import CLOSE, OK, Bench, bench, get

__all__ = ["bench"]


async def test_a_request_that_may_be_repeated_survives_a_kept_connection_that_was_closed(
    bench: Bench,
) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await bench.head(reader)
        writer.write(OK)
        await writer.drain()
        # The next one on this connection is read and never answered.
        await bench.head(reader)

    await bench.route(once)
    reader, writer = await bench.connect()
    for _ in range(4):
        writer.write(get())
        assert await reader.readuntil(b"ok") == OK
    writer.close()
    assert len(bench.heads) == 7
    assert bench.connections == 4


async def test_a_post_is_never_sent_twice_nor_over_a_kept_connection(bench: Bench) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await bench.head(reader)
        if head.startswith(b"GET"):
            writer.write(OK)
            await bench.head(reader)

    await bench.route(silent)
    reader, writer = await bench.connect()
    writer.write(get())
    assert await reader.readuntil(b"ok") == OK
    writer.write(get(method="POST"))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 502 ")
    assert (await reader.read()).endswith(b"shop-1 broke off before it answered.\n")
    writer.close()
    assert [head.split()[0] for head in bench.heads] == [b"GET", b"POST"]
    assert bench.connections == 2


async def test_a_fresh_connection_that_breaks_off_is_not_tried_again(bench: Bench) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await bench.head(reader)

    await bench.route(silent)
    assert (await bench.ask(get())).startswith(b"HTTP/1.1 502 ")
    assert len(bench.heads) == 1


async def test_a_refused_connection_leads_to_the_next_instance_whatever_the_method(bench: Bench) -> None:
    address = await bench.upstream(bench.answering())
    gone = await _closed_port()
    bench.front.set_routes({"shop-1": (gone, True), "shop-2": (address, True)})
    for method in ("GET", "POST") * 5:
        assert (await bench.ask(get("/", CLOSE, "Content-Length: 0", method=method))).endswith(b"ok")


async def test_an_instance_that_is_only_just_starting_is_waited_for(bench: Bench) -> None:
    gone = await _closed_port()
    bench.front.hold = 5.0
    bench.front.set_routes({"shop-1": (gone, True)})
    asking = asyncio.create_task(bench.ask(get("/", CLOSE)))
    await asyncio.sleep(0.2)
    server = await asyncio.start_server(bench.answering(), "127.0.0.1", int(gone.rpartition(":")[2]))
    assert (await asking).endswith(b"ok")
    server.close()


async def test_who_refuses_all_the_time_is_told_of(bench: Bench) -> None:
    bench.front.set_routes({"shop-1": (await _closed_port(), True)})
    found = await bench.ask(get("/", CLOSE))
    assert found.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert found.endswith(b"No Instance of shop@test accepts connections, although traffic is sent to it.\n")


async def test_what_is_not_http_is_refused(bench: Bench) -> None:
    await bench.route(bench.answering())
    for request in (
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        get("/", "Content-Length: 1", "Transfer-Encoding: chunked"),
    ):
        assert (await bench.ask(request)).startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert bench.heads == []


async def test_an_answer_that_is_not_http_is_a_bad_gateway(bench: Bench) -> None:
    await bench.route(bench.answering(b"hello\r\n\r\n"))
    found = await bench.ask(get())
    assert found.startswith(b"HTTP/1.1 502 ")
    assert found.endswith(b"shop-1 answered with something that isn't HTTP.\n")


async def test_an_answer_that_breaks_off_breaks_off_for_the_client_too(bench: Bench) -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await bench.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    await bench.route(half)
    reader, writer = await bench.connect()
    writer.write(get())
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await reader.readuntil(b"never")
    writer.close()


async def test_a_client_that_leaves_is_not_counted_any_more(bench: Bench) -> None:
    left = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await bench.head(reader)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        left.set()

    await bench.route(wait)
    _reader, writer = await bench.connect()
    writer.write(get())
    await until(lambda: bench.front.in_flight() == {"shop-1": 1})
    writer.close()
    await asyncio.wait_for(left.wait(), 5)
    await until(lambda: bench.front.in_flight() == {"shop-1": 0})


async def test_half_a_body_is_never_taken_for_a_whole_one(bench: Bench) -> None:
    seen: list[str] = []

    async def take(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await bench.head(reader)
        try:
            seen.append(str(await reader.read()))
        except ConnectionError:
            seen.append("broken off")

    await bench.route(take)
    _reader, writer = await bench.connect()
    writer.write(get("/", "Transfer-Encoding: chunked", method="POST") + b"5\r\nhel")
    await until(lambda: len(bench.heads) == 1)
    writer.close()
    await until(lambda: bool(seen))
    assert seen == ["broken off"] or "0\\r\\n" not in seen[0]


async def test_draining_closes_idle_connections_and_counts_what_is_in_flight(bench: Bench) -> None:
    closed = asyncio.Event()
    answer_now = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                path = (await bench.head(reader)).split()[1]
            except asyncio.IncompleteReadError:
                closed.set()
                return
            if path == b"/slow":
                await answer_now.wait()
            writer.write(OK)

    address = await bench.upstream(serve)
    bench.front.set_routes({"shop-1": (address, True)})
    await bench.ask(get("/", CLOSE))
    slow = asyncio.create_task(bench.ask(get("/slow", CLOSE)))
    idle_reader, idle = await bench.connect()
    idle.write(get())
    await until(lambda: bench.front.in_flight() == {"shop-1": 1} and len(bench.heads) == 3)
    await idle_reader.readuntil(b"ok")
    bench.front.set_routes({"shop-1": (address, False)})
    await asyncio.wait_for(closed.wait(), 5)
    assert bench.front.in_flight() == {"shop-1": 1}
    idle.write(get("/refused", CLOSE))
    assert (await idle_reader.read()).startswith(b"HTTP/1.1 503 ")
    idle.close()
    answer_now.set()
    assert (await slow).endswith(b"ok")
    assert bench.front.in_flight() == {"shop-1": 0}
    assert not any(b"/refused" in head for head in bench.heads)


async def test_what_is_in_flight_at_an_earlier_address_still_counts(bench: Bench) -> None:
    answer_now = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await bench.head(reader)
        await answer_now.wait()
        writer.write(OK)

    await bench.route(wait)
    slow = asyncio.create_task(bench.ask(get("/", CLOSE)))
    await until(lambda: len(bench.heads) == 1)
    bench.front.set_routes({"shop-1": (await bench.upstream(bench.answering()), False)})
    assert bench.front.in_flight() == {"shop-1": 1}
    answer_now.set()
    assert (await slow).endswith(b"ok")
    assert bench.front.in_flight() == {"shop-1": 0}


async def test_closing_lets_requests_in_flight_finish(bench: Bench) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await bench.head(reader)
        await asyncio.sleep(0.3)
        writer.write(OK)

    await bench.route(slow)
    _idle_reader, idle = await bench.connect()
    asking = asyncio.create_task(bench.ask(get()))
    await until(lambda: len(bench.heads) == 1)
    await bench.front.close(5.0)
    assert (await asking).endswith(b"ok")
    idle.close()


async def _closed_port() -> str:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"127.0.0.1:{port}"
