"""Modals and App Home: each person's stack of views, their hashes, and what has been entered into them.

The shape of a view is checked in blockkit.py before it comes here; who may open one is decided by its trigger (triggers.py).
"""

from __future__ import annotations

import copy
from typing import Any

from bot.workspace.clock import new_id
from bot.workspace.errors import Json, SlackError
from bot.workspace.messages import name_blocks
from bot.workspace.world import World

STACK = 3


class Views:
    """Open modals by id, stacks by person, and the Home of each person."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._open: dict[str, Json] = dict(world.store.all("view"))
        self._homes: dict[str, Json] = dict(world.store.all("home"))
        self._stacks: dict[str, list[str]] = {}
        for view in sorted(self._open.values(), key=lambda view: view["opened"]):
            self._stacks.setdefault(view["user"], []).append(view["id"])

    def get(self, view_id: str) -> Json | None:
        """An open modal, or a published Home."""
        found = self._open.get(view_id)
        if found is not None:
            return found
        return next((home for home in self._homes.values() if home["id"] == view_id), None)

    def by_external_id(self, external_id: str) -> Json | None:
        """An open modal by the id that the app gave it."""
        found = (
            view
            for view in (*self._open.values(), *self._homes.values())
            if view["external_id"] == external_id
        )
        return next(found, None)

    def top(self, user_id: str) -> Json | None:
        """The modal that a person sees, or None."""
        stack = self._stacks.get(user_id)
        return self._open[stack[-1]] if stack else None

    def stack(self, user_id: str) -> list[Json]:
        """A person's open modals, the lowest first."""
        return [self._open[view_id] for view_id in self._stacks.get(user_id, [])]

    def home(self, user_id: str) -> Json | None:
        """A person's App Home, or None when the app has published none."""
        return self._homes.get(user_id)

    def open(self, user_id: str, view: Json) -> Json:
        """Opens a modal; one that was open is put away, as in Slack. Raises SlackError."""
        self._refuse_twin(view)
        self.clear(user_id)
        made = self._make(user_id, view)
        made["root_view_id"] = made["id"]
        self._stacks[user_id] = [made["id"]]
        self._keep(made, "view_opened")
        return made

    def push(self, user_id: str, view: Json) -> Json:
        """Puts a modal on top of the person's stack. Raises SlackError."""
        stack = self._stacks.get(user_id, [])
        if not stack:
            raise SlackError("not_found")
        if len(stack) >= STACK:
            raise SlackError("push_limit_reached")
        self._refuse_twin(view)
        made = self._make(user_id, view)
        made.update(root_view_id=stack[0], previous_view_id=stack[-1])
        stack.append(made["id"])
        self._keep(made, "view_pushed")
        return made

    def update(self, current: Json, view: Json, hash_given: str | None = None) -> Json:
        """Replaces what a view shows; entered values stay where block_id and action_id stay. Raises SlackError."""
        if hash_given and hash_given != current["hash"]:
            raise SlackError("hash_conflict")
        twin = self.by_external_id(view.get("external_id") or "") if view.get("external_id") else None
        if twin is not None and twin["id"] != current["id"]:
            raise SlackError("duplicate_external_id")
        made = self._make(current["user"], view)
        for name in ("id", "root_view_id", "previous_view_id", "opened"):
            made[name] = current[name]
        _carry_over(current["state"]["values"], made["state"]["values"])
        if current["type"] == "home":
            self._keep_home(made)
        else:
            self._keep(made, "view_updated")
        return made

    def publish(self, user_id: str, view: Json, hash_given: str | None = None) -> Json:
        """Sets a person's App Home. Raises SlackError."""
        current = self._homes.get(user_id)
        if current is not None:
            return self.update(current, view, hash_given)
        made = self._make(user_id, view)
        made["root_view_id"] = made["id"]
        self._keep_home(made)
        return made

    def close(self, view: Json) -> None:
        """Takes one modal away, and what is stacked on top of it."""
        stack = self._stacks.get(view["user"], [])
        while stack:
            gone = stack.pop()
            self._forget(view["user"], gone)
            if gone == view["id"]:
                break

    def clear(self, user_id: str) -> None:
        """Takes a person's whole stack away."""
        for gone in reversed(self._stacks.pop(user_id, [])):
            self._forget(user_id, gone)

    def enter(self, view: Json, values: Json) -> None:
        """Keeps what a person has entered: `{block_id: {action_id: state}}`; places that the view does not have are left out."""
        for block_id, actions in values.items():
            for action_id, state in (actions or {}).items():
                if action_id in view["state"]["values"].get(block_id, {}):
                    view["state"]["values"][block_id][action_id] = state
        self._store(view)

    def _make(self, user_id: str, view: Json) -> Json:
        made: Json = {
            "id": new_id("V"),
            "type": view["type"],
            "callback_id": view.get("callback_id", ""),
            "title": view.get("title"),
            "submit": view.get("submit"),
            "close": view.get("close"),
            "blocks": copy.deepcopy(view["blocks"]),
            "private_metadata": view.get("private_metadata") or "",
            "external_id": view.get("external_id") or "",
            "hash": f"{self._world.clock.ts()}",
            "clear_on_close": bool(view.get("clear_on_close")),
            "notify_on_close": bool(view.get("notify_on_close")),
            "submit_disabled": bool(view.get("submit_disabled")),
            "root_view_id": None,
            "previous_view_id": None,
            "user": user_id,
            "opened": self._world.clock.now(),
        }
        name_blocks(made["blocks"])
        made["state"] = {"values": initial_values(made["blocks"])}
        return made

    def _refuse_twin(self, view: Json) -> None:
        if view.get("external_id") and self.by_external_id(view["external_id"]) is not None:
            raise SlackError("duplicate_external_id")

    def _keep(self, view: Json, event: str) -> None:
        self._open[view["id"]] = view
        self._store(view)
        self._world.feed.publish({"type": event, "view": shown(view)}, [view["user"]])

    def _keep_home(self, view: Json) -> None:
        self._homes[view["user"]] = view
        self._store(view)
        self._world.feed.publish({"type": "home", "view": shown(view)}, [view["user"]])

    def _store(self, view: Json) -> None:
        if view["type"] == "home":
            self._world.store.put("home", view["user"], view)
        else:
            self._world.store.put("view", view["id"], view)

    def _forget(self, user_id: str, view_id: str) -> None:
        del self._open[view_id]
        self._world.store.drop("view", view_id)
        self._world.feed.publish({"type": "view_closed", "view_id": view_id}, [user_id])


