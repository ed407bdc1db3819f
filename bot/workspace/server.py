"""The one process: routes, the guard against foreign pages, Socket Mode's WebSocket, and uvicorn.

Only loopback is served. Whoever else runs a page in the same browser must not reach it: Host and Origin are checked.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.workspace import client_api, control_api, web_chat, web_conversations, web_users, web_views
from bot.workspace.errors import ClientError, Json, SlackError
from bot.workspace.gateway import Connection, SocketHub
from bot.workspace.respond import use_response_url
from bot.workspace.seed import Seed
from bot.workspace.web_api import MAX_BODY, Method, endpoint
from bot.workspace.workspace import Workspace

HOST = "127.0.0.1"
PAGE = Path(__file__).parent / "page"
INFO = "workspace.json"
METHODS: Mapping[str, Method] = {
    **web_chat.METHODS,
    **web_conversations.METHODS,
    **web_users.METHODS,
    **web_views.METHODS,
}
_LOCAL = {"127.0.0.1", "localhost", "::1"}
_CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' data: http: https:; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


def serve(seed: Seed, directory: Path, port: int) -> None:
    """Runs until it is told to stop (SIGINT, SIGTERM). `port` 0 takes a free one; the real one is written to `workspace.json`.

    Raises OSError when the port is taken and store.Busy when the directory is.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    # Heard from the first moment on: whoever reads workspace.json and connects at once waits instead of being refused.
    listener.listen(128)
    base_url = f"http://{HOST}:{listener.getsockname()[1]}"
    ws = Workspace(seed, directory, base_url)
    config = uvicorn.Config(
        application(ws),
        log_level="warning",
        access_log=False,
        ws_ping_interval=10.0,
        ws_ping_timeout=10.0,
        timeout_graceful_shutdown=3,
        lifespan="on",
    )
    asyncio.run(_run(uvicorn.Server(config), ws, listener))


async def _run(server: uvicorn.Server, ws: Workspace, listener: socket.socket) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    # Followers of the feed never end by themselves: they are let go as soon as a stop is asked for.
    while not server.should_exit and not serving.done():  # noqa: ASYNC110 (uvicorn offers a flag, no event)
        await asyncio.sleep(0.05)
    ws.feed.close()
    await ws.hub.cut()
    await serving


def application(ws: Workspace) -> Starlette:
    """The ASGI app of one workspace."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        _write_info(ws)
        ws.gateway.resume()
        yield
        await ws.close()

    return Starlette(
        routes=[
            Route("/api/{method}", endpoint(ws, METHODS), methods=["GET", "POST"]),
            WebSocketRoute("/socket", _socket(ws)),
            Route("/response/{token}", _response_url(ws), methods=["POST"]),
            *client_api.routes(ws),
            *control_api.routes(ws),
            Route("/archives/{channel}/{message}", _archive),
            Route("/archives/{channel}", _archive),
            Mount("/assets", StaticFiles(directory=PAGE, check_dir=False)),
            Route("/", _page),
        ],
        middleware=[Middleware(Guard)],
        exception_handlers={ClientError: _client_error},
        lifespan=lifespan,
    )


class Guard:
    """Refuses hosts that are not loopback (DNS rebinding) and requests that a page of another origin makes; adds safe headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        origin = headers.get("origin")
        if urlsplit(f"//{host}").hostname not in _LOCAL or (
            origin is not None and urlsplit(origin).netloc != host
        ):
            refusal = PlainTextResponse(
                "only this machine's own page and programs may speak here", status_code=403
            )
            await refusal(scope, receive, send)
            return

        async def safer(message: Any) -> None:
            if message["type"] == "http.response.start":
                # The page's own modules must be asked for anew after an upgrade.
                fresh = [(b"cache-control", b"no-cache")] if scope["path"].startswith("/assets/") else []
                message["headers"] = [
                    *message["headers"],
                    *fresh,
                    (b"content-security-policy", _CONTENT_POLICY.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"same-origin"),
                ]
            await send(message)

        await self._app(scope, receive, safer if scope["type"] == "http" else send)


