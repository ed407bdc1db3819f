"""What Slack says about people: facts only, fresh enough, and closed when Slack can't be asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.errors import TemporaryError
from bot.domain.identity import SlackIdentity
from bot.slack.people import SlackPeople
from bot.slack.web import web_client
from tests.support.slack import settings_of
from tests.support.workspace import RunningWorkspace, running_workspace

LEE = SlackIdentity("TWRONG", "U0LEE00001")


@pytest.fixture
async def ws(tmp_path: Path) -> AsyncIterator[RunningWorkspace]:
    async with running_workspace(tmp_path) as running:
        yield running


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_person_with_their_own_team_and_groups(ws: RunningWorkspace) -> None:
    people = SlackPeople(web_client(settings_of(ws)), lambda: ["S0LEADS001", "S0GONE0001"])
    lee = await people.profile(LEE)
    assert lee.display_name == "lee"
    assert lee.groups == {"S0LEADS001"}
    # The team is what Slack says of the user, not what a payload says of the place.
    assert lee.identity.team == (await people._client.auth_test())["team_id"]
    assert not (lee.is_bot or lee.is_guest or lee.is_deleted or lee.is_stranger)


async def test_guests_bots_deactivated_and_unknown_people(ws: RunningWorkspace) -> None:
    people = SlackPeople(web_client(settings_of(ws)))
    assert (await people.profile(SlackIdentity("T", "U0GUS00001"))).is_guest
    assert (await people.profile(SlackIdentity("T", "U0SHIPB001"))).is_bot
    assert (await people.profile(SlackIdentity("T", "U0NOBODY01"))).is_stranger
    await ws.control("user", name="tess", deleted=True)
    assert (await people.profile(SlackIdentity("T", "U0TESS0001"))).is_deleted


async def test_a_minute_is_remembered_and_a_change_forgets_it(ws: RunningWorkspace) -> None:
    time = Time()
    people = SlackPeople(web_client(settings_of(ws)), monotonic=time)
    await people.profile(LEE)
    await ws.control("user", name="lee", is_guest=True)
    assert not (await people.profile(LEE)).is_guest
    people.forget("U0LEE00001")
    assert (await people.profile(LEE)).is_guest
    await ws.control("user", name="lee", is_guest=False)
    time.now = 61.0
    assert not (await people.profile(LEE)).is_guest


async def test_nobody_is_known_while_slack_is_away(ws: RunningWorkspace) -> None:
    time = Time()
    people = SlackPeople(web_client(settings_of(ws)), monotonic=time)
    await people.profile(LEE)
    await ws.control("outage", on=True)
    assert await people.profile(LEE)
    time.now = 61.0
    with pytest.raises(TemporaryError, match="can't be asked"):
        await people.profile(LEE)


async def test_many_at_once_ask_once(ws: RunningWorkspace) -> None:
    import asyncio

    people = SlackPeople(web_client(settings_of(ws)))
    await asyncio.gather(*(people.profile(LEE) for _ in range(20)))
    assert len(await ws.calls("users.info")) == 1
