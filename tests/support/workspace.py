"""A real workspace process for scenario tests, and people to be in it. Speaks only the client and control APIs over loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from bot.workspace import controls
from bot.workspace.render import Labels, message_line, message_text, view_text

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 20.0
WAIT_SECONDS = 10.0
STEP = 0.05


class Refused(AssertionError):
    """The client API said no. `code` is its error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class RunningWorkspace:
    """One workspace process with its address and secrets."""

    def __init__(self, directory: Path, seed: Path | None, port: int = 0) -> None:
        self.directory = directory
        self.info: Json = {}
        self._seed = seed
        self._port = port
        self._process: asyncio.subprocess.Process | None = None
        self._http: httpx.AsyncClient | None = None

    @property
    def url(self) -> str:
        """The origin, such as `http://127.0.0.1:8420`."""
        return str(self.info["url"])

    @property
    def api_url(self) -> str:
        """The Web API's address, with a slash at its end."""
        return str(self.info["api_url"])

    @property
    def http(self) -> httpx.AsyncClient:
        """A client for this origin."""
        assert self._http is not None, "the workspace is not started"
        return self._http

    def env(self) -> dict[str, str]:
        """What the bot needs in its environment."""
        return {
            "SLACK_BOT_TOKEN": self.info["bot_token"],
            "SLACK_APP_TOKEN": self.info["app_token"],
            "SLACK_SIGNING_SECRET": self.info["signing_secret"],
            "SLACK_API_URL": self.info["api_url"],
        }

    def person(self, name: str) -> Person:
        """Somebody to act as; what came before is not waited for, see Person.mark."""
        return Person(self, name)

    async def start(self) -> None:
        """Starts the process and waits until it answers. After `stop` it comes up on the same port with the same data."""
        written = self.directory / "workspace.json"
        written.unlink(missing_ok=True)
        words = [
            sys.executable,
            "-m",
            "bot.workspace",
            "serve",
            "--port",
            str(self._port),
            "--data",
            str(self.directory),
        ]
        if self._seed is not None:
            words += ["--seed", str(self._seed)]
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "workspace.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*words, cwd=ROOT, stdout=log, stderr=log)
        await until(lambda: self._up(written), START_SECONDS, self._why_not)
        self._port = int(self.info["url"].rpartition(":")[2])

    async def stop(self, kill: bool = False) -> None:
        """Ends the process, politely or with SIGKILL, and waits for its end."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()

    async def restart(self, kill: bool = False) -> None:
        """Stops and starts it on the same port with the same data."""
        await self.stop(kill)
        await self.start()

    async def control(self, call: str, **given: Any) -> Json:
        """`POST /control/CALL`."""
        return _checked(await self.http.post(f"/control/{call}", json=given))

    async def calls(self, method: str | None = None) -> list[Json]:
        """The Web API calls that were made, oldest first."""
        found = _checked(await self.http.get("/control/log"))["calls"]
        return [call for call in found if method in (None, call["method"])]

    async def envelopes(self, kind: str | None = None) -> list[Json]:
        """What was sent to the app: `{envelope_id, type, what, event_id, attempt, ms, error}`."""
        found = _checked(await self.http.get("/control/envelopes"))["envelopes"]
        return [one for one in found if kind in (None, one["type"])]

    async def connected(self, count: int = 1, seconds: float = START_SECONDS) -> None:
        """Waits until the app holds this many sockets."""

        async def enough() -> bool:
            health = _checked(await self.http.get("/control/health"))
            return int(health["connections"]) >= count

        await until(enough, seconds, lambda: f"the app did not open {count} socket(s)")

    async def _up(self, written: Path) -> bool:
        if self._process is not None and self._process.returncode is not None:
            raise AssertionError(self._why_not())
        if not written.exists():
            return False
        self.info = json.loads(written.read_text())
        if self._http is None:
            self._http = httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=15)
        try:
            return (await self._http.get("/control/health")).is_success
        except httpx.HTTPError:
            return False

    def _why_not(self) -> str:
        log = self.directory / "workspace.log"
        return f"the workspace did not start:\n{log.read_text() if log.exists() else ''}"


class Person:
    """Somebody in the workspace. What they see is asked of the client API; waiting is bounded and says what was seen instead."""

    def __init__(self, ws: RunningWorkspace, name: str) -> None:
        self.ws = ws
        self.name = name
        self._mark: dict[str, str] = {}
        self._labels: Labels | None = None

    async def say(self, text: str, channel: str = "#deploys", thread: str | None = None) -> Json:
        """A message or a slash command. Answers `{ok, ts}` or `{ok, command}`; raises Refused."""
        body = {"channel": channel, "text": text, "thread_ts": thread}
        return await self.post("send", **{name: value for name, value in body.items() if value is not None})

    async def command(self, text: str, channel: str = "#deploys") -> Json:
        """A slash command; the same as `say`, with the slash checked."""
        assert text.startswith("/"), text
        return await self.say(text, channel)

    async def dm(self, text: str, thread: str | None = None) -> Json:
        """A direct message to the app."""
        return await self.say(text, await self.dm_channel(), thread)

    async def dm_channel(self) -> str:
        """The id of the direct message with the app."""
        boot = await self.boot()
        return next(str(room["id"]) for room in boot["channels"] if room["is_im"])

    async def click(self, label: str, operation: int | None = None, seconds: float = WAIT_SECONDS) -> Json:
        """Presses the newest control with this label (waiting for it to appear), in the modal on top or in a message."""
        control: controls.Control | None = None
        seen: list[str] = []

        async def there() -> bool:
            nonlocal control
            seen.clear()
            for text, offered in await self._offers():
                if operation is not None and not controls.mentions_operation(text, operation):
                    continue
                seen.extend(one.label for one in offered)
                control = controls.find(offered, label)
                if control is not None:
                    return True
            return False

        await until(there, seconds, lambda: f"@{self.name} sees no {label!r}; there are {seen}")
        assert control is not None
        return await self.press(control)

    async def click_home(self, label: str, seconds: float = WAIT_SECONDS) -> Json:
        """Presses a button in App Home, which is opened for it."""
        control: controls.Control | None = None

        async def there() -> bool:
            nonlocal control
            view = (await self.get("home"))["view"]
            control = controls.find(controls.of_view(view), label) if view else None
            return control is not None

        await until(there, seconds, lambda: f"@{self.name}'s Home has no {label!r}")
        assert control is not None
        return await self.press(control)

    async def press(self, control: controls.Control, stale: bool = False) -> Json:
        """Presses a control that was found before. With `stale` the click is delivered even if the button has gone since."""
        if control.kind == "action":
            return await self.post(
                "action", action={**control.action, "stale": stale}, container=control.container
            )
        if control.kind == "close":
            return await self.post("close", view_id=control.container["view_id"])
        return await self.submit()

    def control(self, label: str, message: Json) -> controls.Control:
        """A message's control, to press later."""
        found = controls.find(controls.of_message(message), label)
        assert found is not None, f"no {label!r} in {message}"
        return found

    async def act(self, action: Json, container: Json, state: Json | None = None) -> Json:
        """A raw block action, for what `click` can't express."""
        return await self.post("action", action=action, container=container, state=state)

    async def modal(self, seconds: float = WAIT_SECONDS) -> Json:
        """The modal on top, waiting for one to open."""
        view: Json | None = None

        async def there() -> bool:
            nonlocal view
            views = (await self.boot())["views"]
            view = views[-1] if views else None
            return view is not None

        await until(there, seconds, lambda: f"no modal opened for @{self.name}")
        assert view is not None
        return view

    async def submit(self, values: Mapping[str, Any] | None = None) -> Json:
        """Submits the modal on top. `values` maps action_id or block_id to a text, an option's value, or a list of these."""
        view = await self.modal()
        state = view["state"]["values"]
        for key, value in (values or {}).items():
            _enter(view, state, key, value)
        return await self.post("submit", view_id=view["id"], values=state)

    async def shortcut(self, callback_id: str, message: Json | None = None) -> Json:
        """A global shortcut, or one on a message."""
        if message is None:
            return await self.post("shortcut", callback_id=callback_id)
        return await self.post(
            "shortcut", callback_id=callback_id, channel=message["channel"], ts=message["ts"]
        )

    async def home(self) -> str:
        """App Home as plain text; "" when the app has published none. The app hears that it was opened."""
        view = (await self.get("home"))["view"]
        return "" if view is None else view_text(view, await self.labels())

    async def messages(self, channel: str = "#deploys", thread: str | None = None) -> list[Json]:
        """What this person sees in a channel or thread, oldest first, each with `plain` besides."""
        params = {"channel": channel, "limit": "500"} | ({"thread_ts": thread} if thread else {})
        labels = await self.labels()
        found = (await self.get("history", **params))["messages"]
        return [{**message, "plain": message_text(message, labels)} for message in found]

    async def mark(self, channel: str = "#deploys") -> None:
        """`wait_for` in this channel takes only what is posted from now on."""
        found = await self.messages(channel)
        self._mark[channel] = found[-1]["ts"] if found else "0"

    async def wait_for(
        self,
        wanted: str | Callable[[Json], bool],
        channel: str = "#deploys",
        thread: str | None = None,
        seconds: float = WAIT_SECONDS,
    ) -> Json:
        """The newest message (ephemerals too) that contains this text or satisfies this predicate; waits for it."""
        seen: list[Json] = []
        hit: Json | None = None

        async def there() -> bool:
            nonlocal hit
            seen[:] = await self.messages(channel, thread)
            for message in reversed(seen):
                if thread is None and float(message["ts"]) <= float(self._mark.get(channel, "0")):
                    continue
                if wanted(message) if callable(wanted) else wanted in message["plain"]:
                    hit = message
                    return True
            return False

        def why() -> str:
            lines = "\n".join(f"  {message['user']}: {message['plain']}" for message in seen[-8:])
            return f"@{self.name} waited in {channel} for {wanted!r} and saw:\n{lines}"

        await until(there, seconds, why)
        assert hit is not None
        return hit

    async def transcript(self, channel: str = "#deploys", times: bool = False) -> str:
        """The channel as text, threads indented, to compare whole; without times by default."""
        labels = await self.labels()
        lines: list[str] = []
        for message in await self.messages(channel):
            lines.append(message_line(message, labels))
            if message["reply_count"]:
                for reply in (await self.messages(channel, message["ts"]))[1:]:
                    lines += [f"  | {line}" for line in message_line(reply, labels).split("\n")]
        return "\n".join(lines if times else [_without_time(line) for line in lines])

    async def labels(self) -> Labels:
        """What ids are called; asked for once, since waiting asks for messages often."""
        if self._labels is None:
            self._labels = Labels.of_boot(await self.boot())
        return self._labels

    async def boot(self) -> Json:
        """`GET /client/boot`."""
        return await self.get("boot")

    async def get(self, call: str, **params: str) -> Json:
        """A reading call of the client API. Raises Refused."""
        return _checked(await self.ws.http.get(f"/client/{call}", params={"as": self.name, **params}))

    async def post(self, call: str, **body: Any) -> Json:
        """A doing call of the client API. Raises Refused."""
        return _checked(await self.ws.http.post(f"/client/{call}", json={"as": self.name, **body}))

    async def _offers(self) -> list[tuple[str, list[controls.Control]]]:
        boot = await self.boot()
        labels = Labels.of_boot(boot)
        if boot["views"]:
            view = boot["views"][-1]
            return [(view_text(view, labels), controls.of_view(view))]
        found: list[Json] = []
        for room in boot["channels"]:
            for message in (await self.get("history", channel=room["id"], limit="100"))["messages"]:
                found.append(message)
                if message["reply_count"]:
                    replies = await self.get(
                        "history", channel=room["id"], thread_ts=message["ts"], limit="200"
                    )
                    found += replies["messages"][1:]
        found.sort(key=lambda message: float(message["ts"]), reverse=True)
        return [(f"{message_text(one, labels)}\n{one['text']}", controls.of_message(one)) for one in found]


