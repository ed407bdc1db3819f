"""What the chat side must be told: tokens, the Web API's address, the names of its commands. Reading them is bot.settings's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

SLACK_API = "https://slack.com/api/"
COMMANDS: Mapping[str, str | None] = MappingProxyType(
    {"/deploy": "deploy", "/rollback": "rollback", "/shipbell": None}
)
"""Slash commands and the verb that each stands for; None: the first word is the verb."""


@dataclass(frozen=True)
class SlackSettings:
    """`api_url` ends with a slash. `app_token` is for Socket Mode, `signing_secret` for HTTP. Secrets are kept out of repr."""

    bot_token: str = field(repr=False)
    app_token: str = field(default="", repr=False)
    signing_secret: str = field(default="", repr=False)
    api_url: str = SLACK_API
    commands: Mapping[str, str | None] = field(default_factory=lambda: COMMANDS)
    timeout: int = 15
    """Seconds until a call to Slack is given up."""

    @property
    def base_url(self) -> str:
        return self.api_url if self.api_url.endswith("/") else self.api_url + "/"
