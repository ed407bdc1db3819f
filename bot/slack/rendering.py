"""From an outbox row to the message that it wants now: fetches what the view needs and calls the view."""

from __future__ import annotations

from collections.abc import Callable

from bot.domain.catalog import Catalog
from bot.domain.identity import SlackIdentity
from bot.domain.messages import MessageKind, OutboxMessage
from bot.domain.operation import Snapshot
from bot.operations.desk import Desk
from bot.slack.views.arrival import arrival
from bot.slack.views.ask import ask
from bot.slack.views.blocks import Message, context
from bot.slack.views.card import card
from bot.slack.views.detail import detail
from bot.slack.views.home import home
from bot.slack.views.limits import BLOCKS_PER_MESSAGE, Block
from bot.slack.views.notice import notice, strings
from bot.slack.views.prompt import prompt
from bot.slack.views.text import esc


class Renderer:
    def __init__(self, desk: Desk, catalog: Callable[[], Catalog]) -> None:
        self._desk = desk
        self._catalog = catalog

    async def message(self, row: OutboxMessage) -> Message:
        """The newest state of what the row shows. Raises UnknownWord when its Operation is gone, ValueError for a row that makes
        no sense."""
        if row.kind is MessageKind.NOTICE:
            return notice(row.payload, row.key)
        if row.kind is MessageKind.DETAIL:
            return detail(str(row.payload.get("text", "")), strings(row.payload.get("log")), row.key)
        if row.operation is None:
            raise ValueError(f"the message {row.key} names no operation")
        snapshot = await self._desk.snapshot(row.operation)
        return self._with_place(row, snapshot, self._of_operation(row, snapshot))

    async def home_view(self, identity: SlackIdentity) -> Block:
        return home(await self._desk.home(identity))

    def _of_operation(self, row: OutboxMessage, snapshot: Snapshot) -> Message:
        match row.kind:
            case MessageKind.CARD:
                return card(snapshot, row.key)
            case MessageKind.PROMPT:
                plan_hash = row.payload.get("plan_hash")
                return prompt(snapshot, row.key, str(plan_hash) if plan_hash else None)
            case MessageKind.ASK:
                question = row.payload.get("question")
                return ask(snapshot, question if isinstance(question, int) else None, row.key)
            case MessageKind.ARRIVAL:
                return arrival(snapshot, strings(row.payload.get("tell")), row.key)
            case _:
                raise ValueError(f"the message {row.key} is of no kind that shows an operation: {row.kind}")

    def _with_place(self, row: OutboxMessage, snapshot: Snapshot, message: Message) -> Message:
        """A message that had to go to the fallback channel says so."""
        wanted = snapshot.approvals_channel if row.kind is MessageKind.PROMPT else snapshot.channel
        if not wanted or row.channel == wanted or row.channel != self._catalog().fallback_channel:
            return message
        note = context(f"It is here because Shipbell can't post in {esc(wanted)}.")
        blocks = message.blocks[: BLOCKS_PER_MESSAGE - 1]
        return Message(message.text, [*blocks, note] if note else blocks)


def identity_of(row: OutboxMessage) -> SlackIdentity:
    """Whose App Home a HOME row is: payload `team`, `enterprise`, with the user in `channel`."""
    enterprise = row.payload.get("enterprise")
    return SlackIdentity(
        str(row.payload.get("team", "")), row.channel, str(enterprise) if enterprise else None
    )
