"""The workspace's page in a real Chromium, before a real workspace process, with a small scriptable app behind it.

For the page's own tests: what the bot shows is tested elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.workspace.seed import default
from tests.support.workspace import RunningWorkspace, running_workspace

Json = dict[str, Any]
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ANY = re.compile(".*", re.DOTALL)
PROBES = Path(__file__).parents[1] / "bot/workspace/page/probes"


class TinyApp:
    """An app that acknowledges everything, keeps what it got, and does what a test has told it to.

    `on[kind]` is called with (body, client) after the ack; kinds are command, action, shortcut, home and mention.
    """

    def __init__(self, ws: RunningWorkspace) -> None:
        self.ws = ws
        self.got: asyncio.Queue[tuple[str, Json]] = asyncio.Queue()
        self.on: dict[str, Callable[[Json, AsyncWebClient], Awaitable[None]]] = {}
        self.submission: Json = {}
        self.choices: list[Json] = []
        # A gate that tests close to hold acknowledgements back.
        self.acking = asyncio.Event()
        self.acking.set()
        self.client = AsyncWebClient(token=ws.info["bot_token"], base_url=ws.api_url)
        self._handler: AsyncSocketModeHandler | None = None

    async def connect(self) -> None:
        """Opens the socket and waits until the workspace knows it."""
        app = AsyncApp(client=self.client)
        app.command(ANY)(self._command)
        app.action(ANY)(self._action)
        app.view(ANY)(self._view)
        app.view_closed(ANY)(self._closed)
        app.shortcut(ANY)(self._shortcut)
        app.options(ANY)(self._options)
        app.event("app_home_opened")(self._home)
        app.event("app_mention")(self._mention)
        app.event("message")(self._ignore)
        app.event("member_joined_channel")(self._ignore)
        self._handler = AsyncSocketModeHandler(app, self.ws.info["app_token"])
        await self._handler.connect_async()
        await self.ws.connected()

    async def disconnect(self) -> None:
        """Closes the socket."""
        if self._handler is not None:
            await self._handler.close_async()
            self._handler = None

    def forget(self) -> None:
        """Back to how it was when it connected, for the next test."""
        self.on.clear()
        self.submission = {}
        self.choices = []
        self.acking.set()
        while not self.got.empty():
            self.got.get_nowait()

    async def take(self, kind: str) -> Json:
        """The next thing of this kind that was sent to the app; others before it are skipped."""
        while True:
            found, body = await asyncio.wait_for(self.got.get(), 10)
            if found == kind:
                return body

    async def post(self, channel: str, text: str, **fields: Any) -> str:
        """A message of the app; answers its ts."""
        answer = await self.client.chat_postMessage(channel=channel, text=text, **fields)
        return str(answer["ts"])

    async def _done(self, kind: str, body: Json) -> None:
        self.got.put_nowait((kind, body))
        if kind in self.on:
            await self.on[kind](body, self.client)

    async def _command(self, ack: Any, body: Json) -> None:
        await self.acking.wait()
        await ack()
        await self._done("command", body)

    async def _action(self, ack: Any, body: Json) -> None:
        await self.acking.wait()
        await ack()
        await self._done("action", body)

    async def _view(self, ack: Any, body: Json) -> None:
        await self.acking.wait()
        await ack(**self.submission)
        await self._done("submission", body)

    async def _closed(self, ack: Any, body: Json) -> None:
        await ack()
        await self._done("closed", body)

    async def _shortcut(self, ack: Any, body: Json) -> None:
        await ack()
        await self._done("shortcut", body)

    async def _options(self, ack: Any, body: Json) -> None:
        await ack(
            options=[one for one in self.choices if body["value"].lower() in one["text"]["text"].lower()]
        )

    async def _home(self, body: Json) -> None:
        await self._done("home", body)

    async def _mention(self, body: Json) -> None:
        await self._done("mention", body)

    async def _ignore(self) -> None:
        pass


class Stage:
    """Workspace, app and browser, and the tabs that a test opens. `expected` holds patterns of console errors that may come."""

    def __init__(self, ws: RunningWorkspace, app: TinyApp, browser: Browser) -> None:
        self.ws = ws
        self.app = app
        self.browser = browser
        self.complaints: list[str] = []
        self.expected: list[str] = []
        self._contexts: list[BrowserContext] = []

    async def open(self, person: str = "dana", place: str = "", **options: Any) -> Page:
        """A tab in a browser profile of its own. `place` is a channel's name or the address's hash; options are playwright's."""
        context = await self.browser.new_context(
            viewport=options.pop("viewport", {"width": 1280, "height": 800}), **options
        )
        self._contexts.append(context)
        return await self.tab(context, person, place)

    async def tab(self, context: BrowserContext, person: str, place: str = "") -> Page:
        """Another tab in the same browser profile."""
        page = await context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        known = {room.name: room.id for room in default().channels}
        anchor = known.get(place, place)
        await page.goto(f"{self.ws.url}/?as={person}{f'#{anchor}' if anchor else ''}")
        await page.wait_for_selector("html[data-ready]")
        return page

    async def end_test(self) -> None:
        """Closes the tabs and fails if a page complained on its console."""
        for context in self._contexts:
            await context.close()
        self._contexts.clear()
        self.app.forget()
        unexpected = [
            line for line in self.complaints if not any(re.search(pattern, line) for pattern in self.expected)
        ]
        self.complaints.clear()
        self.expected.clear()
        assert not unexpected, unexpected

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console {message.type}: {message.text}")


def seed() -> Json:
    """The default seed with hints, a message shortcut, and a channel where nothing is ever said."""
    found = default().model_dump(mode="json", by_alias=True)
    found["hints"] = [
        {"as": "dana", "channel": "quiet", "text": "/deploy shop test"},
        {"as": "lee", "channel": "releases", "text": "@shipbell status"},
    ]
    found["app"]["shortcuts"].append({"name": "Explain this", "callback_id": "explain", "type": "message"})
    members = found["channels"][0]["members"]
    found["channels"].append({"id": "C0QUIET001", "name": "quiet", "members": members, "topic": ""})
    found["timing"]["ack"] = 1.5
    return found


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium, headless."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def stage_in(directory: Path, browser: Browser) -> AsyncIterator[Stage]:
    """A workspace with a connected app, and the browser before it."""
    async with running_workspace(directory, seed()) as ws:
        app = TinyApp(ws)
        await app.connect()
        try:
            yield Stage(ws, app, browser)
        finally:
            await app.disconnect()


def probe(name: str) -> str:
    """A function of the page's tests in JavaScript, for playwright to evaluate."""
    return (PROBES / f"{name}.js").read_text()


def plain(text: str) -> Json:
    """A plain_text object."""
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    """A mrkdwn object."""
    return {"type": "mrkdwn", "text": text}


def option(value: str, text: str | None = None) -> Json:
    """An option; its text is its value unless given."""
    return {"text": plain(text or value), "value": value}


def button(action_id: str, text: str, **fields: Any) -> Json:
    """A button."""
    return {"type": "button", "action_id": action_id, "text": plain(text), "value": action_id, **fields}


def actions(block_id: str, *elements: Json) -> Json:
    """An actions block."""
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def entry(block_id: str, label: str, element: Json, **fields: Any) -> Json:
    """An input block; the element's action_id is `v`."""
    return {
        "type": "input",
        "block_id": block_id,
        "label": plain(label),
        "element": {"action_id": "v", **element},
        **fields,
    }
