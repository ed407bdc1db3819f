"""The proxy on the wire: real sockets on both sides, one front in the test's own loop, upstreams that the test speaks for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from adapters.local.forward import Front

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Bench:
    """`front_port`: where clients go; `heads`: what upstreams received, in order; `connections`: how many were opened to them."""

    def __init__(self, hold: float) -> None:
        self.front = Front("shop@test", hold)
        self.front_port = 0
        self.heads: list[bytes] = []
        self.connections = 0
        self._servers: list[asyncio.Server] = []

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self.front.accept, "127.0.0.1", 0)
        self.front_port = server.sockets[0].getsockname()[1]
        self._servers.append(server)

    async def close(self) -> None:
        await self.front.close(1.0)
        for server in self._servers:
            server.close()

    async def upstream(self, handler: Handler) -> str:
        """Starts an upstream whose connections the handler serves, and returns its address."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await handler(reader, writer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self._servers.append(server)
        return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def route(self, *handlers: Handler) -> None:
        """Enables an upstream for each handler: shop-1, shop-2, …"""
        addresses = [await self.upstream(handler) for handler in handlers]
        self.front.set_routes(
            {f"shop-{number}": (address, True) for number, address in enumerate(addresses, 1)}
        )

    async def head(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        return head

    def answering(self, answer: bytes = OK) -> Handler:
        """Answers each request on a connection with the same."""

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                head = await self.head(reader)
                if b"content-length: " in head.lower():
                    await reader.readexactly(
                        int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                    )
                writer.write(answer)
                await writer.drain()

        return handle

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.front_port)

    async def ask(self, request: bytes) -> bytes:
        """Sends it on a connection of its own and returns all that comes until that is closed."""
        reader, writer = await self.connect()
        writer.write(request)
        try:
            async with asyncio.timeout(5):
                return await reader.read()
        finally:
            writer.close()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench(hold=0.3)
    await bench.open()
    yield bench
    await bench.close()


def get(path: str = "/", *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: shop", *headers, "", ""]).encode()


CLOSE = "Connection: close"


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
    await _until(lambda: bench.front.in_flight() == {"shop-1": 0})


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
    await _until(lambda: bench.front.in_flight() == {"shop-1": 0})


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
    await _until(lambda: bench.front.in_flight() == {"shop-1": 1})
    writer.close()
    await asyncio.wait_for(left.wait(), 5)
    await _until(lambda: bench.front.in_flight() == {"shop-1": 0})


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
    await _until(lambda: len(bench.heads) == 1)
    writer.close()
    await _until(lambda: bool(seen))
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
    await _until(lambda: bench.front.in_flight() == {"shop-1": 1} and len(bench.heads) == 3)
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
    await _until(lambda: len(bench.heads) == 1)
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
    await _until(lambda: len(bench.heads) == 1)
    await bench.front.close(5.0)
    assert (await asking).endswith(b"ok")
    idle.close()


async def _closed_port() -> str:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"127.0.0.1:{port}"


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.01)
