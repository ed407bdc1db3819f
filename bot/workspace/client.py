"""The command line of this workspace: `serve` it, and `say`, `click` and `read` in it. Speaks only the client API.

Exit status: 0 done, 1 the workspace or the app refused, 2 wrong usage or no workspace there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.workspace import controls
from bot.workspace.errors import Json, NoWorkspace, Refused, SeedError
from bot.workspace.render import Labels, message_line, message_text, view_text

if TYPE_CHECKING:
    from bot.workspace.wire import Wire

DEFAULT_PORT = 8420
REPLY_SECONDS = 4.0
SETTLE_SECONDS = 0.4


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and answers its exit status."""
    options = _parser().parse_args(argv)
    try:
        return int(options.run(options))
    except Refused as refusal:
        print(f"shipbell: {refusal}", file=sys.stderr)
        return 1
    except (NoWorkspace, SeedError) as problem:
        print(f"shipbell: {problem}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="shipbell", description="The local workspace: serve it, and speak in it."
    )
    verbs = parser.add_subparsers(required=True, metavar="serve|say|click|read")
    serve = verbs.add_parser("serve", help="run the workspace")
    serve.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="0 takes a free one, written to DIR/workspace.json"
    )
    serve.add_argument("--data", type=Path, required=True, metavar="DIR", help="where the state is kept")
    serve.add_argument(
        "--seed", type=Path, metavar="FILE", help="team, people, channels and app, as JSON or YAML"
    )
    serve.set_defaults(run=_serve)
    say = verbs.add_parser("say", help="write a message, or run a slash command")
    say.add_argument("--as", dest="person", required=True, metavar="NAME")
    say.add_argument("--channel", default="#deploys", metavar="C")
    say.add_argument("--thread", metavar="TS", help="answer in this message's thread")
    say.add_argument("text", nargs="+", metavar="TEXT")
    say.set_defaults(run=_say)
    click = verbs.add_parser("click", help="press a button by its label")
    click.add_argument("--as", dest="person", required=True, metavar="NAME")
    click.add_argument("--operation", type=_operation, metavar="N", help="only where #N is mentioned")
    click.add_argument("--home", action="store_true", help="in App Home instead of messages and modals")
    click.add_argument("button", nargs="+", metavar="BUTTON")
    click.set_defaults(run=_click)
    read = verbs.add_parser("read", help="print a channel")
    read.add_argument(
        "--as", dest="person", metavar="NAME", help="default: the first person of the workspace"
    )
    read.add_argument("--channel", default="#deploys", metavar="C")
    read.add_argument("--limit", type=int, default=50, metavar="N")
    read.add_argument("--json", action="store_true")
    read.set_defaults(run=_read)
    return parser


def _operation(text: str) -> int:
    number = text.removeprefix("#")
    if not number.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no operation; give its number, such as 12")
    return int(number)


def _serve(options: argparse.Namespace) -> int:
    # Imported here: `say` must not wait for the server's imports.
    from bot.workspace.seed import load
    from bot.workspace.server import serve
    from bot.workspace.store import Busy

    try:
        serve(load(options.seed), options.data, options.port)
    except (OSError, Busy) as problem:
        raise NoWorkspace(
            f"can't serve the workspace on port {options.port} with {options.data}: {problem}"
        ) from problem
    return 0


def _wire(person: str | None) -> Wire:
    # Imported here: httpx takes longer to load than the whole server, which does not need it.
    from bot.workspace.wire import Wire

    return Wire(person, DEFAULT_PORT)


def _say(options: argparse.Namespace) -> int:
    with _wire(options.person) as wire:
        boot = wire.boot()
        text = " ".join(options.text)
        body = {"channel": _channel(boot, options.channel), "text": text, "thread_ts": options.thread}
        wire.post("send", {name: value for name, value in body.items() if value is not None})
        _print_replies(wire, boot)
    return 0


def _click(options: argparse.Namespace) -> int:
    with _wire(options.person) as wire:
        boot = wire.boot()
        label = " ".join(options.button)
        there: list[str] = []
        offers = _home_offers(wire, boot) if options.home else _offers(wire, boot, options.operation)
        for offered in offers:
            control = controls.find(offered, label)
            if control is not None:
                _press(wire, boot, control)
                _print_replies(wire, boot)
                return 0
            there += [one.label for one in offered if one.label not in there]
        where = f" that mentions #{options.operation}" if options.operation is not None else ""
        labels = f"; there are: {', '.join(there)}" if there else "; there is nothing to press at all"
        raise Refused(f"@{options.person} sees no button {label!r}{where}{labels}")


