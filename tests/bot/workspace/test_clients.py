"""`say`, `click` and `read` as programs, and the client API's own promises: privacy, a feed without gaps, completion."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.workspace import client_api, control_api
from bot.workspace.errors import SeedError
from bot.workspace.seed import default, load, parse
from bot.workspace.workspace import Workspace
from tests.support.workspace import ROOT, Refused, RunningWorkspace, until

Json = dict[str, Any]


async def run(ws: RunningWorkspace, *words: str, url: str | None = None) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.workspace",
        *words,
        cwd=ROOT,
        env={**os.environ, "SHIPBELL_WORKSPACE_URL": url or ws.url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


def card(number: int, *labels: str) -> list[Json]:
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": f"Deploy *#{number}*"}},
        {
            "type": "actions",
            "elements": [
                {
                    "type": "button",
                    "text": {"type": "plain_text", "text": label},
                    "action_id": label.lower().split()[-1],
                    "value": str(number),
                }
                for label in labels
            ],
        },
    ]


async def test_say_click_and_read(ws: RunningWorkspace) -> None:
    client = AsyncWebClient(ws.env()["SLACK_BOT_TOKEN"], base_url=ws.api_url)
    app = AsyncApp(client=client, signing_secret=ws.env()["SLACK_SIGNING_SECRET"])
    pressed: list[str] = []

    @app.command("/deploy")
    async def deploy(ack: Any, command: Json) -> None:
        await ack(f"deploying {command['text']}")

    @app.action("approve")
    async def approve(ack: Any, action: Json, say: Any) -> None:
        await ack()
        pressed.append(action["value"])
        await say(f"approved #{action['value']}")

    handler = AsyncSocketModeHandler(app, ws.env()["SLACK_APP_TOKEN"])
    await handler.connect_async()
    try:
        await ws.connected()
        status, out, err = await run(ws, "say", "--as", "dana", "/deploy shop test")
        assert (status, err) == (0, "")
        assert "@shipbell (only you): deploying shop test" in out
        await client.chat_postMessage(channel="#deploys", text="1", blocks=card(1, "✅ Approve", "Reject"))
        await client.chat_postMessage(channel="#releases", text="12", blocks=card(12, "✅ Approve", "Reject"))
        status, out, err = await run(ws, "click", "--as", "lee", "Approve", "--operation", "1")
        assert (status, err, pressed) == (0, "", ["1"])
        assert "approved #1" in out
        await run(ws, "click", "--as", "lee", "approve")
        assert pressed == ["1", "12"]
        status, out, err = await run(ws, "click", "--as", "lee", "Explode", "--operation", "#12")
        assert status == 1
        assert "no button 'Explode' that mentions #12; there are: ✅ Approve, Reject" in err
        status, out, err = await run(ws, "read", "--as", "lee")
        assert status == 0
        assert "Deploy *#1*\n    [✅ Approve] [Reject]" in out
        status, out, _ = await run(ws, "read", "--channel", "releases", "--json")
        assert status == 0
        assert json.loads(out)[0]["plain"] == "Deploy *#12*\n[✅ Approve] [Reject]"
    finally:
        await handler.close_async()


async def test_wrong_usage_has_one_clear_line(ws: RunningWorkspace) -> None:
    status, _, err = await run(ws, "say", "--as", "nobody", "hi")
    assert (status, err) == (
        1,
        "shipbell: there is nobody called 'nobody' here; there are dana, lee, tess, max, gus\n",
    )
    status, _, err = await run(ws, "say", "--as", "dana", "--channel", "nowhere", "hi")
    assert (status, "there are #deploys, #releases, #test-env" in err) == (1, True)
    status, _, err = await run(ws, "say", "--as", "dana", "/dance")
    assert (status, "/dance is not a valid command" in err) == (1, True)
    status, _, err = await run(ws, "say", "--as", "dana", "/deploy shop")
    assert (status, "Shipbell did not answer" in err) == (1, True)
    status, _, err = await run(ws, "click", "--as", "dana", "Go")
    assert (status, "there is nothing to press at all" in err) == (1, True)
    status, _, err = await run(ws, "read", url="http://127.0.0.1:9")
    assert (status, "SHIPBELL_WORKSPACE_URL" in err) == (2, True)
    assert (await run(ws, "click", "--as", "dana", "Go", "--operation", "x"))[0] == 2
    assert (await run(ws, "say", "hi"))[0] == 2


async def test_a_second_workspace_in_the_same_directory_is_refused(
    ws: RunningWorkspace, tmp_path: Path
) -> None:
    status, _, err = await run(ws, "serve", "--port", "0", "--data", str(ws.directory))
    assert (status, "another workspace already runs" in err) == (2, True)
    port = ws.url.rpartition(":")[2]
    status, _, err = await run(ws, "serve", "--port", port, "--data", str(tmp_path / "other"))
    assert (status, f"port {port}" in err) == (2, True)


async def follow(ws: RunningWorkspace, name: str, after: int, into: list[Json]) -> None:
    async with ws.http.stream("GET", "/client/events", params={"as": name, "after": str(after)}) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                into.append(json.loads(line.removeprefix("data: ")))  # noqa: PERF401 (seen while it grows)


async def test_the_feed_misses_nothing_and_shows_nobody_what_is_not_theirs(ws: RunningWorkspace) -> None:
    client = AsyncWebClient(ws.env()["SLACK_BOT_TOKEN"], base_url=ws.api_url)
    dana_saw: list[Json] = []
    lee_saw: list[Json] = []
    gus_saw: list[Json] = []
    tasks = [
        asyncio.create_task(follow(ws, name, 0, into))
        for name, into in (("dana", dana_saw), ("lee", lee_saw), ("gus", gus_saw))
    ]
    ts = (await client.chat_postMessage(channel="#deploys", text="one"))["ts"]
    await client.chat_postEphemeral(channel="#deploys", user="U0DANA0001", text="for dana")
    await client.chat_postMessage(channel="U0DANA0001", text="direct")
    await client.views_publish(user_id="U0DANA0001", view={"type": "home", "blocks": [{"type": "divider"}]})
    await client.chat_postMessage(channel="#releases", text="not for guests")
    await client.chat_update(channel="C0DEPLOY01", ts=ts, text="two")

    def kinds(events: list[Json]) -> list[str]:
        return [event["type"] for event in events]

    async def seen() -> bool:
        return all("message_changed" in kinds(events) for events in (dana_saw, lee_saw, gus_saw))

    await until(seen)
    assert kinds(dana_saw) == ["message", "ephemeral", "message", "home", "message", "message_changed"]
    assert kinds(lee_saw) == ["message", "message", "message_changed"]
    assert kinds(gus_saw) == ["message", "message_changed"]
    for task in tasks:
        task.cancel()
    again: list[Json] = []
    late = asyncio.create_task(follow(ws, "dana", dana_saw[2]["seq"], again))

    async def caught_up() -> bool:
        return len(again) >= 3

    await until(caught_up)
    assert again == dana_saw[3:]
    late.cancel()
    await asyncio.gather(*tasks, late, return_exceptions=True)


async def test_unread_marks_and_mentions(ws: RunningWorkspace) -> None:
    client = AsyncWebClient(ws.env()["SLACK_BOT_TOKEN"], base_url=ws.api_url)
    lee = ws.person("lee")
    await client.chat_postMessage(channel="#releases", text="please <@U0LEE00001>")
    last = await client.chat_postMessage(channel="#releases", text="and <!subteam^S0LEADS001>")
    await client.chat_postMessage(channel="#releases", text="reply", thread_ts=last["ts"])

    async def marks() -> tuple[int, int]:
        room = next(room for room in (await lee.boot())["channels"] if room["name"] == "releases")
        return room["unread"], room["mentions"]

    assert await marks() == (2, 2)
    await lee.post("read", channel="releases", ts=last["ts"])
    assert (await marks())[0] == 0


async def test_guests_and_the_deactivated_see_and_do_little(ws: RunningWorkspace) -> None:
    gus = ws.person("gus")
    assert [room["name"] for room in (await gus.boot())["channels"]] == ["deploys", "Shipbell"]
    with pytest.raises(Refused, match="channel_not_found"):
        await gus.say("hi", channel="#releases")
    await ws.control("user", name="gus", deleted=True)
    with pytest.raises(Refused, match="account_inactive"):
        await gus.say("hi")


async def test_completion(ws: RunningWorkspace) -> None:
    dana = ws.person("dana")

    async def labels(q: str) -> list[str]:
        return [one["label"] for one in (await dana.get("suggest", q=q, channel="deploys"))["suggestions"]]

    assert await labels("/de") == ["/deploy"]
    assert await labels("/deploy ") == ["shop"]
    assert await labels("/deploy shop ") == ["test", "prod"]
    assert await labels("/deploy shop p") == ["prod"]
    assert await labels("hi @le") == ["@lee", "@leads"]
    assert await labels("see #re") == ["#releases"]
    assert await labels("hello") == []


def test_a_seed_with_a_mistake_says_where(tmp_path: Path) -> None:
    raw = default().model_dump(by_alias=True)
    assert parse(raw) == default()
    with pytest.raises(SeedError, match="C0DEPLOY01 has the member 'nobody'"):
        parse({**raw, "channels": [{**raw["channels"][0], "members": ["nobody"]}]})
    with pytest.raises(SeedError, match="'U0DANA0001' stands there twice"):
        parse(
            {
                **raw,
                "users": [raw["users"][0], {**raw["users"][0], "name": "dana2"}],
                "channels": [],
                "groups": [],
            }
        )
    file = tmp_path / "seed.yaml"
    file.write_text("users: [{id: U0DANA0001, name: dana, color: red}]\nchannels: []\n")
    with pytest.raises(SeedError, match=r"seed\.yaml: users\.0\.color"):
        load(file)
    file.write_text("users: [")
    with pytest.raises(SeedError, match="can't be read"):
        load(file)
    file.write_text("users: [{id: U0DANA0001, name: dana}]\nchannels: []\n")
    assert load(file).users[0].name == "dana"


@pytest.mark.parametrize(
    "call", ["send", "action", "submit", "close", "shortcut", "options", "read", "react"]
)
async def test_nonsense_is_refused_with_a_sentence_and_never_breaks(ws: RunningWorkspace, call: str) -> None:
    nonsense: list[Any] = [
        None,
        1,
        "",
        [],
        {},
        [1],
        {"a": [1]},
        {"type": "view", "view_id": []},
        "x" * 20_000,
    ]
    names = (
        "channel",
        "text",
        "thread_ts",
        "action",
        "container",
        "state",
        "view_id",
        "values",
        "callback_id",
        "ts",
        "name",
    )
    for value in nonsense:
        answer = await ws.http.post(f"/client/{call}", json={"as": "dana", **dict.fromkeys(names, value)})
        assert 400 <= answer.status_code < 500, answer.text
        assert answer.json()["error"]["message"]
    whole = {
        "as": "dana",
        "channel": "deploys",
        "text": "hi",
        "ts": "1.0",
        "name": "x",
        "view_id": "V",
        "callback_id": "c",
    }
    for name in names:
        answer = await ws.http.post(f"/client/{call}", json={**whole, name: [{"a": 1}]})
        assert answer.status_code < 500, answer.text


async def test_a_reader_that_knows_another_feed_is_told_to_load_again(ws: RunningWorkspace) -> None:
    saw: list[Json] = []
    task = asyncio.create_task(follow(ws, "dana", 999_999, saw))

    async def told() -> bool:
        return bool(saw)

    await until(told)
    assert saw == [{"seq": 0, "type": "resync"}]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_every_call_is_documented_and_every_documented_call_is_there(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "workspace.md").read_text()
    ws = Workspace(default(), tmp_path, "http://127.0.0.1:1")
    client = {route.path.removeprefix("/client/") for route in client_api.routes(ws)}
    control = {route.path.removeprefix("/control/") for route in control_api.routes(ws)}
    ws.store.close()
    assert set(re.findall(r"`(?:GET|POST) /client/(\w+)", text)) == client
    table = text[text.index("## Control") : text.index("## For tests")]
    assert set(re.findall(r"^\| `(?:GET /control/)?(\w+)", table, re.MULTILINE)) == control
