"""The People port: what Slack says about a person now. Cached for a minute, dropped on `user_change`, failing closed.

Only facts are gathered here; whether somebody may do anything is the Access port's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import TemporaryError
from bot.domain.identity import Profile, SlackIdentity
from bot.slack.web import CALL_ERRORS, Trouble, failure_of

log = logging.getLogger(__name__)
FRESH = 60.0
"""Seconds."""
_WITHOUT_GROUPS = frozenset(
    {
        "paid_teams_only",
        "plan_upgrade_required",
        "missing_scope",
        "unknown_method",
        "permission_denied",
        "not_allowed_token_type",
    }
)


class SlackPeople:
    """`groups`: the user groups that the catalog gives roles to (`S…`), asked each time since the catalog may change."""

    def __init__(
        self,
        client: AsyncWebClient,
        groups: Callable[[], Iterable[str]] = tuple,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._groups = groups
        self._now = monotonic
        self._home: tuple[str, str | None] | None = None
        self._profiles: dict[str, tuple[float, Profile]] = {}
        self._members: dict[str, tuple[float, frozenset[str]]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def profile(self, identity: SlackIdentity) -> Profile:
        """Raises TemporaryError when Slack can't be asked and nothing fresh is known."""
        user = identity.user
        async with self._locks.setdefault(user, asyncio.Lock()):
            known = self._profiles.get(user)
            if known is None or self._now() - known[0] > FRESH:
                known = (self._now(), await self._ask(identity))
                self._profiles[user] = known
        found = known[1]
        if identity.by_app and not found.is_bot:
            # Said by an app with a person's id: not that person's word, and no fact about them to remember.
            return replace(found, is_bot=True, identity=replace(found.identity, by_app=True))
        return found

    def forget(self, user: str | None = None) -> None:
        """Drops what is known about a user, or about everybody and every group."""
        if user is None:
            self._profiles.clear()
            self._members.clear()
            self._locks.clear()
        else:
            self._profiles.pop(user, None)

    async def _ask(self, identity: SlackIdentity) -> Profile:
        try:
            home_team, home_enterprise = await self._where_we_are()
            found = (await self._client.users_info(user=identity.user))["user"]
        except CALL_ERRORS as error:
            failure = failure_of(error)
            if failure.trouble in (Trouble.CHANNEL, Trouble.OTHER) and failure.error in (
                "user_not_found",
                "user_not_visible",
            ):
                return Profile(identity, identity.user, is_stranger=True)
            raise TemporaryError(
                f"Slack can't be asked who <@{identity.user}> is ({failure.error}).", "Try again in a minute."
            ) from error
        return await self._profile(identity, found, home_team, home_enterprise)

    async def _profile(
        self, asked: SlackIdentity, user: Mapping[str, Any], home_team: str, home_enterprise: str | None
    ) -> Profile:
        enterprise_user = user.get("enterprise_user") or {}
        enterprise = enterprise_user.get("enterprise_id") or user.get("enterprise_id")
        # A user's own team is what users.info says, not the workspace in which a shared channel showed them.
        team = str(user.get("team_id") or (user.get("profile") or {}).get("team") or "")
        at_home = enterprise == home_enterprise if home_enterprise and enterprise else team == home_team
        shown = user.get("profile") or {}
        name = (
            shown.get("display_name")
            or shown.get("real_name")
            or user.get("real_name")
            or user.get("name")
            or ""
        )
        is_bot = (
            bool(user.get("is_bot")) or bool(user.get("is_workflow_bot")) or user.get("id") == "USLACKBOT"
        )
        is_stranger = bool(user.get("is_stranger")) or not at_home
        lost = is_bot or is_stranger or bool(user.get("deleted"))
        return Profile(
            identity=SlackIdentity(team=team or asked.team, user=asked.user, enterprise=enterprise or None),
            display_name=str(name) or asked.user,
            is_bot=is_bot,
            is_guest=bool(user.get("is_restricted")) or bool(user.get("is_ultra_restricted")),
            is_deleted=bool(user.get("deleted")),
            is_stranger=is_stranger,
            groups=frozenset() if lost else await self._groups_of(asked.user),
        )

    async def _where_we_are(self) -> tuple[str, str | None]:
        """Our own team and enterprise; a token belongs to one for good."""
        if self._home is None:
            answer = await self._client.auth_test()
            self._home = (str(answer["team_id"]), answer.get("enterprise_id") or None)
        return self._home

    async def _groups_of(self, user: str) -> frozenset[str]:
        return frozenset(
            [group for group in dict.fromkeys(self._groups()) if user in await self._members_of(group)]
        )

    async def _members_of(self, group: str) -> frozenset[str]:
        """Nobody where the plan has no user groups or the group is gone: roles are then given by the people listed."""
        known = self._members.get(group)
        if known is not None and self._now() - known[0] <= FRESH:
            return known[1]
        try:
            answer = await self._client.usergroups_users_list(usergroup=group)
            members = frozenset(str(user) for user in answer.get("users") or [])
        except CALL_ERRORS as error:
            failure = failure_of(error)
            if failure.trouble in (Trouble.RATE, Trouble.AWAY):
                raise TemporaryError(
                    f"Slack can't be asked who is in the user group {group} ({failure.error}).",
                    "Try again in a minute.",
                ) from error
            if failure.error not in _WITHOUT_GROUPS:
                log.warning("user group %s gives no roles: %s", group, failure.error)
            members = frozenset()
        self._members[group] = (self._now(), members)
        return members
