"""The small language in which Block Kit's rules are written, and the composition objects (text, option, confirm, filter).

A rule is a function of a value, its JSON pointer and the findings; it adds sentences in Slack's manner and never raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Findings:
    """What is wrong so far, and on which surface: message, modal or home."""

    surface: str
    errors: list[str] = field(default_factory=list)

    def add(self, sentence: str, pointer: str) -> None:
        """One sentence with the place that it is about."""
        self.errors.append(f"{sentence} [json-pointer:{pointer}]")


Rule = Callable[[Any, str, Findings], None]


def string(
    most: int | None = None,
    least: int = 0,
    among: tuple[str, ...] | None = None,
    pattern: str | None = None,
    example: str = "",
) -> Rule:
    """A text of `least` to `most` characters, one of `among`, or like `pattern` (of which `example` is one)."""

    def check(value: Any, at: str, found: Findings) -> None:
        if not isinstance(value, str):
            found.add("must be a string", at)
        elif len(value) < least:
            found.add(f"must be more than {least - 1} characters", at)
        elif most is not None and len(value) > most:
            found.add(f"must be less than {most + 1} characters", at)
        elif among is not None and value not in among:
            found.add(f"must be one of {', '.join(among)}", at)
        elif pattern is not None and not re.fullmatch(pattern, value):
            found.add(f"must look like {example}", at)

    return check


def flag(value: Any, at: str, found: Findings) -> None:
    """true or false."""
    if not isinstance(value, bool):
        found.add("must be a boolean", at)


def whole(least: int, most: int | None = None) -> Rule:
    """An integer between two bounds."""

    def check(value: Any, at: str, found: Findings) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            found.add("must be an integer", at)
        elif value < least:
            found.add(f"must be at least {least}", at)
        elif most is not None and value > most:
            found.add(f"must be at most {most}", at)

    return check


def items(of: Rule, least: int = 1, most: int | None = None) -> Rule:
    """A list of `least` to `most` items that each obey `of`."""

    def check(value: Any, at: str, found: Findings) -> None:
        if not isinstance(value, list):
            found.add("must be an array", at)
            return
        if len(value) < least:
            found.add(f"no fewer than {least} items allowed", at)
        if most is not None and len(value) > most:
            found.add(f"no more than {most} items allowed", at)
            return
        for number, item in enumerate(value):
            of(item, f"{at}/{number}", found)

    return check


def shape(
    required: Mapping[str, Rule], optional: Mapping[str, Rule] | None = None, also: Rule | None = None
) -> Rule:
    """An object with these fields and no others; null counts as left out. `also` is asked last, about the whole."""
    known = {**required, **(optional or {})}

    def check(value: Any, at: str, found: Findings) -> None:
        if not isinstance(value, dict):
            found.add("must be an object", at)
            return
        before = len(found.errors)
        for name in required:
            if value.get(name) is None:
                found.add(f"missing required field: {name}", at)
        for name, inner in value.items():
            if name not in known:
                found.add(f"invalid additional property: {name}", at)
            elif inner is not None:
                known[name](inner, f"{at}/{name}", found)
        if also is not None and len(found.errors) == before:
            also(value, at, found)

    return check


def by_type(table: Mapping[str, Rule], surfaces: Mapping[str, tuple[str, ...]] | None = None) -> Rule:
    """An object whose `type` chooses its rule; `surfaces` names the types that are not allowed everywhere."""

    def check(value: Any, at: str, found: Findings) -> None:
        if not isinstance(value, dict):
            found.add("must be an object", at)
            return
        kind = value.get("type")
        if kind is None:
            found.add("missing required field: type", at)
        elif not isinstance(kind, str) or kind not in table:
            found.add(f"unsupported type: {kind}", f"{at}/type")
        elif surfaces and kind in surfaces and found.surface not in surfaces[kind]:
            found.add(f"type {kind} is not allowed in a {found.surface}", f"{at}/type")
        else:
            table[kind](value, at, found)

    return check


def constant(word: str) -> Rule:
    """Exactly this word."""
    return string(among=(word,))


def one_of_fields(*names: str) -> Rule:
    """Exactly one of these fields is there."""

    def check(value: Any, at: str, found: Findings) -> None:
        there = [name for name in names if value.get(name) is not None]
        if not there:
            found.add(f"missing required field: {' or '.join(names)}", at)
        elif len(there) > 1:
            found.add(f"only one of {', '.join(names)} is allowed", at)

    return check


URL = string(
    most=3000, least=1, pattern=r"https?://\S+|mailto:\S+|tel:\S+|slack://\S+", example="https://example.com/"
)
IMAGE_URL = string(most=3000, least=1, pattern=r"https?://\S+", example="https://example.com/a.png")
ID = string(most=255, least=1)


def plain(most: int, least: int = 1) -> Rule:
    """A plain_text object."""
    return by_type({"plain_text": _plain_fields(most, least)})


def either(most: int, least: int = 1) -> Rule:
    """A plain_text or a mrkdwn object."""
    return by_type(
        {
            "plain_text": _plain_fields(most, least),
            "mrkdwn": shape({"type": constant("mrkdwn"), "text": string(most, least)}, {"verbatim": flag}),
        }
    )


def _plain_fields(most: int, least: int) -> Rule:
    return shape({"type": constant("plain_text"), "text": string(most, least)}, {"emoji": flag})


CONFIRM = shape(
    {"title": plain(100), "text": either(300), "confirm": plain(30), "deny": plain(30)},
    {"style": string(among=("primary", "danger"))},
)


def option(text: Rule, with_url: bool = False) -> Rule:
    """A choice; only an overflow menu's may have a link."""
    extra: dict[str, Rule] = {"url": URL} if with_url else {}
    return shape({"text": text, "value": string(150, 1)}, {"description": either(75), **extra})


OPTION_GROUP = shape({"label": plain(75), "options": items(option(plain(75)), 1, 100)})
SLACK_FILE = shape({}, {"id": string(least=1), "url": URL}, also=one_of_fields("id", "url"))
CONVERSATION_FILTER = shape(
    {},
    {
        "include": items(string(among=("im", "mpim", "private", "public")), 1, 4),
        "exclude_external_shared_channels": flag,
        "exclude_bot_users": flag,
    },
)
DISPATCH_CONFIG = shape(
    {}, {"trigger_actions_on": items(string(among=("on_enter_pressed", "on_character_entered")), 1, 2)}
)