async def _client_error(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, ClientError)
    body = {"error": {"code": refusal.code, "message": refusal.message}}
    return JSONResponse(body, status_code=refusal.status)


async def _page(request: Request) -> Response:
    index = PAGE / "index.html"
    if not index.exists():
        return PlainTextResponse("The workspace runs, but its page is not in this build.", status_code=404)
    return FileResponse(index, headers={"Cache-Control": "no-cache"})


async def _archive(request: Request) -> Response:
    """A permalink: opens the page at that message."""
    place = f"#{request.path_params['channel']}"
    stamp = request.path_params.get("message", "").removeprefix("p")
    if stamp.isdigit() and len(stamp) > 6:
        place += f"/{request.query_params.get('thread_ts') or f'{stamp[:-6]}.{stamp[-6:]}'}"
    return RedirectResponse(f"/{place}", status_code=302)


def _response_url(ws: Workspace) -> Any:
    async def handle(request: Request) -> Response:
        if ws.outage:
            return PlainTextResponse("Service Unavailable", status_code=503)
        raw = await request.body()
        try:
            if len(raw) > MAX_BODY:
                raise SlackError("request_too_large")
            use_response_url(ws, request.path_params["token"], _payload(request, raw))
        except SlackError as refusal:
            gone = refusal.code in ("expired_url", "used_url")
            body = {"ok": False, "error": refusal.code, **refusal.extra}
            return JSONResponse(body, status_code=404 if gone else 400)
        return JSONResponse({"ok": True})

    return handle


def _payload(request: Request, raw: bytes) -> Any:
    try:
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            raw = dict(parse_qsl(raw.decode())).get("payload", "").encode()
        return json.loads(raw)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise SlackError("invalid_payload") from None


def _socket(ws: Workspace) -> Any:
    async def handle(websocket: WebSocket) -> None:
        ticket = websocket.query_params.get("ticket", "")
        if ws.outage or ticket not in ws.tickets:
            await websocket.close(1008)
            return
        ws.tickets.discard(ticket)
        await websocket.accept()
        await _converse(ws, websocket)

    return handle


async def _converse(ws: Workspace, websocket: WebSocket) -> None:
    connection = Connection(lambda frame: _write(websocket, frame), lambda: _hang_up(websocket))
    if len(ws.hub.connections) >= SocketHub.MOST:
        await websocket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
        await websocket.close(1008)
        return
    hello: Json = {
        "type": "hello",
        "num_connections": len(ws.hub.connections) + 1,
        "debug_info": {"host": "workspace", "approximate_connection_time": 18060},
        "connection_info": {"app_id": ws.world.app.id},
    }
    try:
        await websocket.send_json(hello)
        ws.hub.add(connection)
        while True:
            frame = json.loads(await websocket.receive_text())
            if isinstance(frame, dict) and frame.get("type") == "ping":
                await websocket.send_json({"type": "pong", "reply_to": frame.get("id")})
            elif isinstance(frame, dict):
                connection.acknowledged(frame)
    except (WebSocketDisconnect, RuntimeError, json.JSONDecodeError, KeyError):
        # Closed from either side, or not speaking JSON text: this connection is over.
        await _hang_up(websocket)
    finally:
        ws.hub.remove(connection)


async def _write(websocket: WebSocket, frame: Json) -> None:
    """One frame. Raises ConnectionError when the socket is closed, however the server's layers put it."""
    try:
        await websocket.send_json(frame)
    except (WebSocketDisconnect, RuntimeError) as cause:
        raise ConnectionError("the socket is closed") from cause


async def _hang_up(websocket: WebSocket) -> None:
    """Closes it; one that is closed already is what was wanted."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await websocket.close(1001)


def _write_info(ws: Workspace) -> None:
    target = ws.directory / INFO
    draft = target.with_suffix(".new")
    draft.touch(mode=0o600, exist_ok=True)
    draft.chmod(0o600)
    draft.write_text(json.dumps({**ws.connection_info(), "pid": os.getpid()}, indent=2), encoding="utf-8")
    # Renamed into place, so that a reader never sees half of it.
    draft.replace(target)
