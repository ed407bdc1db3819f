"""The Web API through the SDK's own client: what is kept and answered, and what is refused under which of Slack's names."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.workspace.seed import default
from tests.support.workspace import RunningWorkspace, running_workspace

Json = dict[str, Any]
DEPLOYS = "C0DEPLOY01"
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*hi*"}}


@pytest.fixture
def client(ws: RunningWorkspace) -> AsyncWebClient:
    return AsyncWebClient(ws.env()["SLACK_BOT_TOKEN"], base_url=ws.api_url)


async def refusal(call: Any) -> Json:
    with pytest.raises(SlackApiError) as caught:
        await call
    data = caught.value.response.data
    assert isinstance(data, dict)
    return data


async def error(call: Any) -> str:
    return str((await refusal(call))["error"])


async def test_who_calls(ws: RunningWorkspace, client: AsyncWebClient) -> None:
    me = await client.auth_test()
    assert (me["team_id"], me["user_id"], me["bot_id"]) == ("T0ACME0001", "U0SHIPB001", "B0SHIPB001")
    assert "chat:write" in me.headers["x-oauth-scopes"]
    assert await error(AsyncWebClient(base_url=ws.api_url).auth_test()) == "not_authed"
    assert await error(AsyncWebClient("xoxb-1", base_url=ws.api_url).auth_test()) == "invalid_auth"
    app_token = ws.env()["SLACK_APP_TOKEN"]
    assert await error(AsyncWebClient(app_token, base_url=ws.api_url).auth_test()) == "not_allowed_token_type"
    assert (
        await error(client.apps_connections_open(app_token=ws.env()["SLACK_BOT_TOKEN"]))
        == "not_allowed_token_type"
    )
    assert await error(client.api_call("chat.sing")) == "unknown_method"
    assert await error(client.conversations_create(name="x")) == "unknown_method"


async def test_a_missing_scope_says_which(tmp_path: Any) -> None:
    seed = default().model_dump(by_alias=True)
    seed["app"]["scopes"] = ["chat:write"]
    async with running_workspace(tmp_path, seed) as ws:
        client = AsyncWebClient(ws.env()["SLACK_BOT_TOKEN"], base_url=ws.api_url)
        found = await refusal(client.users_info(user="U0DANA0001"))
        assert (found["error"], found["needed"], found["provided"]) == (
            "missing_scope",
            "users:read",
            "chat:write",
        )


async def test_blocks_ids_and_metadata_are_kept_and_found_in_history(client: AsyncWebClient) -> None:
    metadata = {"event_type": "card", "event_payload": {"key": "op-1"}}
    posted = await client.chat_postMessage(
        channel="#deploys",
        text="card",
        blocks=[{**SECTION, "block_id": "outbox:1"}, SECTION],
        metadata=metadata,
    )
    assert posted["channel"] == DEPLOYS
    history = await client.conversations_history(channel=DEPLOYS, include_all_metadata=True)
    message = history["messages"][0]
    assert message["ts"] == posted["ts"]
    assert message["blocks"][0]["block_id"] == "outbox:1"
    assert message["blocks"][1]["block_id"]
    assert message["metadata"] == metadata
    assert (message["user"], message["bot_id"]) == ("U0SHIPB001", "B0SHIPB001")
    assert "metadata" not in (await client.conversations_history(channel=DEPLOYS))["messages"][0]


async def test_history_is_newest_first_paged_and_bounded(client: AsyncWebClient) -> None:
    stamps = [
        (await client.chat_postMessage(channel=DEPLOYS, text=f"m{number}"))["ts"] for number in range(5)
    ]
    page = await client.conversations_history(channel=DEPLOYS, limit=2)
    assert [message["text"] for message in page["messages"]] == ["m4", "m3"]
    assert page["has_more"] is True
    rest = await client.conversations_history(
        channel=DEPLOYS, limit=3, cursor=page["response_metadata"]["next_cursor"]
    )
    assert [message["text"] for message in rest["messages"]] == ["m2", "m1", "m0"]
    assert rest["has_more"] is False
    between = await client.conversations_history(channel=DEPLOYS, oldest=stamps[1], latest=stamps[3])
    assert [message["text"] for message in between["messages"]] == ["m2"]
    inclusive = await client.conversations_history(
        channel=DEPLOYS, oldest=stamps[1], latest=stamps[3], inclusive=True
    )
    assert [message["text"] for message in inclusive["messages"]] == ["m3", "m2", "m1"]
    assert await error(client.conversations_history(channel=DEPLOYS, cursor="nonsense")) == "invalid_cursor"
    assert (
        await error(client.conversations_history(channel=DEPLOYS, oldest="yesterday")) == "invalid_ts_oldest"
    )


async def test_threads(client: AsyncWebClient) -> None:
    parent = (await client.chat_postMessage(channel=DEPLOYS, text="parent"))["ts"]
    reply = (await client.chat_postMessage(channel=DEPLOYS, text="reply", thread_ts=parent))["ts"]
    await client.chat_postMessage(channel=DEPLOYS, text="of the reply", thread_ts=reply)
    await client.chat_postMessage(channel=DEPLOYS, text="loud", thread_ts=parent, reply_broadcast=True)
    thread = (await client.conversations_replies(channel=DEPLOYS, ts=parent))["messages"]
    assert [message["text"] for message in thread] == ["parent", "reply", "of the reply", "loud"]
    assert thread[0]["reply_count"] == 3
    assert thread[0]["thread_ts"] == parent
    top = (await client.conversations_history(channel=DEPLOYS))["messages"]
    assert [message["text"] for message in top] == ["loud", "parent"]
    link = (await client.chat_getPermalink(channel=DEPLOYS, message_ts=reply))["permalink"]
    assert link.endswith(f"/archives/{DEPLOYS}/p{reply.replace('.', '')}?thread_ts={parent}&cid={DEPLOYS}")
    assert await error(client.conversations_replies(channel=DEPLOYS, ts="1.000000")) == "thread_not_found"
    assert (
        await error(client.chat_postMessage(channel=DEPLOYS, text="x", thread_ts="1.000000"))
        == "thread_not_found"
    )


async def test_an_update_with_text_alone_drops_the_blocks_and_marks_it_edited(client: AsyncWebClient) -> None:
    metadata = {"event_type": "card", "event_payload": {}}
    ts = (await client.chat_postMessage(channel=DEPLOYS, text="a", blocks=[SECTION], metadata=metadata))["ts"]
    await client.chat_update(channel=DEPLOYS, ts=ts, text="b", blocks=[SECTION])
    message = (await client.conversations_history(channel=DEPLOYS, include_all_metadata=True))["messages"][0]
    assert "edited" not in message
    assert message["metadata"] == metadata
    await client.chat_update(channel=DEPLOYS, ts=ts, text="c")
    message = (await client.conversations_history(channel=DEPLOYS))["messages"][0]
    assert message["text"] == "c"
    assert "blocks" not in message
    assert message["edited"]["user"] == "U0SHIPB001"


async def test_what_cannot_be_posted(ws: RunningWorkspace, client: AsyncWebClient) -> None:
    post = client.chat_postMessage
    assert await error(post(channel=DEPLOYS)) == "no_text"
    assert await error(post(channel="C0NOWHERE1", text="x")) == "channel_not_found"
    assert await error(post(channel=DEPLOYS, text="x" * 40_001)) == "msg_too_long"
    assert await error(client.api_call("chat.postMessage", json={"text": "x"})) == "invalid_arguments"
    assert await error(post(channel=DEPLOYS, text="x", blocks="[{")) == "invalid_blocks_format"
    assert await error(post(channel=DEPLOYS, text="x", metadata={"a": 1})) == "invalid_metadata_schema"
    assert await error(post(channel=DEPLOYS, text="x", username="other")) == "missing_scope"
    found = await refusal(post(channel=DEPLOYS, text="x", blocks=[SECTION, {"type": "marquee"}]))
    assert found["error"] == "invalid_blocks"
    assert found["response_metadata"]["messages"] == [
        "[ERROR] unsupported type: marquee [json-pointer:/blocks/1/type]"
    ]
    long = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000}} for _ in range(5)]
    assert await error(post(channel=DEPLOYS, text="x", blocks=long)) == "msg_blocks_too_long"
    await ws.control("channel", name="deploys", archived=True)
    assert await error(post(channel=DEPLOYS, text="x")) == "is_archived"
    await ws.control("channel", name="releases", kick="shipbell")
    assert await error(post(channel="#releases", text="x")) == "not_in_channel"
    assert await error(client.conversations_history(channel="C0RELEASE1")) == "not_in_channel"
    await client.conversations_join(channel="C0RELEASE1")
    assert (await post(channel="#releases", text="x"))["ok"] is True


async def test_what_cannot_be_changed(ws: RunningWorkspace, client: AsyncWebClient) -> None:
    theirs = (await ws.person("dana").say("mine"))["ts"]
    assert await error(client.chat_update(channel=DEPLOYS, ts=theirs, text="x")) == "cant_update_message"
    assert await error(client.chat_delete(channel=DEPLOYS, ts=theirs)) == "cant_delete_message"
    assert await error(client.chat_update(channel=DEPLOYS, ts="1.000000", text="x")) == "message_not_found"
    assert await error(client.chat_update(channel="#deploys", ts=theirs, text="x")) == "channel_not_found"
    ts = (await client.chat_postMessage(channel=DEPLOYS, text="a"))["ts"]
    assert await error(client.chat_update(channel=DEPLOYS, ts=ts)) == "no_text"
    assert await error(client.chat_update(channel=DEPLOYS, ts=ts, text="x" * 4001)) == "msg_too_long"
    await ws.control("edit_window", seconds=60)
    await client.chat_update(channel=DEPLOYS, ts=ts, text="b")
    await ws.control("clock", advance=61)
    assert await error(client.chat_update(channel=DEPLOYS, ts=ts, text="c")) == "edit_window_closed"
    await client.chat_delete(channel=DEPLOYS, ts=ts)
    assert await error(client.chat_delete(channel=DEPLOYS, ts=ts)) == "message_not_found"


async def test_an_ephemeral_reaches_one_person_and_no_method_can_touch_it(
    ws: RunningWorkspace, client: AsyncWebClient
) -> None:
    sent = await client.chat_postEphemeral(channel=DEPLOYS, user="U0DANA0001", text="for you")
    ts = sent["message_ts"]
    dana, lee = ws.person("dana"), ws.person("lee")
    assert (await dana.wait_for("for you"))["ephemeral"] is True
    assert "for you" not in await lee.transcript()
    assert (await client.conversations_history(channel=DEPLOYS))["messages"] == []
    assert await error(client.chat_update(channel=DEPLOYS, ts=ts, text="x")) == "message_not_found"
    assert await error(client.chat_delete(channel=DEPLOYS, ts=ts)) == "message_not_found"
    assert (
        await error(client.chat_postEphemeral(channel=DEPLOYS, user="U0NOBODY01", text="x"))
        == "user_not_found"
    )
    assert await error(client.chat_postEphemeral(channel="C0RELEASE1", user="U0GUS00001", text="x")) == (
        "user_not_in_channel"
    )


async def test_people_groups_and_channels(ws: RunningWorkspace, client: AsyncWebClient) -> None:
    dana = (await client.users_info(user="U0DANA0001"))["user"]
    assert (dana["name"], dana["is_restricted"], dana["deleted"], dana["is_bot"]) == (
        "dana",
        False,
        False,
        False,
    )
    assert (await client.users_info(user="U0GUS00001"))["user"]["is_restricted"] is True
    await ws.control("user", name="gus", deleted=True)
    gone = (await client.users_info(user="U0GUS00001"))["user"]
    assert gone["deleted"] is True
    assert "is_restricted" not in gone
    assert await error(client.users_info(user="U0NOBODY01")) == "user_not_found"
    members = (await client.users_list())["members"]
    assert {member["name"] for member in members} >= {
        "dana",
        "lee",
        "tess",
        "max",
        "gus",
        "shipbell",
        "slackbot",
    }
    group = (await client.usergroups_list(include_users=True))["usergroups"][0]
    assert (group["handle"], group["users"]) == ("leads", ["U0LEE00001", "U0MAX00001"])
    assert (await client.usergroups_users_list(usergroup="S0LEADS001"))["users"] == [
        "U0LEE00001",
        "U0MAX00001",
    ]
    assert await error(client.usergroups_users_list(usergroup="S0NO")) == "no_such_subteam"
    rooms = (await client.conversations_list(types="public_channel"))["channels"]
    assert [room["name"] for room in rooms] == ["deploys", "releases", "test-env"]
    assert (await client.conversations_info(channel=DEPLOYS))["channel"]["is_member"] is True
    assert "U0DANA0001" in (await client.conversations_members(channel=DEPLOYS))["members"]
    direct = (await client.conversations_open(users="U0DANA0001"))["channel"]["id"]
    assert direct.startswith("D")
    assert (await client.chat_postMessage(channel="U0DANA0001", text="psst"))["channel"] == direct
    assert (await client.users_conversations(types="public_channel"))["channels"][0]["id"] == DEPLOYS
    assert (await client.team_info())["team"]["name"] == "Acme"
    assert (await client.bots_info(bot="B0SHIPB001"))["bot"]["name"] == "Shipbell"


async def test_reactions(ws: RunningWorkspace, client: AsyncWebClient) -> None:
    ts = (await ws.person("dana").say("look"))["ts"]
    await client.reactions_add(channel=DEPLOYS, timestamp=ts, name="eyes")
    assert await error(client.reactions_add(channel=DEPLOYS, timestamp=ts, name="eyes")) == "already_reacted"
    message = (await client.conversations_history(channel=DEPLOYS))["messages"][0]
    assert message["reactions"] == [{"name": "eyes", "users": ["U0SHIPB001"], "count": 1}]
    await client.reactions_remove(channel=DEPLOYS, timestamp=ts, name="eyes")
    assert await error(client.reactions_remove(channel=DEPLOYS, timestamp=ts, name="eyes")) == "no_reaction"


async def test_a_limit_on_demand_is_a_429_that_the_sdk_waits_out(
    ws: RunningWorkspace, client: AsyncWebClient
) -> None:
    await ws.control("rate_limit", method="chat.postMessage", times=1, retry_after=1)
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=DEPLOYS, text="x")
    response = caught.value.response
    assert (response.status_code, response["error"], response.headers["Retry-After"]) == (
        429,
        "ratelimited",
        "1",
    )
    await ws.control("rate_limit", method="chat.postMessage", times=1, retry_after=1)
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
    before = time.monotonic()
    assert (await client.chat_postMessage(channel=DEPLOYS, text="x"))["ok"] is True
    assert time.monotonic() - before >= 1
    calls = await ws.calls("chat.postMessage")
    assert [call["error"] for call in calls] == ["ratelimited", "ratelimited", None]
    assert all("token" not in call["args"] for call in calls)


async def test_slacks_tiers_where_the_seed_wants_them(tmp_path: Any) -> None:
    seed = default().model_dump(by_alias=True)
    seed["rate_limits"] = True
    async with running_workspace(tmp_path, seed) as ws:
        client = AsyncWebClient(ws.env()["SLACK_BOT_TOKEN"], base_url=ws.api_url)
        ts = (await client.chat_postMessage(channel=DEPLOYS, text="x"))["ts"]
        for number in range(50):
            await client.chat_update(channel=DEPLOYS, ts=ts, text=str(number))
        assert await error(client.chat_update(channel=DEPLOYS, ts=ts, text="one more")) == "ratelimited"
        await ws.control("clock", advance=61)
        await client.chat_update(channel=DEPLOYS, ts=ts, text="one more")
        for _ in range(5):
            await client.chat_postMessage(channel=DEPLOYS, text="x")
        assert await error(client.chat_postMessage(channel=DEPLOYS, text="x")) == "ratelimited"
        assert (await client.chat_postMessage(channel="#releases", text="x"))["ok"] is True


async def test_everything_is_there_after_a_kill(ws: RunningWorkspace, client: AsyncWebClient) -> None:
    parent = (await client.chat_postMessage(channel=DEPLOYS, text="parent", blocks=[SECTION]))["ts"]
    await client.chat_postMessage(channel=DEPLOYS, text="reply", thread_ts=parent)
    await client.chat_postEphemeral(channel=DEPLOYS, user="U0DANA0001", text="for you")
    await client.views_publish(user_id="U0DANA0001", view={"type": "home", "blocks": [SECTION]})
    await ws.control("user", name="gus", deleted=True)
    dana = ws.person("dana")
    before, seq = await dana.transcript(times=True), (await dana.boot())["seq"]
    await ws.restart(kill=True)
    assert await dana.transcript(times=True) == before
    assert "for you" in before
    assert "hi" in await dana.home()
    assert (await dana.boot())["seq"] >= seq
    later = (await client.chat_postMessage(channel=DEPLOYS, text="later"))["ts"]
    assert float(later) > float(parent)
    assert (await client.users_info(user="U0GUS00001"))["user"]["deleted"] is True


async def test_forms_and_json_and_broken_bodies(ws: RunningWorkspace) -> None:
    headers = {"Authorization": f"Bearer {ws.env()['SLACK_BOT_TOKEN']}"}
    url = f"{ws.api_url}chat.postMessage"
    form = {"token": ws.env()["SLACK_BOT_TOKEN"], "channel": DEPLOYS, "text": "form"}
    assert (await ws.http.post(url, data=form)).json()["ok"] is True
    assert (await ws.http.post(url, json={"channel": DEPLOYS, "text": "json"}, headers=headers)).json()[
        "ok"
    ] is True

    async def broken(content: bytes, kind: str) -> str:
        answer = await ws.http.post(url, content=content, headers={**headers, "Content-Type": kind})
        return str(answer.json()["error"])

    assert await broken(b"{", "application/json") == "invalid_json"
    assert await broken(b"[]", "application/json") == "json_not_object"
    assert await broken(b"x", "text/csv") == "invalid_post_type"
    assert await broken(b"x" * 1_000_001, "application/json") == "request_too_large"
    assert await broken(b'{"channel": {"a": 1}, "text": "x"}', "application/json") == "invalid_arguments"


async def test_foreign_pages_and_hosts_are_kept_out(ws: RunningWorkspace) -> None:
    body = {"as": "dana", "channel": "deploys", "text": "hi"}
    foreign = await ws.http.post("/client/send", json=body, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    rebound = await ws.http.get("/client/boot?as=dana", headers={"Host": "evil.example:80"})
    assert rebound.status_code == 403
    plain = await ws.http.post(
        "/client/send", content=b'{"as": "dana"}', headers={"Content-Type": "text/plain"}
    )
    assert plain.status_code == 415
    own = await ws.http.post("/client/send", json=body, headers={"Origin": ws.url})
    assert own.status_code == 200
    async with httpx.AsyncClient(trust_env=False) as outside:
        assert (await outside.get(f"{ws.url}/client/people")).status_code == 200