def _press(wire: Wire, boot: Json, control: controls.Control) -> None:
    if control.confirm:
        print(f"(confirmed: {Labels.of_boot(boot).plain(control.confirm)})")
    if control.kind == "action":
        wire.post("action", {"action": control.action, "container": control.container})
        return
    view_id = control.container["view_id"]
    if control.kind == "close":
        wire.post("close", {"view_id": view_id})
        return
    view = next(view for view in boot["views"] if view["id"] == view_id)
    answer = wire.post("submit", {"view_id": view_id, "values": view["state"]["values"]})
    if answer.get("errors"):
        raise Refused("; ".join(f"{block}: {text}" for block, text in answer["errors"].items()))


def _read(options: argparse.Namespace) -> int:
    with _wire(options.person) as wire:
        boot = wire.boot()
        labels = Labels.of_boot(boot)
        channel = _channel(boot, options.channel)
        messages = wire.get("history", channel=channel, limit=options.limit)["messages"]
        found = []
        for message in messages:
            replies = []
            if message["reply_count"]:
                replies = wire.get("history", channel=channel, thread_ts=message["ts"], limit=500)[
                    "messages"
                ][1:]
            found.append((message, replies))
    if options.json:
        print(
            json.dumps(
                [_as_json(message, replies, labels) for message, replies in found],
                indent=2,
                ensure_ascii=False,
            )
        )
        return 0
    for message, replies in found:
        print(message_line(message, labels))
        for reply in replies:
            print("\n".join(f"  | {line}" for line in message_line(reply, labels).split("\n")))
    return 0


def _as_json(message: Json, replies: list[Json], labels: Labels) -> Json:
    """A message for scripts: as the client API has it, with `user_name`, `plain` and `replies` besides."""
    return {
        **message,
        "user_name": labels.users.get(message["user"], message["user"]),
        "plain": message_text(message, labels),
        "replies": [_as_json(reply, [], labels) for reply in replies],
    }


def _home_offers(wire: Wire, boot: Json) -> Iterator[list[controls.Control]]:
    view = wire.get("home")["view"]
    if view is not None:
        yield controls.of_view(view)


def _offers(wire: Wire, boot: Json, operation: int | None) -> Iterator[list[controls.Control]]:
    """What can be pressed, the newest place first: the modal on top, then messages of all channels and their threads."""
    labels = Labels.of_boot(boot)
    if boot["views"]:
        # As on the page, an open modal lies over everything: but a button below it can still be named.
        view = boot["views"][-1]
        text = view_text(view, labels)
        if operation is None or controls.mentions_operation(text, operation):
            yield controls.of_view(view)
    messages: dict[tuple[str, str, bool], Json] = {}
    for room in boot["channels"]:
        for message in wire.get("history", channel=room["id"], limit=100)["messages"]:
            messages[room["id"], message["ts"], message["ephemeral"]] = message
            if message["reply_count"]:
                for reply in wire.get("history", channel=room["id"], thread_ts=message["ts"], limit=200)[
                    "messages"
                ]:
                    messages[room["id"], reply["ts"], reply["ephemeral"]] = reply
    for message in sorted(messages.values(), key=lambda one: float(one["ts"]), reverse=True):
        text = f"{message_text(message, labels)}\n{message['text']}"
        if operation is None or controls.mentions_operation(text, operation):
            yield controls.of_message(message)


def _print_replies(wire: Wire, boot: Json) -> None:
    """Prints what the app says to this person, or in their channels, within a few seconds; nothing is fine too."""
    labels = Labels.of_boot(boot)
    from bot.workspace.wire import Deadline

    deadline = Deadline(REPLY_SECONDS)
    for event in wire.events(boot["seq"], deadline):
        line = _said(event, boot, labels)
        if line:
            print(line)
            deadline.within(SETTLE_SECONDS)


def _said(event: Json, boot: Json, labels: Labels) -> str:
    kind = event["type"]
    if kind in ("ephemeral", "ephemeral_changed", "message") and event["message"]["user"] != boot["me"]["id"]:
        if kind == "message" and event["message"]["user"] != boot["app"]["bot_user_id"]:
            return ""
        return message_line(event["message"], labels)
    if kind in ("view_opened", "view_pushed", "view_updated"):
        return view_text(event["view"], labels)
    return ""


def _channel(boot: Json, wanted: str) -> str:
    name = wanted.removeprefix("#").lower()
    for room in boot["channels"]:
        if room["id"] == wanted or (not room["is_im"] and room["name"] == name):
            return str(room["id"])
        if room["is_im"] and wanted.removeprefix("@").lower() == boot["app"]["name"].lower():
            return str(room["id"])
    there = ", ".join("#" + room["name"] for room in boot["channels"] if not room["is_im"])
    raise Refused(
        f"there is no channel {wanted!r}; there are {there}, and @{boot['app']['name'].lower()} for the app itself"
    )