def shown(view: Json) -> Json:
    """A view as the client API has it; a copy."""
    return copy.deepcopy({name: value for name, value in view.items() if name not in ("user", "opened")})


def initial_values(blocks: list[Json]) -> dict[str, dict[str, Json]]:
    """The state of every element that holds a value, from its initial choice: `{block_id: {action_id: state}}`."""
    found: dict[str, dict[str, Json]] = {}
    for block in blocks:
        elements = [block.get("element"), block.get("accessory")]
        if block["type"] == "actions":
            elements += block["elements"]
        for element in elements:
            if isinstance(element, dict) and (state := _initial(element)) is not None:
                found.setdefault(block["block_id"], {})[element["action_id"]] = state
    return found


# Element type: the key of its state and of its initial value.
VALUE_KEYS = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "rich_text_input": ("rich_text_value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "checkboxes": ("selected_options", "initial_options"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
}


def _initial(element: Json) -> Json | None:
    keys = VALUE_KEYS.get(element["type"])
    if keys is None:
        return None
    value: Any = element.get(keys[1])
    if value is None and keys[0].endswith("s"):
        value = []
    return {"type": element["type"], keys[0]: value}


def _carry_over(old: dict[str, dict[str, Json]], new: dict[str, dict[str, Json]]) -> None:
    for block_id, actions in new.items():
        for action_id, state in actions.items():
            before = old.get(block_id, {}).get(action_id)
            if before is not None and before["type"] == state["type"]:
                actions[action_id] = before