async def start_workspace(tmp_path: Path, seed: Path | Json | None = None) -> RunningWorkspace:
    """A started workspace with its data below `tmp_path`; the caller stops it. `seed` is a file, or what one would hold."""
    if isinstance(seed, dict):
        file = tmp_path / "seed.json"
        file.write_text(json.dumps(seed))
        seed = file
    ws = RunningWorkspace(tmp_path / "workspace", seed)
    try:
        await ws.start()
    except BaseException:
        await ws.stop(kill=True)
        raise
    return ws


@contextlib.asynccontextmanager
async def running_workspace(
    tmp_path: Path, seed: Path | Json | None = None
) -> AsyncIterator[RunningWorkspace]:
    """`start_workspace` that stops itself."""
    ws = await start_workspace(tmp_path, seed)
    try:
        yield ws
    finally:
        await ws.stop()


async def until(
    condition: Callable[[], Awaitable[bool]],
    seconds: float = WAIT_SECONDS,
    why: Callable[[], str] = lambda: "it did not come true",
) -> None:
    """Polls until the condition holds; AssertionError with `why()` after the bound."""
    # A loaded CI machine may be several times slower than a desk.
    bound = seconds * float(os.environ.get("SHIPBELL_TEST_PATIENCE", "1"))
    end = asyncio.get_running_loop().time() + bound
    while not await condition():
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(f"after {bound:g} s: {why()}")
        await asyncio.sleep(STEP)


