"""The shape of shipbell.yaml as models: which keys there are, what each takes, and the sentence that explains it.

The JSON Schema and the tables of docs/catalog.md are made from these models. What one part says about another (a role that
exists, a port that is free) is checked in `references`; the meaning of what is left out is in `translate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from bot.catalog import words
from bot.catalog.errors import Findings, nearest
from bot.catalog.tree import Map
from bot.domain.actions import GRANTABLE
from bot.domain.catalog import ApprovalRule, Health, Strategy

_STRATEGY = Strategy()
_HEALTH = Health()
_APPROVAL = ApprovalRule()
_BUILD_TIMEOUT = "10m"
_HOLD = "5s"


@dataclass(frozen=True)
class OrWord:
    """In JSON Schema: the model, or one word that stands for it."""

    description: str

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string", "description": self.description}, handler(core)]}


def _default(text: str | int) -> dict[str, Any]:
    """Shows in the schema what holds where the key is left out; the value itself comes from the domain."""
    return {"default": text}


class Shape(BaseModel):
    """A mapping of the catalog. Unknown keys go to the Findings of the validation's context, with the nearest known key."""

    model_config = ConfigDict(frozen=True, extra="ignore", json_schema_extra={"additionalProperties": False})

    not_yet: ClassVar[Mapping[str, str]] = {}
    """Keys that are to come, with what they are."""
    adapter_kinds: ClassVar[tuple[str, ...]] = ()
    """The keys of adapter kinds, exactly one of which is said."""
    free_prefix: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any, info: ValidationInfo) -> Any:
        findings = info.context
        if not isinstance(data, Map) or not isinstance(findings, Findings):
            return data
        known = list(cls.model_fields)
        is_kind_known = not cls.adapter_kinds
        for key in data:
            if key in known or (cls.free_prefix and key.startswith(cls.free_prefix)):
                is_kind_known |= key in cls.adapter_kinds
                continue
            near = nearest(key, [*known, *cls.not_yet])
            is_kind_known |= bool({key, *near} & {*cls.adapter_kinds, *cls.not_yet})
            findings.add(data.key_places[key], *cls._unknown(key, near))
        if not is_kind_known:
            choice = " or ".join(f"`{kind}`" for kind in cls.adapter_kinds)
            raise words.wrong(f"says no kind: {cls.title()} needs {choice}.")
        return data

    @classmethod
    def _unknown(cls, key: str, near: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        if key in cls.not_yet:
            built_in = ", ".join(f"`{kind}`" for kind in cls.adapter_kinds)
            return f"`{key}` ({cls.not_yet[key]}) is not built in yet. There is {built_in}.", ()
        names = "" if near else f" Known here: {', '.join(cls.model_fields)}."
        return f"`{key}` is no key of {cls.title()}.{names}", near

    @classmethod
    def title(cls) -> str:
        """What this mapping is, in words with an article."""
        return str(cls.model_config.get("title") or cls.__name__)


def _config(title: str, **extra: Any) -> ConfigDict:
    return ConfigDict(title=title, json_schema_extra={"additionalProperties": False, **extra})


class HealthShape(Shape):
    """How an instance shows that it works."""

    model_config = _config("a health check")

    kind: words.HealthWord | None = Field(
        None,
        description="What is asked: `http` (a GET that answers 2xx or 3xx), `tcp` (the port can be connected to), `command` "
        "(it exits with 0) or `none` (a running process is enough). `command` where a command is said.",
        json_schema_extra=_default(_HEALTH.kind.value),
    )
    path: words.HttpPath | None = Field(
        None, description="The path that `http` asks for.", json_schema_extra=_default(_HEALTH.path)
    )
    command: words.Command | None = Field(None, description="The shell command that `command` runs.")
    timeout: words.Duration | None = Field(
        None,
        description="How long one answer may take.",
        json_schema_extra=_default(words.duration_text(_HEALTH.timeout)),
    )
    start_within: words.Duration | None = Field(
        None,
        description="How long an instance may take from its start to its first healthy answer.",
        json_schema_extra=_default(words.duration_text(_HEALTH.start_within)),
    )

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        kind = self.kind or ("command" if self.command else "http")
        if self.command and kind != "command":
            raise words.wrong(f"has a `command`, which a check of the kind {kind} does not run.")
        if kind == "command" and not self.command:
            raise words.wrong("is of the kind command and has no `command`.")
        if self.path and kind != "http":
            raise words.wrong(f"has a `path`, which a check of the kind {kind} does not ask for.")
        return self

    @classmethod
    def from_word(cls, data: Any) -> Any:
        if not isinstance(data, str):
            return data
        return {"path": data} if data.startswith("/") else {"kind": data}


HealthOrWord = Annotated[
    HealthShape,
    OrWord("A path for `http`, or one of `tcp` and `none`."),
    BeforeValidator(HealthShape.from_word),
]


class NamedStrategyShape(Shape):
    """How a rollout moves, under a name that services refer to. What is left out keeps its default."""

    model_config = _config("a named strategy")

    batch: words.Batch | None = Field(
        None,
        description="How many instances move together: a number, or a share such as `25%` (rounded up).",
        json_schema_extra=_default(str(_STRATEGY.batch)),
    )
    pause: words.Duration | None = Field(
        None,
        description="The wait between two batches.",
        json_schema_extra=_default(words.duration_text(_STRATEGY.pause)),
    )
    drain_within: words.Duration | None = Field(
        None,
        description="How long requests in flight may take to finish before the rollout counts it as a failure.",
        json_schema_extra=_default(words.duration_text(_STRATEGY.drain_within)),
    )
    stop_within: words.Duration | None = Field(
        None,
        description="How long an instance may take to end by itself before it is ended.",
        json_schema_extra=_default(words.duration_text(_STRATEGY.stop_within)),
    )
    bake: words.Duration | None = Field(
        None,
        description="How long the new version has to stay healthy after the last batch.",
        json_schema_extra=_default(words.duration_text(_STRATEGY.bake)),
    )
    on_failure: words.Failure | None = Field(
        None,
        description="What happens when a step fails: `rollback` by itself, `ask` in the channel, or `stop` where it is.",
        json_schema_extra=_default(_STRATEGY.on_failure.value),
    )
    health: HealthOrWord | None = Field(None, description="How an instance shows that it works.")


class StrategyShape(NamedStrategyShape):
    """How a rollout moves. A target's strategy changes only the keys that it says of its service's."""

    model_config = _config("a strategy")

    like: words.Name | None = Field(
        None, description="The name of a strategy under `strategies` that this one begins with."
    )

    @classmethod
    def from_word(cls, data: Any) -> Any:
        return {"like": data} if isinstance(data, str) else data


StrategyOrWord = Annotated[
    StrategyShape,
    OrWord("The name of a strategy under `strategies`."),
    BeforeValidator(StrategyShape.from_word),
]


class ApprovalsShape(Shape):
    """What has to be approved before it may touch this environment, and by whom."""

    model_config = _config("an approval rule")

    channel: words.Channel | None = Field(
        None, description="Where the question is asked. The environment's channel where it is left out."
    )
    count: words.ApprovalCount = Field(
        _APPROVAL.count, description="How many different people have to say yes. Nobody approves their own."
    )
    roles: list[words.Name] = Field(
        sorted(_APPROVAL.roles), min_length=1, description="The roles whose yes counts."
    )
    kinds: list[words.Kind] = Field(
        sorted(_APPROVAL.kinds),
        min_length=1,
        description="The kinds of operation that have to be approved. Going back to what ran before is not among them "
        "unless you say `rollback`.",
    )
    expires: words.Duration = Field(
        words.duration_text(_APPROVAL.expires),
        validate_default=True,
        description="How long the question stands.",
    )


class EnvironmentShape(Shape):
    """One environment. Their order in the file is the promotion ladder, from the first to the last."""

    model_config = _config("an environment")

    channel: words.Channel = Field(description="Where the cards of its operations are shown.")
    approvals: ApprovalsShape | None = Field(
        None, description="Its approval rule. Nothing has to be approved where it is left out."
    )
    may: dict[words.Action, list[words.Name]] = Field(
        {},
        description="Which roles may do an action here: exactly these (and admins), instead of what the shipped policies say.",
        json_schema_extra={"propertyNames": {"enum": list(GRANTABLE)}},
    )
    tell: list[words.Name] = Field(
        [], description="The roles whose people are told in its channel that a release arrived."
    )


class RoleShape(Shape):
    """A role of your own."""

    model_config = _config("a role")

    description: words.Text = Field("", description="What it is for.")
    like: list[words.Name] = Field(
        [],
        description="The shipped roles that it includes. A role like none has only what `may` and your own policies give it.",
    )


class PersonShape(Shape):
    """Somebody who may ask Shipbell for something."""

    model_config = _config("a person")

    slack: words.UserId = Field(description="The person's Slack user id.")
    roles: list[words.Name] = Field(description="The person's roles.")
    team: words.TeamId | None = Field(
        None, description="The person's own workspace, where it is not the catalog's `team`."
    )


class SourceShape(Shape):
    """Where the code is."""

    model_config = _config("a source", required=["git"])
    adapter_kinds = ("git",)

    git: words.GitUrl | None = Field(
        None, description="A git URL, or a path. A relative path begins at the catalog's folder."
    )
    branch: words.Ref = Field("main", description="What a deploy without a ref takes.")


class LocalBuildShape(Shape):
    """A build on the bot's own machine, in a checkout of the revision."""

    model_config = _config("a local build")

    command: words.Command = Field(description="The shell command that builds, run in the checkout.")
    output: words.Inside = Field(
        "dist", description="The folder in the checkout that is kept as the artifact."
    )
    timeout: words.Duration = Field(
        _BUILD_TIMEOUT, validate_default=True, description="How long the command may take."
    )


class BuildShape(Shape):
    """How an artifact is made of a revision."""

    model_config = _config("a build", required=["local"])
    adapter_kinds = ("local",)
    not_yet = {
        "jenkins": "a Jenkins job",
        "gitlab": "a GitLab pipeline",
        "circleci": "a CircleCI pipeline",
        "gocd": "a GoCD pipeline",
        "docker": "an image built by Docker",
    }

    local: LocalBuildShape | None = Field(None, description="Built by a command on the bot's own machine.")


class LocalTargetShape(Shape):
    """Processes on the bot's own machine, behind a small proxy that drains."""

    model_config = _config("a local target")

    port: words.Port | None = Field(
        None,
        description="The port on 127.0.0.1 where the service is reached. A free one is chosen and kept where it is left out.",
    )
    instances: words.Instances = Field(1, description="How many processes run.")
    command: words.Command = Field(
        "./run",
        description="The shell command that starts one instance, in the artifact's folder. It is told the instance's own "
        "port by the variable PORT.",
    )
    hold: words.Duration = Field(
        _HOLD,
        validate_default=True,
        description="How long requests wait while no instance takes them, before they are refused.",
    )


class TargetShape(Shape):
    """Where a service runs in one environment."""

    model_config = _config("a target", required=["local"])
    adapter_kinds = ("local",)
    not_yet = {
        "docker": "containers on Docker hosts",
        "swarm": "a Docker Swarm service",
        "kubernetes": "a Kubernetes workload",
        "ssh": "processes on plain hosts",
        "hosts": "processes on plain hosts",
    }

    local: LocalTargetShape | None = Field(None, description="Processes on the bot's own machine.")
    configuration: dict[words.Variable, words.VariableValue] = Field(
        {},
        description="Environment variables of the instances here; they go over the service's.",
        json_schema_extra={"propertyNames": words.VARIABLE_SCHEMA},
    )
    strategy: StrategyOrWord | None = Field(None, description="How rollouts move here.")
    url: words.WebUrl | None = Field(None, description="Where people look at it; shown on its cards.")


class ServiceShape(Shape):
    """Something that is released."""

    model_config = _config("a service")

    description: words.Text = Field("", description="One line for people.")
    source: SourceShape = Field(description="Where its code is.")
    build: BuildShape = Field(description="How an artifact is made of it.")
    configuration: dict[words.Variable, words.VariableValue] = Field(
        {},
        description="Environment variables of its instances. Never secrets: the catalog is read by many.",
        json_schema_extra={"propertyNames": words.VARIABLE_SCHEMA},
    )
    strategy: StrategyOrWord | None = Field(None, description="How its rollouts move.")
    targets: dict[words.Name, TargetShape] = Field(min_length=1, description="Where it runs, by environment.")


class CatalogShape(Shape):
    """All of shipbell.yaml. Keys that begin with `x-` are yours, for anchors."""

    model_config = ConfigDict(
        title="the catalog",
        json_schema_extra={"additionalProperties": False, "patternProperties": {"^x-": {}}},
    )
    free_prefix = "x-"

    team: words.TeamId | None = Field(
        None,
        description="The Slack workspace (or Enterprise Grid) whose people may act. Any that the bot is in where left out.",
    )
    admins: words.Channel | None = Field(None, description="Where trouble with the catalog is told.")
    fallback: words.Channel | None = Field(
        None, description="Where a final message goes that its own channel does not take."
    )
    environments: dict[words.Name, EnvironmentShape] = Field(
        min_length=1, description="The environments, in the order of the promotion ladder."
    )
    roles: dict[words.Name, RoleShape] = Field({}, description="Roles of your own, beside the shipped ones.")
    people: dict[words.Name, PersonShape] = Field({}, description="Who may act, by a short name.")
    groups: dict[words.GroupId, list[words.Name]] = Field(
        {},
        description="Slack user groups and the roles that their members have.",
        json_schema_extra={"propertyNames": words.GROUP_SCHEMA},
    )
    strategies: dict[words.Name, NamedStrategyShape] = Field({}, description="Strategies to be used by name.")
    services: dict[words.Name, ServiceShape] = Field({}, description="What is released.")
