"""Is the connection to Slack well? One line for the token, one for the scopes, one for each channel of the catalog."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.catalog import Catalog
from bot.ports import Connection
from bot.slack.channels import Channels
from bot.slack.manifest import SCOPES
from bot.slack.settings import SlackSettings
from bot.slack.web import CALL_ERRORS, Failure, Trouble, failure_of, web_client

_OPTIONAL = frozenset({"usergroups:read", "channels:history", "groups:history", "groups:read", "im:write"})


class SlackDoctor:
    """`bot.ports.Checkable` for Slack."""

    def __init__(
        self,
        settings: SlackSettings,
        client: AsyncWebClient,
        channels: Channels,
        catalog: Callable[[], Catalog],
    ) -> None:
        self._settings = settings
        self._client = client
        self._channels = channels
        self._catalog = catalog

    async def check(self) -> Sequence[Connection]:
        try:
            answer = await self._client.auth_test()
        except CALL_ERRORS as error:
            return [Connection("Slack", False, _why(failure_of(error)), _hint(failure_of(error)))]
        found = [Connection("Slack", True, f"{answer.get('user')} in {answer.get('team')}")]
        headers = {str(name).lower(): value for name, value in dict(answer.headers).items()}
        found += self._scopes(headers.get("x-oauth-scopes"))
        if self._settings.app_token:
            found.append(await self._socket())
        return [*found, *await self._check_channels()]

    def _scopes(self, granted: object) -> list[Connection]:
        """Nothing is said when the server doesn't tell the scopes."""
        if not granted:
            return []
        shown = granted if isinstance(granted, str) else ",".join(map(str, granted))  # type: ignore[call-overload]
        have = {scope.strip() for scope in shown.split(",") if scope.strip()}
        missing = [scope for scope in SCOPES if scope not in have]
        if not missing:
            return [Connection("Slack scopes", True, f"all {len(SCOPES)}")]
        needed = [scope for scope in missing if scope not in _OPTIONAL]
        why = "; ".join(f"{scope} ({SCOPES[scope]})" for scope in missing)
        return [
            Connection(
                "Slack scopes",
                not needed,
                f"without {why}",
                "Add them in the app's settings (`shipbell manifest` has them all) and install it again.",
            )
        ]

    async def _socket(self) -> Connection:
        client = web_client(self._settings, token="")
        try:
            await client.apps_connections_open(app_token=self._settings.app_token)
        except CALL_ERRORS as error:
            hint = "SLACK_APP_TOKEN must be an app-level token (xapp-…) with connections:write, and Socket Mode switched on."
            return Connection("Slack Socket Mode", False, _why(failure_of(error)), hint)
        return Connection("Slack Socket Mode", True, "can connect")

    async def _check_channels(self) -> list[Connection]:
        found = []
        for channel in channels_of(self._catalog()):
            problem = await self._channels.problem(channel)
            detail, _, hint = (problem or "can post").partition(". ")
            found.append(Connection(f"Slack channel {channel}", problem is None, detail, hint))
        return found


def channels_of(catalog: Catalog) -> tuple[str, ...]:
    """Every channel that the catalog names, each once."""
    found: list[str | None] = []
    for environment in catalog.environments.values():
        found += [environment.channel, environment.approvals_channel]
    found += [catalog.admins_channel, catalog.fallback_channel]
    return tuple(dict.fromkeys(channel for channel in found if channel))


async def channels_problem(channels: Channels, catalog: Catalog) -> str | None:
    """One sentence on the first channel that can't be posted in, None when all can."""
    problems = await channels.problems(channels_of(catalog))
    return next(iter(problems.values()), None)


def _why(failure: Failure) -> str:
    if failure.trouble is Trouble.AWAY:
        return f"can't be reached ({failure.error})"
    return f"Slack says {failure.error}"


def _hint(failure: Failure) -> str:
    if failure.trouble is Trouble.AWAY:
        return "Is SLACK_API_URL right, and may this host reach it?"
    return "SLACK_BOT_TOKEN must be the bot token (xoxb-…) of an app that is installed in this workspace."
