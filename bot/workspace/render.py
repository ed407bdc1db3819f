"""Messages and views as plain text, for the command line, transcripts and tests. Pure functions of what the client API answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from bot.workspace.errors import Json
from bot.workspace.text import to_plain


@dataclass(frozen=True)
class Labels:
    """What ids are called here."""

    users: dict[str, str]
    channels: dict[str, str]

    @classmethod
    def of_boot(cls, boot: Json) -> Labels:
        """From `GET /client/boot`."""
        return cls(
            {user["id"]: user["name"] for user in boot["users"]},
            {room["id"]: room["name"] for room in boot["channels"]},
        )

    def user(self, user_id: str) -> str:
        """`@dana`."""
        return f"@{self.users.get(user_id, user_id)}"

    def channel(self, channel_id: str) -> str:
        """`#deploys`."""
        return f"#{self.channels.get(channel_id, channel_id)}"

    def plain(self, text: str) -> str:
        """mrkdwn as plain words."""
        return to_plain(text, self.users, self.channels)


def message_text(message: Json, labels: Labels) -> str:
    """What a message shows: its blocks, or its text where it has none; buttons as `[Label]`."""
    parts = blocks_text(message.get("blocks") or [], labels) or labels.plain(message["text"])
    for attachment in message.get("attachments") or []:
        more = blocks_text(attachment.get("blocks") or [], labels) or labels.plain(
            attachment.get("text") or attachment.get("fallback") or ""
        )
        parts = "\n".join(part for part in (parts, more) if part)
    return parts


def message_line(message: Json, labels: Labels) -> str:
    """A message as a transcript has it: `12:03 @dana: text`, later lines indented; `(only you)` marks an ephemeral."""
    clock = datetime.fromtimestamp(float(message["ts"]), tz=UTC).strftime("%H:%M:%S")
    who = message.get("username") or labels.user(message["user"])
    note = " (only you)" if message.get("ephemeral") else ""
    note += " (edited)" if message.get("edited") else ""
    first, *rest = message_text(message, labels).split("\n")
    return "\n".join([f"{clock} {who}{note}: {first}", *(f"    {line}" if line else "" for line in rest)])


def view_text(view: Json, labels: Labels) -> str:
    """A modal or Home as plain text, with its buttons at the end."""
    title = f"{view['title']['text']}\n" if view.get("title") else ""
    buttons = [f"[{view[name]['text']}]" for name in ("submit", "close") if view.get(name)]
    body = blocks_text(view["blocks"], labels)
    return "\n".join(part for part in (title + body, " ".join(buttons)) if part)


def blocks_text(blocks: list[Json], labels: Labels) -> str:
    """Blocks, one below the other."""
    return "\n".join(line for block in blocks if (line := _block(block, labels)))


def _block(block: Json, labels: Labels) -> str:
    kind = block["type"]
    if kind == "section":
        parts = [labels.plain(block["text"]["text"])] if block.get("text") else []
        parts += [labels.plain(field["text"]) for field in block.get("fields") or []]
        if block.get("accessory"):
            parts.append(_element(block["accessory"], labels))
        return "\n".join(part for part in parts if part)
    if kind in ("header", "context"):
        texts = [block["text"]] if kind == "header" else block["elements"]
        return "  ".join(
            labels.plain(one["text"]) if "text" in one else one.get("alt_text", "") for one in texts
        )
    if kind in ("actions", "context_actions"):
        return " ".join(_element(one, labels) for one in block["elements"])
    if kind == "input":
        return f"{block['label']['text']}: {_element(block['element'], labels)}"
    if kind == "divider":
        return "---"
    if kind == "image":
        return f"({block['alt_text']})"
    if kind == "markdown":
        return str(block["text"])
    if kind == "rich_text":
        return rich_text(block, labels)
    if kind == "table":
        return "\n".join(" | ".join(_cell(cell, labels) for cell in row) for row in block["rows"])
    if kind == "video":
        return f"({block['title']['text']})"
    return f"({kind})"


def _cell(cell: Json, labels: Labels) -> str:
    return str(cell["text"]) if cell["type"] == "raw_text" else rich_text(cell, labels)


def rich_text(block: Json, labels: Labels) -> str:
    """A rich_text block as lines."""
    lines = []
    for part in block["elements"]:
        if part["type"] == "rich_text_list":
            sign = "•" if part["style"] == "bullet" else "-"
            pad = "  " * (part.get("indent") or 0)
            lines += [f"{pad}{sign} {_inline(item['elements'], labels)}" for item in part["elements"]]
        else:
            lines.append(_inline(part["elements"], labels))
    return "\n".join(lines)


def _inline(elements: list[Json], labels: Labels) -> str:
    out = []
    for one in elements:
        kind = one["type"]
        if kind == "text":
            out.append(one["text"])
        elif kind == "link":
            out.append(one.get("text") or one["url"])
        elif kind == "user":
            out.append(labels.user(one["user_id"]))
        elif kind == "channel":
            out.append(labels.channel(one["channel_id"]))
        elif kind == "emoji":
            out.append(f":{one['name']}:")
        elif kind == "broadcast":
            out.append(f"@{one['range']}")
        else:
            out.append(str(one.get("fallback") or one.get("usergroup_id") or one.get("value") or ""))
    return "".join(out)


def _element(element: Json, labels: Labels) -> str:
    kind = element["type"]
    if kind in ("button", "workflow_button"):
        return f"[{element['text']['text']}]"
    if kind == "image":
        return f"({element['alt_text']})"
    options = list(element.get("options") or [])
    for group in element.get("option_groups") or []:
        options += group["options"]
    if options:
        chosen = element.get("initial_options") or [element.get("initial_option")]
        values = {one["value"] for one in chosen if one}
        texts = (
            ("*" if one["value"] in values else "") + labels.plain(one["text"]["text"]) for one in options
        )
        return "{" + " | ".join(texts) + "}"
    return f"<{element.get('initial_value') or (element.get('placeholder') or {}).get('text', '')}>"
