"""Completions for the composer: commands, then their words by position, people after `@`, channels after `#`."""

from __future__ import annotations

from bot.workspace.errors import Json
from bot.workspace.world import World

MOST = 12


def suggestions(world: World, user: Json, q: str) -> list[Json]:
    """What may come next for the text up to the caret: `[{insert, label, hint}]`, where `insert` replaces the last word."""
    if q.startswith("/"):
        found = _command(world, q)
        if found:
            return found[:MOST]
    last = q.split(" ")[-1].split("\n")[-1]
    if last.startswith("@"):
        return _people(world, last[1:].lower())[:MOST]
    if last.startswith("#"):
        return _channels(world, user, last[1:].lower())[:MOST]
    return []


def _command(world: World, q: str) -> list[Json]:
    words = q.split(" ")
    if len(words) == 1:
        return [
            {
                "insert": f"{one.command} ",
                "label": one.command,
                "hint": f"{one.description} {one.usage_hint}".strip(),
            }
            for one in world.app.commands
            if one.command.startswith(q.lower())
        ]
    places = world.seed.completion.get(words[0], [])
    # Words past the last position complete like the last one: options may come in any number.
    at = min(len(words) - 2, len(places) - 1)
    if at < 0:
        return []
    typed = words[-1].lower()
    used = set(words[1:-1])
    return [
        {"insert": f"{word} ", "label": word, "hint": ""}
        for word in places[at]
        if word.lower().startswith(typed) and word not in used
    ]


def _people(world: World, typed: str) -> list[Json]:
    found = [
        {"insert": f"@{one['name']} ", "label": f"@{one['name']}", "hint": one["real_name"]}
        for one in world.users.values()
        if not one["deleted"] and one["name"].startswith(typed) and one["name"] != "slackbot"
    ]
    found += [
        {"insert": f"@{group.handle} ", "label": f"@{group.handle}", "hint": group.name}
        for group in world.seed.groups
        if group.handle.lower().startswith(typed)
    ]
    return found


def _channels(world: World, user: Json, typed: str) -> list[Json]:
    return [
        {"insert": f"#{room['name']} ", "label": f"#{room['name']}", "hint": room["topic"]}
        for room in world.channels.values()
        if not room["is_im"] and room["name"].startswith(typed) and world.visible(room, user)
    ]