def _checked(answer: httpx.Response) -> Json:
    body: Json = answer.json()
    if "error" in body and isinstance(body["error"], dict):
        raise Refused(body["error"]["code"], body["error"]["message"])
    assert answer.is_success, answer.text
    return body


def _enter(view: Json, state: Json, key: str, value: Any) -> None:
    for block_id, actions in state.items():
        for action_id, kept in actions.items():
            if key in (block_id, action_id):
                name = next(name for name in kept if name != "type")
                if name.startswith("selected_option"):
                    value = (
                        [_option(view, one) for one in value]
                        if isinstance(value, list)
                        else _option(view, value)
                    )
                kept[name] = value
                return
    raise AssertionError(f"the modal has no {key!r}; there are {state}")


def _option(view: Json, value: str) -> Json:
    for block in view["blocks"]:
        for element in (block.get("element"), block.get("accessory"), *block.get("elements", [])):
            if isinstance(element, dict):
                groups = [group["options"] for group in element.get("option_groups") or []]
                for option in [*(element.get("options") or []), *(one for group in groups for one in group)]:
                    if value in (option["value"], option["text"]["text"]):
                        return dict(option)
    return {"text": {"type": "plain_text", "text": value}, "value": value}


def _without_time(line: str) -> str:
    head = "  | " if line.startswith("  | ") else ""
    rest = line.removeprefix(head)
    return head + rest[9:] if len(rest) > 9 and rest[2] == ":" and rest[5] == ":" else line
