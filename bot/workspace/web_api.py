"""The Web API's front: arguments from form or JSON, tokens, scopes, rate limits, and the answer's envelope.

The methods themselves stand in web_chat.py, web_conversations.py, web_users.py and web_views.py.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.workspace.clock import new_id
from bot.workspace.errors import Json, RateLimited, SlackError
from bot.workspace.workspace import Workspace

MAX_BODY = 1_000_000
STRUCTURED = frozenset({"blocks", "attachments", "metadata", "view"})


class Args:
    """A call's arguments. Structured ones may come as JSON text, as they do in forms."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = {name: value for name, value in given.items() if value is not None}

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def need(self, name: str) -> str:
        """A text that must be there. Raises SlackError `invalid_arguments`."""
        value = self.text(name)
        if not value:
            raise SlackError("invalid_arguments", [f"missing required field: {name}"])
        return value

    def text(self, name: str) -> str | None:
        """A text, or None. Numbers and booleans count as what they look like."""
        value = self._given.get(name)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return str(value)
        raise SlackError("invalid_arguments", [f"must be a string [json-pointer:/{name}]"])

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean as Slack reads it: true, 1 and "true"."""
        value = self.text(name)
        return default if value in (None, "") else value in ("true", "1", "True")

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number from 1 to `most`; 0 and nothing are the default."""
        value = self.text(name)
        if value in (None, "", "0"):
            return default
        try:
            return max(1, min(most, int(str(value))))
        except ValueError:
            raise SlackError("invalid_arguments", [f"must be an integer [json-pointer:/{name}]"]) from None

    def structured(self, name: str, error: str) -> Any:
        """A list or an object, or None where the argument is missing. Raises SlackError with `error` when it is no JSON."""
        value = self._given.get(name)
        if isinstance(value, str):
            if not value.strip():
                return None
            try:
                return json.loads(value)
            except json.JSONDecodeError:
                raise SlackError(error) from None
        return value

    def logged(self) -> Json:
        """The arguments for the log, without tokens and with structured ones as JSON."""
        found: Json = {}
        for name, value in self._given.items():
            if name in STRUCTURED and isinstance(value, str):
                try:
                    value = json.loads(value)
                except json.JSONDecodeError:
                    pass
            if name != "token":
                found[name] = value
        return found


@dataclass(frozen=True)
class Method:
    """A Web API method: any one of `scopes` suffices; `tier` is its rate limit; `app_token` asks for an xapp token."""

    run: Callable[[Workspace, Args], Json]
    scopes: tuple[str, ...] = ()
    tier: int = 3
    app_token: bool = False


def endpoint(ws: Workspace, methods: Mapping[str, Method]) -> Callable[[Request], Any]:
    """The ASGI endpoint of `/api/{method}`."""

    async def handle(request: Request) -> Response:
        started = time.perf_counter()
        name = request.path_params["method"]
        args, token = Args({}), None
        if ws.outage:
            answer: Response = Response("Service Unavailable", status_code=503)
            outcome: Json = {"ok": False, "error": "http_503"}
        else:
            try:
                args, token = await _arguments(request)
                outcome = {"ok": True, **_call(ws, methods, name, args, token)}
                answer = JSONResponse(outcome)
            except RateLimited as refusal:
                outcome = {"ok": False, "error": refusal.code}
                answer = JSONResponse(
                    outcome, status_code=429, headers={"Retry-After": str(refusal.retry_after)}
                )
            except SlackError as refusal:
                outcome = {"ok": False, "error": refusal.code, **refusal.extra}
                answer = JSONResponse(outcome)
        answer.headers["X-OAuth-Scopes"] = ",".join(ws.world.app.scopes)
        answer.headers["X-Slack-Req-Id"] = new_id("R")
        ws.api_log.append(
            {
                "method": name,
                "at": ws.clock.now(),
                "ms": round((time.perf_counter() - started) * 1000, 3),
                "ok": outcome["ok"],
                "error": outcome.get("error"),
                "status": answer.status_code,
                "args": args.logged(),
                "ts": outcome.get("ts") or outcome.get("message_ts"),
            }
        )
        return answer

    return handle


def _call(ws: Workspace, methods: Mapping[str, Method], name: str, args: Args, token: str | None) -> Json:
    method = methods.get(name)
    if method is None:
        raise SlackError("unknown_method", req_method=name)
    ws.limits.check(name, method.tier, args.text("channel") or "")
    _authorize(ws, method, token)
    return method.run(ws, args)


def _authorize(ws: Workspace, method: Method, token: str | None) -> None:
    secrets = ws.world.secrets
    if not token:
        raise SlackError("not_authed")
    if token not in (secrets.bot_token, secrets.app_token):
        raise SlackError("invalid_auth")
    if (token == secrets.app_token) != method.app_token:
        raise SlackError("not_allowed_token_type")
    if method.scopes and not set(method.scopes) & set(ws.world.app.scopes):
        raise SlackError(
            "missing_scope", needed=",".join(method.scopes), provided=",".join(ws.world.app.scopes)
        )


async def _arguments(request: Request) -> tuple[Args, str | None]:
    body = await request.body()
    if len(body) > MAX_BODY:
        raise SlackError("request_too_large")
    given: Json = dict(request.query_params)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            loaded = json.loads(body) if body.strip() else {}
            if not isinstance(loaded, dict):
                raise SlackError("json_not_object")
            given.update(loaded)
        elif kind in ("application/x-www-form-urlencoded", ""):
            given.update(parse_qsl(body.decode("utf-8"), keep_blank_values=True))
        else:
            raise SlackError("invalid_post_type")
    except UnicodeDecodeError:
        raise SlackError("invalid_charset") from None
    except json.JSONDecodeError:
        raise SlackError("invalid_json") from None
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    token = bearer.strip() if scheme.lower() == "bearer" else given.get("token")
    return Args(given), token if isinstance(token, str) else None
