"""One front of the proxy: clients on one side, a Target's Instances on the other, and the count of what is in flight between.

A request belongs to an Instance from the moment it is chosen until its answer has been passed on; draining an Instance means that
it is chosen no more. A request is sent again only where the Instance can't have seen it: when no connection could be made, or
when a kept connection was closed before it answered anything, to a request that may be repeated and has no body. All others get
a connection of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from asyncio import IncompleteReadError, StreamReader, StreamWriter

from adapters.local.exchange import ClientReader, Connection, Exchange, Unanswered, Upstream, answer_error
from adapters.local.http1 import BLOCK, HEAD_LIMIT, BadMessage, Request, parse_request, read_head

CLIENT_IDLE = 75.0
"""Seconds after which a client that says nothing is let go."""
CONNECT_WITHIN = 2.0
PART_WITHIN = 1.0
SUSPECT_FOR = 1.0
"""Seconds for which an Instance that refused a connection is asked last."""


class Front:
    """`target`: its key, for texts; `hold`: seconds for which requests wait for an Instance to take them."""

    def __init__(self, target: str, hold: float) -> None:
        self.target = target
        self.hold = hold
        self.upstreams: dict[str, Upstream] = {}
        self._leaving: set[Upstream] = set()
        self._turn = 0
        self._changed = asyncio.Event()
        self._clients: dict[asyncio.Task[None], bool] = {}
        """Connections of clients, and whether they are in the middle of a request."""
        self._is_closing = False

    def set_routes(self, routes: dict[str, tuple[str, bool]]) -> None:
        """Instance -> its address and whether it is enabled. Takes effect for every request that is not yet with an Instance."""
        for name in [name for name in self.upstreams if name not in routes]:
            self._leave(self.upstreams.pop(name))
        for name, (address, is_enabled) in routes.items():
            known = self.upstreams.get(name)
            if known is not None and known.address != address:
                self._leave(known)
                known = None
            if known is None:
                host, _, port = address.rpartition(":")
                known = self.upstreams[name] = Upstream(name, host, int(port), is_enabled)
            if is_enabled:
                known.is_enabled = True
                known.suspect_until = 0.0
            else:
                known.disable()
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def in_flight(self) -> dict[str, int]:
        """Requests not yet answered, by Instance; those with an Instance's earlier address count too."""
        counts = {name: upstream.in_flight for name, upstream in self.upstreams.items()}
        self._leaving = {upstream for upstream in self._leaving if upstream.in_flight}
        for upstream in self._leaving:
            counts[upstream.name] = counts.get(upstream.name, 0) + upstream.in_flight
        return counts

    def accept(self) -> asyncio.StreamReaderProtocol:
        """A protocol for a new client's connection."""
        reader = ClientReader(limit=HEAD_LIMIT)
        return asyncio.StreamReaderProtocol(reader, self._serve)

    async def close(self, within: float) -> None:
        """Lets requests in flight finish, at most `within` seconds, and lets all clients go."""
        self._is_closing = True
        for task, is_busy in list(self._clients.items()):
            if not is_busy:
                task.cancel()
        if self._clients:
            await asyncio.wait(self._clients, timeout=within)
        for task in list(self._clients):
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        for upstream in self.upstreams.values():
            upstream.disable()

    def _leave(self, upstream: Upstream) -> None:
        upstream.disable()
        if upstream.in_flight:
            self._leaving.add(upstream)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        assert isinstance(reader, ClientReader)
        self._clients[task] = False
        try:
            while not self._is_closing:
                self._clients[task] = False
                async with asyncio.timeout(CLIENT_IDLE):
                    head = await read_head(reader)
                if not head:
                    break
                self._clients[task] = True
                if not await self._exchange(parse_request(head), reader, writer):
                    break
            await self._part(reader, writer)
        except BadMessage as error:
            answer_error(writer, error.status, error.text)
            await self._part(reader, writer)
        except (OSError, IncompleteReadError, TimeoutError):
            writer.transport.abort()
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            del self._clients[task]
            writer.close()

    async def _part(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Ends our half and takes what the client still sends for a moment: closing with that unread would destroy the answer."""
        with contextlib.suppress(OSError, TimeoutError):
            writer.write_eof()
            async with asyncio.timeout(PART_WITHIN):
                while await reader.read(BLOCK):
                    pass

    async def _exchange(self, request: Request, reader: ClientReader, writer: StreamWriter) -> bool:
        """Finds an Instance for the request and passes its answer on. Returns whether the client's connection can go on."""
        until = time.monotonic() + self.hold
        tried: set[str] = set()
        while True:
            upstream = await self._choose(until, tried)
            if upstream is None:
                return self._refuse(request, writer)
            upstream.in_flight += 1
            try:
                connection = await self._connect(upstream, request)
                if connection is None:
                    tried.add(upstream.name)
                    continue
                exchange = Exchange(request, reader, writer, upstream, connection)
                try:
                    return await exchange.run() and not self._is_closing
                except Unanswered:
                    connection = await self._open(upstream)
                if connection is None:
                    tried.add(upstream.name)
                    continue
                exchange = Exchange(request, reader, writer, upstream, connection)
                return await exchange.run() and not self._is_closing
            finally:
                upstream.in_flight -= 1

    async def _choose(self, until: float, tried: set[str]) -> Upstream | None:
        """The next enabled Instance in turn, one that refused lately last; waits for one as long as requests are held."""
        while True:
            now = time.monotonic()
            enabled = [upstream for upstream in self.upstreams.values() if upstream.is_enabled]
            fresh = [upstream for upstream in enabled if upstream.name not in tried]
            if fresh:
                candidates = [upstream for upstream in fresh if upstream.suspect_until <= now] or fresh
                self._turn += 1
                return candidates[self._turn % len(candidates)]
            if now >= until:
                return None
            # All that are enabled refused: they may just be starting again.
            pause = min(until - now, 0.1) if enabled else until - now
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), pause)
            tried.clear()

    async def _connect(self, upstream: Upstream, request: Request) -> Connection | None:
        may_be_repeated = request.is_idempotent and not request.body and request.upgrade is None
        if may_be_repeated and (kept := upstream.take()) is not None:
            return kept
        return await self._open(upstream)

    async def _open(self, upstream: Upstream) -> Connection | None:
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                reader, writer = await asyncio.open_connection(upstream.host, upstream.port, limit=HEAD_LIMIT)
        except (OSError, TimeoutError):
            upstream.suspect_until = time.monotonic() + SUSPECT_FOR
            return None
        return Connection(reader, writer)

    def _refuse(self, request: Request, writer: StreamWriter) -> bool:
        if any(upstream.is_enabled for upstream in self.upstreams.values()):
            text = f"No Instance of {self.target} accepts connections, although traffic is sent to it."
            answer_error(writer, 502, text, request)
        else:
            text = f"No Instance of {self.target} takes requests at this moment."
            answer_error(writer, 503, text, request)
        return request.keeps_alive and not request.body
