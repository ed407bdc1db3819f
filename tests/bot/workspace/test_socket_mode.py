"""Socket Mode, driven by the SDK and Bolt themselves: commands, clicks, modals, events, redelivery, loss, reconnects."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.bot.workspace.sockets import arrived, quick, raw_socket
from tests.support.workspace import Refused, RunningWorkspace, running_workspace, until

Json = dict[str, Any]
BUTTONS = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "Deploy *#12* of shop"}},
    {
        "type": "actions",
        "block_id": "op:12",
        "elements": [
            {
                "type": "button",
                "text": {"type": "plain_text", "text": "Approve"},
                "action_id": "approve",
                "value": "12",
            },
            {
                "type": "static_select",
                "action_id": "env",
                "options": [
                    {"text": {"type": "plain_text", "text": "Test"}, "value": "test"},
                    {"text": {"type": "plain_text", "text": "Prod"}, "value": "prod"},
                ],
            },
        ],
    },
]
MODAL = {
    "type": "modal",
    "callback_id": "deploy",
    "title": {"type": "plain_text", "text": "Deploy"},
    "submit": {"type": "plain_text", "text": "Go"},
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "service",
            "label": {"type": "plain_text", "text": "Service"},
            "element": {"type": "plain_text_input", "action_id": "name"},
        }
    ],
}


@contextlib.asynccontextmanager
async def bolt(ws: RunningWorkspace, app: AsyncApp) -> AsyncIterator[AsyncApp]:
    handler = AsyncSocketModeHandler(app, ws.env()["SLACK_APP_TOKEN"])
    await handler.connect_async()
    try:
        await ws.connected()
        yield app
    finally:
        await handler.close_async()


def app_for(ws: RunningWorkspace) -> AsyncApp:
    client = AsyncWebClient(ws.env()["SLACK_BOT_TOKEN"], base_url=ws.api_url)
    return AsyncApp(client=client, signing_secret=ws.env()["SLACK_SIGNING_SECRET"])


async def test_a_command_is_acknowledged_with_an_ephemeral_answer_that_only_its_writer_sees(
    ws: RunningWorkspace,
) -> None:
    app = app_for(ws)
    seen: list[Json] = []

    @app.command("/deploy")
    async def deploy(ack: Any, command: Json) -> None:
        seen.append(command)
        await ack(f"deploying {command['text']}")

    async with bolt(ws, app):
        dana, lee = ws.person("dana"), ws.person("lee")
        assert await dana.command("/deploy shop@v1.io <test> @lee #releases") == {
            "ok": True,
            "command": "/deploy",
        }
        message = await dana.wait_for("deploying")
        assert message["ephemeral"] is True
        assert [m for m in await lee.messages() if "deploying" in m["plain"]] == []
    command = seen[0]
    assert (
        command["text"]
        == "<mailto:shop@v1.io|shop@v1.io> &lt;test&gt; <@U0LEE00001|lee> <#C0RELEASE1|releases>"
    )
    assert command["team_id"] == "T0ACME0001"
    assert command["channel_name"] == "deploys"
    assert command["user_name"] == "dana"
    assert command["is_enterprise_install"] == "false"
    assert command["response_url"].startswith(ws.url)
    assert command["trigger_id"]


async def test_a_command_without_an_app_is_lost_and_its_writer_is_told(ws: RunningWorkspace) -> None:
    dana = ws.person("dana")
    with pytest.raises(Refused, match="app_unreachable"):
        await dana.command("/deploy shop test")
    notice = await dana.wait_for('/deploy failed with the error "dispatch_failed"')
    assert notice["ephemeral"] is True
    async with raw_socket(ws) as got:
        await asyncio.sleep(0.3)
        assert got == []


async def test_an_unacknowledged_command_times_out_and_is_never_sent_again(tmp_path: Path) -> None:
    async with running_workspace(tmp_path, quick(ack=0.3)) as ws, raw_socket(ws, ack=False) as got:
        dana = ws.person("dana")
        with pytest.raises(Refused, match="operation_timeout"):
            await dana.command("/deploy shop test")
        await dana.wait_for('/deploy failed with the error "operation_timeout"')
        await asyncio.sleep(1)
        assert [frame["type"] for frame in got] == ["slash_commands"]


async def test_an_unacknowledged_event_comes_again_with_its_event_id(tmp_path: Path) -> None:
    async with (
        running_workspace(tmp_path, quick(ack=0.3, retries=[0.1, 0.2])) as ws,
        raw_socket(ws, ack=False) as got,
    ):
        await ws.person("dana").say("<hi> @shipbell shop@v1.io")
        await arrived(got, 3)
        assert [frame["retry_attempt"] for frame in got] == [0, 1, 2]
        assert [frame["retry_reason"] for frame in got] == ["", "timeout", "timeout"]
        assert len({frame["payload"]["event_id"] for frame in got}) == 1
        assert len({frame["envelope_id"] for frame in got}) == 3
        event = got[0]["payload"]["event"]
        assert event["type"] == "app_mention"
        assert event["text"] == "&lt;hi&gt; <@U0SHIPB001> <mailto:shop@v1.io|shop@v1.io>"
        assert got[0]["payload"]["authorizations"][0]["user_id"] == "U0SHIPB001"
        await asyncio.sleep(0.8)
        assert len(got) == 3


async def test_an_event_that_nobody_took_is_sent_after_a_restart_of_the_workspace(tmp_path: Path) -> None:
    async with running_workspace(tmp_path, quick(ack=0.3, retries=[0.5, 0.5, 0.5, 0.5, 0.5, 0.5])) as ws:
        await ws.person("dana").say("@shipbell status")
        await ws.restart(kill=True)
        async with raw_socket(ws) as got:
            await arrived(got)
            assert got[0]["payload"]["event"]["text"] == "<@U0SHIPB001> status"
            assert got[0]["retry_attempt"] >= 1


async def test_an_event_can_be_sent_again_on_demand(ws: RunningWorkspace) -> None:
    async with raw_socket(ws) as got:
        await ws.person("dana").say("@shipbell status")
        await arrived(got)
        await ws.control("redeliver", envelope_id=got[0]["envelope_id"])
        await arrived(got, 2)
        assert got[0]["envelope_id"] == got[1]["envelope_id"]
        assert got[1]["retry_attempt"] == 1


async def test_each_envelope_goes_to_one_of_several_connections_in_turn(ws: RunningWorkspace) -> None:
    async with raw_socket(ws) as one, raw_socket(ws) as two:
        await ws.connected(2)
        for number in range(6):
            await ws.person("dana").command(f"/deploy {number}")
        assert (len(one), len(two)) == (3, 3)


async def test_clicks_and_choices_carry_what_slack_documents(ws: RunningWorkspace) -> None:
    app = app_for(ws)
    clicks: list[Json] = []

    @app.action("approve")
    async def approve(ack: Any, body: Json, client: AsyncWebClient) -> None:
        await ack()
        clicks.append(body)
        if len(clicks) > 2:
            return
        await client.chat_update(
            channel=body["channel"]["id"], ts=body["message"]["ts"], text="Approved", blocks=[]
        )

    @app.action("env")
    async def env(ack: Any, body: Json) -> None:
        await ack()
        clicks.append(body)

    async with bolt(ws, app):
        posted = await app.client.chat_postMessage(channel="C0DEPLOY01", text="Deploy #12", blocks=BUTTONS)
        lee = ws.person("lee")
        await lee.click("Prod", operation=12)
        before = lee.control("Approve", await lee.wait_for("#12"))
        await lee.click("approve", operation=12)
        await lee.wait_for("Approved")
        with pytest.raises(Refused, match="no_such_action"):
            await lee.act(
                {"block_id": "op:12", "action_id": "approve", "type": "button"},
                {"type": "message", "channel": "C0DEPLOY01", "ts": posted["ts"]},
            )
        await lee.press(before, stale=True)
        await arrived(clicks, 3)
    choice, click, stale = clicks
    assert stale["actions"][0]["value"] == "12"
    assert choice["actions"][0]["selected_option"]["value"] == "prod"
    assert choice["state"]["values"]["op:12"]["env"]["selected_option"]["value"] == "prod"
    assert click["actions"][0]["value"] == "12"
    assert click["actions"][0]["block_id"] == "op:12"
    assert click["user"] == {"id": "U0LEE00001", "username": "lee", "name": "lee", "team_id": "T0ACME0001"}
    assert click["container"] == {
        "type": "message",
        "message_ts": posted["ts"],
        "channel_id": "C0DEPLOY01",
        "is_ephemeral": False,
    }
    assert click["message"]["blocks"][1]["block_id"] == "op:12"
    assert click["channel"] == {"id": "C0DEPLOY01", "name": "deploys"}


async def test_a_modal_is_opened_refused_with_errors_and_submitted(ws: RunningWorkspace) -> None:
    app = app_for(ws)
    closed: list[Json] = []
    submitted: list[Json] = []

    @app.shortcut("deploy_shortcut")
    async def shortcut(ack: Any, body: Json, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    @app.view("deploy")
    async def submit(ack: Any, view: Json) -> None:
        name = view["state"]["values"]["service"]["name"]["value"]
        if name != "shop":
            await ack(response_action="errors", errors={"service": f"there is no {name}"})
            return
        submitted.append(view)
        await ack()

    @app.view_closed("deploy")
    async def on_close(ack: Any, body: Json) -> None:
        await ack()
        closed.append(body)

    async with bolt(ws, app):
        dana = ws.person("dana")
        await dana.shortcut("deploy_shortcut")
        assert (await dana.modal())["title"]["text"] == "Deploy"
        assert (await dana.submit())["errors"] == {"service": "Please complete this required field."}
        assert (await dana.submit({"service": "shoop"}))["errors"] == {"service": "there is no shoop"}
        assert await dana.submit({"name": "shop"}) == {"ok": True}
        assert (await dana.boot())["views"] == []
        assert len(submitted) == 1
        await dana.shortcut("deploy_shortcut")
        await dana.modal()
        await dana.click("Cancel")
        await arrived(closed)
        assert closed[0]["is_cleared"] is False


async def test_a_trigger_is_good_once_and_for_three_seconds(ws: RunningWorkspace) -> None:
    async with raw_socket(ws) as got:
        client = AsyncWebClient(ws.env()["SLACK_BOT_TOKEN"], base_url=ws.api_url)
        dana = ws.person("dana")
        await dana.command("/deploy one")
        trigger = got[0]["payload"]["trigger_id"]
        await client.views_open(trigger_id=trigger, view=MODAL)
        with pytest.raises(SlackApiError) as refusal:
            await client.views_open(trigger_id=trigger, view=MODAL)
        assert refusal.value.response["error"] == "exchanged_trigger_id"
        await dana.command("/deploy two")
        await ws.control("clock", advance=3.1)
        with pytest.raises(SlackApiError) as refusal:
            await client.views_open(trigger_id=got[1]["payload"]["trigger_id"], view=MODAL)
        assert refusal.value.response["error"] == "expired_trigger_id"
        with pytest.raises(SlackApiError) as refusal:
            await client.views_open(trigger_id="1.2.3", view=MODAL)
        assert refusal.value.response["error"] == "invalid_trigger_id"


async def test_the_app_comes_back_by_itself_after_a_disconnect_and_after_an_outage(
    ws: RunningWorkspace,
) -> None:
    app = app_for(ws)

    @app.command("/deploy")
    async def deploy(ack: Any) -> None:
        await ack("yes")

    async with bolt(ws, app):
        assert (await ws.control("disconnect"))["asked"] >= 1
        dana = ws.person("dana")

        async def answered() -> bool:
            try:
                await dana.command("/deploy shop")
            except Refused:
                return False
            return True

        await until(answered, 20)
        await ws.control("outage", on=True)
        with pytest.raises(SlackApiError):
            await app.client.chat_postMessage(channel="C0DEPLOY01", text="hi")
        with pytest.raises(Refused):
            await dana.command("/deploy shop")
        await ws.control("outage", on=False)
        await until(answered, 30)


async def test_commands_are_refused_in_threads_and_mentions_are_not(ws: RunningWorkspace) -> None:
    async with raw_socket(ws) as got:
        dana = ws.person("dana")
        parent = await dana.say("a parent")
        with pytest.raises(Refused, match="not_in_thread"):
            await dana.say("/deploy shop", thread=parent["ts"])
        await dana.say("@shipbell abort", thread=parent["ts"])
        await arrived(got)
        assert got[0]["payload"]["event"]["thread_ts"] == parent["ts"]


async def test_direct_messages_home_and_changed_people_reach_the_app(ws: RunningWorkspace) -> None:
    async with raw_socket(ws) as got:
        dana = ws.person("dana")
        await dana.dm("status & so on")
        await dana.home()
        await ws.control("user", name="gus", deleted=True)
        await arrived(got, 3)
        events = [frame["payload"]["event"] for frame in got]
        assert [event["type"] for event in events] == ["message", "app_home_opened", "user_change"]
        assert (events[0]["channel_type"], events[0]["text"]) == ("im", "status &amp; so on")
        assert events[0]["channel"].startswith("D")
        assert (events[1]["tab"], events[1]["user"]) == ("home", "U0DANA0001")
        assert (events[2]["user"]["name"], events[2]["user"]["deleted"]) == ("gus", True)


async def test_subscriptions_decide_what_the_app_hears_and_membership_where(tmp_path: Path) -> None:
    events = [
        "message.channels",
        "app_mention",
        "member_joined_channel",
        "channel_left",
        "channel_archive",
        "reaction_added",
    ]
    async with running_workspace(tmp_path, quick(events=events)) as ws, raw_socket(ws) as got:
        dana = ws.person("dana")
        client = AsyncWebClient(ws.env()["SLACK_BOT_TOKEN"], base_url=ws.api_url)
        said = await dana.say("@shipbell hi")
        await arrived(got, 2)
        await dana.post("react", channel="deploys", ts=said["ts"], name="eyes")
        await client.chat_postMessage(channel="#deploys", text="hello")
        await arrived(got, 4)
        await ws.control("channel", name="releases", invite="gus")
        await ws.control("channel", name="releases", kick="shipbell")
        await dana.say("@shipbell are you there?", channel="#releases")
        await ws.control("channel", name="deploys", archived=True)
        await arrived(got, 7)
        await dana.dm("not subscribed")
        found = [frame["payload"]["event"] for frame in got]
        assert sorted(event["type"] for event in found[:2]) == ["app_mention", "message"]
        assert [event["type"] for event in found[2:]] == [
            "reaction_added",
            "message",
            "member_joined_channel",
            "channel_left",
            "channel_archive",
        ]
        assert found[3]["bot_id"] == "B0SHIPB001"
        assert found[4]["user"] == "U0GUS00001"
        with pytest.raises(Refused, match="is_archived"):
            await dana.say("hi")
