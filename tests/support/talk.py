"""Talking with Shipbell in a scenario: somebody says or presses something, and the whole answer that only they see is read."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.support.workspace import Person, until

Json = dict[str, Any]


async def asked(person: Person, text: str, channel: str = "#deploys", thread: str | None = None) -> Json:
    """Says it and waits for the answer that only this person sees."""
    return await answer_to(person, lambda: person.say(text, channel, thread), channel, thread)


async def answer_to(
    person: Person, act: Callable[[], Awaitable[Any]], channel: str = "#deploys", thread: str | None = None
) -> Json:
    """The ephemeral message that comes, or changes, after `act`."""
    before = {m["ts"]: m["plain"] for m in await _whispers(person, channel, thread)}
    await act()
    found: list[Json] = []

    async def there() -> bool:
        found[:] = [m for m in await _whispers(person, channel, thread) if before.get(m["ts"]) != m["plain"]]
        return bool(found)

    await until(there, 15, lambda: f"nothing was answered to @{person.name} in {channel}")
    return found[-1]


async def press(person: Person, label: str, answer: Json, channel: str = "#deploys") -> Json:
    """Presses a button on an answer, and waits for what it is answered."""
    control = person.control(label, answer)
    return await answer_to(person, lambda: person.press(control), channel, answer.get("thread_ts"))


def shown(message: Mapping[str, Any]) -> str:
    """A message as it is read, with what differs from run to run made the same: times, spans, and commits that are versions' own."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC|\b\d\d:\d\d UTC", "NOW", str(message["plain"]))
    text = re.sub(r"\b(in|after) (?:\d+ min )?\d+ s\b", r"\1 N s", text)
    text = re.sub(r"http://127\.0\.0\.1:\d+", "URL", text)
    return re.sub(r"\b[0-9a-f]{7}\b", "SHA", text)


def buttons(message: Mapping[str, Any]) -> list[str]:
    """The labels of the buttons that it has."""
    rows = [block["elements"] for block in message.get("blocks") or [] if block["type"] == "actions"]
    return [element["text"]["text"] for row in rows for element in row]


async def _whispers(person: Person, channel: str, thread: str | None) -> list[Json]:
    return [m for m in await person.messages(channel, thread) if m["ephemeral"]]
