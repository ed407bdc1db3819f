"""Modals and Home: the stack, updates by hash, what stays entered, and what submissions can be answered with."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.bot.workspace.sockets import quick, raw_socket
from tests.support.workspace import Refused, RunningWorkspace, running_workspace

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def modal(title: str, **fields: Any) -> Json:
    return {
        "type": "modal",
        "callback_id": "m",
        "title": plain(title),
        "submit": plain("Go"),
        "blocks": [
            {
                "type": "input",
                "block_id": "service",
                "label": plain("Service"),
                "dispatch_action": True,
                "element": {
                    "type": "static_select",
                    "action_id": "choose",
                    "options": [{"text": plain(word.title()), "value": word} for word in ("shop", "cart")],
                },
            },
            {
                "type": "input",
                "block_id": "count",
                "label": plain("Count"),
                "optional": True,
                "element": {
                    "type": "number_input",
                    "action_id": "n",
                    "is_decimal_allowed": False,
                    "min_value": "1",
                    "max_value": "9",
                },
            },
        ],
        **fields,
    }


def web(ws: RunningWorkspace) -> AsyncWebClient:
    return AsyncWebClient(ws.env()["SLACK_BOT_TOKEN"], base_url=ws.api_url)


async def error(call: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_update_by_hash_push_and_the_stack(ws: RunningWorkspace) -> None:
    client, dana = web(ws), ws.person("dana")
    async with raw_socket(ws) as got:

        async def trigger() -> str:
            await dana.shortcut("deploy_shortcut")
            return str(got[-1]["payload"]["trigger_id"])

        one = (await client.views_open(trigger_id=await trigger(), view=modal("One", external_id="ext")))[
            "view"
        ]
        assert one["state"]["values"]["service"]["choose"] == {
            "type": "static_select",
            "selected_option": None,
        }
        updated = await client.views_update(
            view_id=one["id"], hash=one["hash"], view=modal("Uno", external_id="ext")
        )
        assert updated["view"]["id"] == one["id"]
        assert (
            await error(client.views_update(view_id=one["id"], hash=one["hash"], view=modal("No")))
            == "hash_conflict"
        )
        assert (await client.views_update(external_id="ext", view=modal("Eins")))["view"]["title"][
            "text"
        ] == "Eins"
        two = (await client.views_push(trigger_id=await trigger(), view=modal("Two")))["view"]
        assert (two["root_view_id"], two["previous_view_id"]) == (one["id"], one["id"])
        await client.views_push(trigger_id=await trigger(), view=modal("Three"))
        assert (
            await error(client.views_push(trigger_id=await trigger(), view=modal("Four")))
            == "push_limit_reached"
        )
        assert [view["title"]["text"] for view in (await dana.boot())["views"]] == ["Eins", "Two", "Three"]
        await dana.click("Cancel")
        assert (await dana.modal())["title"]["text"] == "Two"
        await ws.restart(kill=True)
        assert [view["title"]["text"] for view in (await dana.boot())["views"]] == ["Eins", "Two"]
        assert await error(client.views_update(view_id="V0GONE0000", view=modal("x"))) == "not_found"
        with pytest.raises(Refused, match="view_not_found"):
            await ws.person("lee").post("submit", view_id=two["id"], values={})


async def test_what_was_entered_stays_over_an_update_and_is_checked_before_it_is_sent(
    ws: RunningWorkspace,
) -> None:
    client, dana = web(ws), ws.person("dana")
    async with raw_socket(ws) as got:
        await dana.shortcut("deploy_shortcut")
        await client.views_open(trigger_id=got[-1]["payload"]["trigger_id"], view=modal("One"))
        await dana.click("Shop")
        payload = got[-1]["payload"]
        assert payload["actions"][0]["selected_option"]["value"] == "shop"
        assert payload["container"] == {"type": "view", "view_id": payload["view"]["id"]}
        kept = (await client.views_update(view_id=payload["view"]["id"], view=modal("Two")))["view"]["state"][
            "values"
        ]
        assert kept["service"]["choose"]["selected_option"]["value"] == "shop"
        sent = len(got)
        assert (await dana.submit({"n": "12"}))["errors"] == {"count": "Please enter at most 9."}
        assert (await dana.submit({"n": "1.5"}))["errors"] == {"count": "Please enter a whole number."}
        assert len(got) == sent
        await dana.submit({"n": "3", "choose": "Cart"})
        values = got[-1]["payload"]["view"]["state"]["values"]
        assert values["service"]["choose"]["selected_option"]["value"] == "cart"
        assert values["count"]["n"] == {"type": "number_input", "value": "3"}


@pytest.mark.parametrize("action", ["update", "push", "clear", "errors-elsewhere", "nonsense"])
async def test_what_a_submission_is_answered_with(ws: RunningWorkspace, action: str) -> None:
    app = AsyncApp(client=web(ws), signing_secret=ws.env()["SLACK_SIGNING_SECRET"])

    @app.shortcut("deploy_shortcut")
    async def shortcut(ack: Any, body: Json, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal("One"))

    @app.view("m")
    async def submit(ack: Any) -> None:
        if action in ("update", "push"):
            await ack(response_action=action, view=modal("Two"))
        elif action == "clear":
            await ack(response_action="clear")
        elif action == "errors-elsewhere":
            await ack(response_action="errors", errors={"nowhere": "no"})
        else:
            bad = copy.deepcopy(modal("Two"))
            bad["blocks"][0]["type"] = "marquee"
            await ack(response_action="update", view=bad)

    handler = AsyncSocketModeHandler(app, ws.env()["SLACK_APP_TOKEN"])
    await handler.connect_async()
    try:
        await ws.connected()
        dana = ws.person("dana")
        await dana.shortcut("deploy_shortcut")
        await dana.modal()
        if action in ("errors-elsewhere", "nonsense"):
            with pytest.raises(Refused, match="app_bad_response"):
                await dana.submit({"choose": "shop"})
            return
        await dana.submit({"choose": "shop"})
        titles = [view["title"]["text"] for view in (await dana.boot())["views"]]
        assert titles == {"update": ["Two"], "push": ["One", "Two"], "clear": []}[action]
    finally:
        await handler.close_async()


async def test_home_and_its_buttons(ws: RunningWorkspace) -> None:
    client, dana = web(ws), ws.person("dana")
    button = {"type": "button", "action_id": "go", "text": plain("Go"), "value": "7"}
    home = {"type": "home", "blocks": [{"type": "actions", "block_id": "b", "elements": [button]}]}
    assert await dana.home() == ""
    first = (await client.views_publish(user_id="U0DANA0001", view=home))["view"]
    assert await dana.home() == "[Go]"
    assert await ws.person("lee").home() == ""
    await client.views_publish(user_id="U0DANA0001", view=home, hash=first["hash"])
    assert (
        await error(client.views_publish(user_id="U0DANA0001", view=home, hash=first["hash"]))
        == "hash_conflict"
    )
    assert await error(client.views_publish(user_id="U0NOBODY01", view=home)) == "user_not_found"
    assert await error(client.views_publish(user_id="U0DANA0001", view=modal("x"))) == "invalid_arguments"
    async with raw_socket(ws) as got:
        await dana.click_home("Go")
        payload = next(frame["payload"] for frame in got if frame["type"] == "interactive")
        assert (payload["view"]["type"], payload["actions"][0]["value"]) == ("home", "7")
        assert "channel" not in payload


async def test_message_shortcuts_and_external_choices(tmp_path: Any) -> None:
    seed = quick(shortcuts=[{"name": "Explain", "callback_id": "explain", "type": "message"}])
    async with running_workspace(tmp_path, seed) as ws:
        app = AsyncApp(client=web(ws), signing_secret=ws.env()["SLACK_SIGNING_SECRET"])
        explained: list[Json] = []

        @app.message_shortcut("explain")
        async def explain(ack: Any, body: Json) -> None:
            await ack()
            explained.append(body)

        @app.options("branch")
        async def branches(ack: Any, body: Json) -> None:
            await ack(options=[{"text": plain(body["value"] + "-1"), "value": "1"}])

        handler = AsyncSocketModeHandler(app, ws.env()["SLACK_APP_TOKEN"])
        await handler.connect_async()
        try:
            await ws.connected()
            dana = ws.person("dana")
            select = {"type": "external_select", "action_id": "branch", "min_query_length": 0}
            block = {"type": "actions", "block_id": "b", "elements": [select]}
            posted = await web(ws).chat_postMessage(channel="C0DEPLOY01", text="choose", blocks=[block])
            where = {"type": "message", "channel": "C0DEPLOY01", "ts": posted["ts"]}
            found = await dana.post(
                "options", action={"block_id": "b", "action_id": "branch"}, container=where, value="feat"
            )
            assert found["options"] == [{"text": plain("feat-1"), "value": "1"}]
            await dana.shortcut("explain", await dana.wait_for(lambda message: message["text"] == "choose"))
            assert explained[0]["type"] == "message_action"
            assert explained[0]["message"]["ts"] == explained[0]["message_ts"] == posted["ts"]
            with pytest.raises(Refused, match="unknown_shortcut"):
                await dana.shortcut("deploy_shortcut")
        finally:
            await handler.close_async()
