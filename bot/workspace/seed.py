"""What a workspace starts with: team, people, channels, user groups and the one app. Read from JSON or YAML, or the default below.

The models are the file's format; a wrong word is refused with its place. State that has grown since lives in the store, not here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.workspace.errors import SeedError

DEFAULT_SCOPES = [
    "app_mentions:read",
    "channels:history",
    "channels:join",
    "channels:read",
    "chat:write",
    "commands",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "reactions:read",
    "reactions:write",
    "team:read",
    "usergroups:read",
    "users:read",
]
DEFAULT_EVENTS = [
    "app_home_opened",
    "app_mention",
    "member_joined_channel",
    "message.im",
    "user_change",
]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Team(_Model):
    """The workspace itself."""

    id: str = Field(default="T0ACME0001", pattern=r"^[TE][A-Z0-9]{3,}$")
    name: str = "Acme"
    domain: str = "acme"


class Person(_Model):
    """A member; `name` is the handle people type after `@`."""

    id: str = Field(pattern=r"^[UW][A-Z0-9]{3,}$")
    name: str = Field(pattern=r"^[\w][\w.-]*$")
    real_name: str = ""
    title: str = ""
    email: str = ""
    tz: str = "Etc/UTC"
    is_admin: bool = False
    is_guest: bool = False
    deleted: bool = False
    # Set for a person of another workspace in a shared channel: identity is team and user.
    team_id: str | None = None


class Room(_Model):
    """A channel. `members` are people's names, and the app's name where the bot is a member."""

    id: str = Field(pattern=r"^[CG][A-Z0-9]{3,}$")
    name: str = Field(pattern=r"^[^\sA-Z#]{1,80}$")
    members: list[str] = Field(default_factory=list)
    topic: str = ""
    purpose: str = ""
    is_private: bool = False
    is_archived: bool = False


class Group(_Model):
    """A user group, mentioned by its handle."""

    id: str = Field(pattern=r"^S[A-Z0-9]{3,}$")
    handle: str
    name: str = ""
    members: list[str] = Field(default_factory=list)


class Command(_Model):
    """A slash command of the app's manifest."""

    command: str = Field(pattern=r"^/[\w-]{1,31}$")
    description: str = ""
    usage_hint: str = ""
    should_escape: bool = True


class Shortcut(_Model):
    """A global or a message shortcut of the app's manifest."""

    name: str
    callback_id: str = Field(max_length=255)
    type: Literal["global", "message"] = "global"
    description: str = ""


class App(_Model):
    """The app. Tokens and the signing secret that are left out are made at the first start and kept in the data directory."""

    id: str = Field(default="A0SHIPB001", pattern=r"^A[A-Z0-9]{3,}$")
    name: str = "Shipbell"
    handle: str = Field(default="shipbell", pattern=r"^[\w][\w.-]*$")
    bot_id: str = Field(default="B0SHIPB001", pattern=r"^B[A-Z0-9]{3,}$")
    bot_user_id: str = Field(default="U0SHIPB001", pattern=r"^U[A-Z0-9]{3,}$")
    icon: str = "🔔"
    bot_token: str | None = Field(default=None, pattern=r"^xoxb-")
    app_token: str | None = Field(default=None, pattern=r"^xapp-")
    signing_secret: str | None = None
    scopes: list[str] = Field(default_factory=lambda: list(DEFAULT_SCOPES))
    events: list[str] = Field(default_factory=lambda: list(DEFAULT_EVENTS))
    commands: list[Command] = Field(default_factory=list)
    shortcuts: list[Shortcut] = Field(default_factory=list)
    # None is Socket Mode; an address gets every event, command and interaction as a signed POST.
    request_url: str | None = Field(default=None, pattern=r"^https?://")


class Hint(_Model):
    """What the page invites a first-time visitor to type; `channel` is a name or an id."""

    as_: str = Field(alias="as")
    channel: str
    text: str


class Timing(_Model):
    """Seconds. The defaults are Slack's, except that the first redelivery comes sooner."""

    ack: float = Field(default=3.0, gt=0)
    trigger: float = Field(default=3.0, gt=0)
    retries: list[float] = Field(default_factory=lambda: [3.0, 60.0, 300.0])


