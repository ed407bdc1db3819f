"""Health pages for whoever supervises the process: `/healthz` (it lives) and `/readyz` (it takes work)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

Problems = Callable[[], Sequence[str]]


def health_app(problems: Problems, routes: Sequence[BaseRoute] = ()) -> Starlette:
    """problems: sentences on what keeps the bot from taking work now; none means ready."""

    async def alive(_: Request) -> JSONResponse:
        return JSONResponse({"ok": True})

    async def ready(_: Request) -> JSONResponse:
        found = list(problems())
        return JSONResponse({"ok": not found, "problems": found}, status_code=503 if found else 200)

    return Starlette(routes=[Route("/healthz", alive), Route("/readyz", ready), *routes])
