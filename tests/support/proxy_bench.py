"""A front of the proxy on the wire: real sockets on both sides, upstreams that the test speaks for."""

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