class Seed(_Model):
    """The whole file."""

    team: Team = Team()
    users: list[Person]
    channels: list[Room]
    groups: list[Group] = Field(default_factory=list)
    app: App = App()
    # For each command the words by position, offered by the composer: {"/deploy": [["shop"], ["test", "prod"]]}.
    completion: dict[str, list[list[str]]] = Field(default_factory=dict)
    hints: list[Hint] = Field(default_factory=list)
    timing: Timing = Timing()
    rate_limits: bool = False


def load(path: Path | None) -> Seed:
    """Reads a seed file (JSON or YAML by its ending), or the default one. Raises SeedError with the place and what is wrong."""
    if path is None:
        return default()
    try:
        text = path.read_text(encoding="utf-8")
        raw = json.loads(text) if path.suffix == ".json" else _yaml(text)
    except (OSError, ValueError) as cause:
        raise SeedError(f"the seed {path} can't be read: {cause}") from cause
    return parse(raw, str(path))


def _yaml(text: str) -> Any:
    # Imported here: a quarter of the start of every workspace in every test would go into a library that JSON does without.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as cause:
        raise ValueError(str(cause)) from cause


def parse(raw: Any, name: str = "seed") -> Seed:
    """A Seed from plain data. Raises SeedError."""
    try:
        seed = Seed.model_validate(raw)
    except ValidationError as cause:
        lines = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'top'}: {item['msg']}" for item in cause.errors()
        )
        raise SeedError(f"{name}: {lines}") from cause
    _check(seed, name)
    return seed


def _check(seed: Seed, name: str) -> None:
    people = [person.name for person in seed.users]
    known = {*people, seed.app.handle}
    ids = [one.id for one in seed.users] + [one.id for one in seed.channels] + [one.id for one in seed.groups]
    ids.append(seed.app.bot_user_id)
    for what, values in (
        ("user name", [*people, seed.app.handle]),
        ("id", ids),
        ("channel name", [room.name for room in seed.channels]),
    ):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise SeedError(f"{name}: {what} {twice[0]!r} stands there twice")
    places = [(room.id, room.members) for room in seed.channels]
    places += [(group.id, group.members) for group in seed.groups]
    for place, members in places:
        for member in members:
            if member not in known:
                there = ", ".join(sorted(known))
                raise SeedError(f"{name}: {place} has the member {member!r}, who is none of {there}")


def default() -> Seed:
    """Acme with its developer, leads, tester and guest, three channels, and the Shipbell app in each."""
    everyone = ["dana", "lee", "max", "tess", "shipbell"]
    return Seed(
        users=[
            Person(id="U0DANA0001", name="dana", real_name="Dana Diaz", title="Developer"),
            Person(id="U0LEE00001", name="lee", real_name="Lee Larsen", title="Lead", is_admin=True),
            Person(id="U0TESS0001", name="tess", real_name="Tess Tanaka", title="Tester"),
            Person(id="U0MAX00001", name="max", real_name="Max Meyer", title="Second lead"),
            Person(id="U0GUS00001", name="gus", real_name="Gus Green", title="Guest", is_guest=True),
        ],
        channels=[
            Room(
                id="C0DEPLOY01", name="deploys", members=[*everyone, "gus"], topic="Releases, as they happen"
            ),
            Room(id="C0RELEASE1", name="releases", members=everyone, topic="Approvals for production"),
            Room(id="C0TESTENV1", name="test-env", members=everyone, topic="What is new on test"),
        ],
        groups=[Group(id="S0LEADS001", handle="leads", name="Leads", members=["lee", "max"])],
        app=App(
            commands=[
                Command(
                    command="/deploy", description="Deploy a service", usage_hint="SERVICE[@REF] [to] ENV"
                ),
                Command(
                    command="/rollback",
                    description="Roll a service back",
                    usage_hint="SERVICE ENV [to VERSION]",
                ),
                Command(command="/shipbell", description="Everything else", usage_hint="VERB … (try: help)"),
            ],
            shortcuts=[
                Shortcut(
                    name="Deploy a service", callback_id="deploy_shortcut", description="Choose and deploy"
                )
            ],
        ),
        completion={
            "/deploy": [["shop"], ["test", "prod"], ["--plan", "--reason", "--only", "--batch"]],
            "/rollback": [["shop"], ["test", "prod"], ["to"]],
            "/shipbell": [
                [
                    "deploy",
                    "rollback",
                    "status",
                    "history",
                    "logs",
                    "approve",
                    "reject",
                    "abort",
                    "why",
                    "whoami",
                    "help",
                ]
            ],
        },
    )
