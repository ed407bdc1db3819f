"""What a command is made of: its words, its help, and the function that runs it. The registry holds one Spec a verb.

Only descriptions and the values that go with them live here: parsing is the grammar's, text is `render`'s.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from bot.domain.identity import Actor
from bot.domain.messages import Reply
from bot.domain.operation import Operation, Origin, Question
from bot.operations.desk import Desk

P = TypeVar("P")


class Word(enum.Enum):
    """The kind of a word: what it may be, and what completion offers for it."""

    SERVICE = "service"
    SERVICE_REF = "service and ref"
    ENVIRONMENT = "environment"
    INSTANCE = "instance"
    OPERATION = "operation"
    RELEASE = "version or operation"
    COUNT = "number"
    CHOICE = "choice"
    VERB = "verb"
    TEXT = "text"


class Value(enum.Enum):
    """What stands behind a flag."""

    NOTHING = "nothing"
    INSTANCES = "instances"
    BATCH = "batch"
    COUNT = "number"
    HASH = "hash"
    TEXT = "text"


@dataclass(frozen=True)
class Argument:
    """A word in its place. `name` is the parsed value's field; `fillers` may stand before it, `lead_in` must."""

    name: str
    word: Word
    shown: str
    optional: bool = False
    fillers: tuple[str, ...] = ()
    lead_in: str | None = None
    lowest: int = 0
    highest: int = 0

    @property
    def usage(self) -> str:
        before = f"{self.lead_in} " if self.lead_in else ""
        before += f"[{'|'.join(self.fillers)}] " if self.fillers else ""
        return f"[{before}{self.shown}]" if self.optional else f"{before}{self.shown}"


@dataclass(frozen=True)
class Flag:
    """A word with two dashes. `name` is the parsed value's field; `hidden` ones are for buttons and stand in no help."""

    name: str
    value: Value
    summary: str
    shown: str = ""
    lowest: int = 0
    highest: int = 0
    hidden: bool = False

    @property
    def word(self) -> str:
        return f"--{self.name}"

    @property
    def usage(self) -> str:
        return f"{self.word} {self.shown}".strip()


@dataclass(frozen=True)
class Here:
    """The Operation in whose thread something was said. `question` is the open one, if any."""

    operation: int
    service: str
    environment: str
    instances: tuple[str, ...] = ()
    question: Question | None = None

    @classmethod
    def of(cls, operation: Operation) -> Here:
        instances = operation.plan.instances if operation.plan else ()
        return cls(operation.number, operation.service, operation.environment, instances, operation.question)


@dataclass(frozen=True)
class Call:
    """All that a command may use. `command` is what was said, in its shortest plain form; `now` is UTC."""

    desk: Desk
    actor: Actor
    origin: Origin
    now: datetime
    command: str
    specs: Sequence[Spec[Any]]


@dataclass(frozen=True)
class Spec(Generic[P]):
    """A command. `parsed` is built with the fields that the words gave; `run` answers it.

    slash: whether it is a slash command of its own by default. permission: the action that the desk will ask the policy for,
    for help only. in_thread: a missing Operation or Target is the thread's. synonyms: other words that suggest this verb.
    only_asker: whether its answers concern nobody else. opens: the modal that opens when nothing is said at all.
    """

    verb: str
    summary: str
    help: str
    examples: tuple[str, ...]
    permission: str
    parsed: Callable[..., P]
    run: Callable[[P, Call], Awaitable[Reply]]
    arguments: tuple[Argument, ...] = ()
    flags: tuple[Flag, ...] = ()
    slash: bool = False
    in_thread: bool = False
    listed: bool = True
    only_asker: bool = True
    synonyms: tuple[str, ...] = ()
    opens: str | None = None

    @property
    def shown_flags(self) -> tuple[Flag, ...]:
        return tuple(flag for flag in self.flags if not flag.hidden)

    @property
    def usage(self) -> str:
        """The line of the grammar: `deploy SERVICE[@REF] [to|on] ENV [--only INSTANCE,…] …`."""
        words = [self.verb, *(a.usage for a in self.arguments), *(f"[{f.usage}]" for f in self.shown_flags)]
        return " ".join(words)

    @property
    def hint(self) -> str:
        """The usage without the verb, for a slash command of its own."""
        return self.usage.removeprefix(self.verb).strip()


SERVICE = Argument("service", Word.SERVICE, "SERVICE")
ENVIRONMENT = Argument("environment", Word.ENVIRONMENT, "ENV")
OPERATION = Argument("operation", Word.OPERATION, "#OPERATION")
REASON = Argument("reason", Word.TEXT, "REASON", optional=True)
ONLY = Flag("only", Value.INSTANCES, "only these instances, the others stay as they are", "INSTANCE,…")
