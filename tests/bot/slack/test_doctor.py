"""Channels that can't be posted in are found before a rollout needs them, and the doctor says all at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.catalog import Environment
from bot.slack.channels import ChannelMissing, Channels
from bot.slack.chat import Slack
from bot.slack.doctor import channels_of, channels_problem
from bot.slack.web import web_client
from tests.support.desk import catalog
from tests.support.slack import Catalogs, settings_of
from tests.support.workspace import RunningWorkspace, running_workspace


@pytest.fixture
async def ws(tmp_path: Path) -> AsyncIterator[RunningWorkspace]:
    async with running_workspace(tmp_path) as running:
        yield running


async def test_a_channel_is_found_by_name_and_by_id(ws: RunningWorkspace) -> None:
    channels = Channels(web_client(settings_of(ws)))
    assert await channels.resolve("#deploys") == await channels.resolve("Deploys") == "C0DEPLOY01"
    assert await channels.resolve("C0RELEASE1") == "C0RELEASE1"
    with pytest.raises(ChannelMissing):
        await channels.resolve("#nowhere")
    assert len(await ws.calls("conversations.list")) == 1


async def test_what_is_wrong_with_a_channel_and_what_to_do(ws: RunningWorkspace) -> None:
    channels = Channels(web_client(settings_of(ws)))
    assert await channels.problem("#deploys") is None
    await ws.control("channel", name="deploys", kick="shipbell")
    assert "/invite @shipbell" in str(await channels.problem("#deploys"))
    await ws.control("channel", name="releases", archived=True)
    assert "archived" in str(await channels.problem("#releases"))
    assert "can't see" in str(await channels.problem("#nowhere"))
    await ws.control("outage", on=True)
    assert await channels.problem("#test-env") is None, "an unknown is no reason to refuse"


async def test_the_doctor_has_a_line_for_each_connection(ws: RunningWorkspace) -> None:
    room = Environment("test", "#deploys", "#releases")
    found = replace(catalog(), environments={"test": room}, fallback_channel="#nowhere")
    assert channels_of(found) == ("#deploys", "#releases", "#nowhere")
    slack = Slack(settings_of(ws), Catalogs(found))
    lines = {line.name: line for line in await slack.doctor.check()}
    assert lines["Slack"].is_well
    assert lines["Slack Socket Mode"].is_well
    assert lines["Slack channel #deploys"].is_well
    assert not lines["Slack channel #nowhere"].is_well
    assert lines["Slack channel #nowhere"].hint
    assert "#nowhere" in str(await channels_problem(slack.channels, found))


async def test_the_doctor_says_what_is_wrong_with_a_token_and_not_the_token(ws: RunningWorkspace) -> None:
    secret = "-".join(["xoxb", "0", "wrong"])
    slack = Slack(settings_of(ws, bot_token=secret), Catalogs(catalog()))
    (line,) = await slack.doctor.check()
    assert not line.is_well
    assert "invalid_auth" in line.detail
    assert secret not in line.detail + line.hint + repr(slack.settings)


async def test_the_doctor_says_that_slack_cannot_be_reached(ws: RunningWorkspace) -> None:
    slack = Slack(settings_of(ws), Catalogs(catalog()))
    await ws.stop()
    (line,) = await slack.doctor.check()
    assert "can't be reached" in line.detail
