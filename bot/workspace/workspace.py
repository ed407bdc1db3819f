"""One running workspace: its parts, put together. The wires (web_*.py, client_api.py, control_api.py) are given this and nothing else."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from bot.workspace.app_events import AppEvents
from bot.workspace.clock import Clock
from bot.workspace.errors import Json
from bot.workspace.feed import Feed
from bot.workspace.gateway import Gateway, SocketHub, Transport
from bot.workspace.limits import Limits
from bot.workspace.messages import Messages
from bot.workspace.seed import Seed
from bot.workspace.store import Store
from bot.workspace.triggers import ResponseUrls, Triggers
from bot.workspace.views import Views
from bot.workspace.world import World

if TYPE_CHECKING:
    from bot.workspace.http_delivery import HttpTransport

LOG_KEPT = 20_000


class Workspace:
    """Everything that a wire needs, by name. `base_url` is the origin without a slash at its end."""

    def __init__(self, seed: Seed, directory: Path, base_url: str) -> None:
        self.base_url = base_url
        self.directory = directory
        self.seed = seed
        self.store = Store(directory)
        self.clock = Clock(
            max((float(message["ts"]) for _, message in self.store.all("message")), default=0.0)
        )
        self.feed = Feed(self.store)
        self.world = World(seed, self.store, self.feed, self.clock)
        self.messages = Messages(self.world)
        self.views = Views(self.world)
        self.triggers = Triggers(self.clock, seed.timing.trigger)
        self.responses = ResponseUrls(self.clock, self.store, base_url)
        self.limits = Limits(self.clock, seed.rate_limits)
        self.hub = SocketHub(self._presence)
        self.http: HttpTransport | None = None
        transport: Transport = self.hub
        if seed.app.request_url is not None:
            # Imported here: Socket Mode, the default, needs no HTTP client, and this one loads slowly.
            from bot.workspace.http_delivery import HttpTransport

            self.http = HttpTransport(seed.app.request_url, self.world.secrets.signing_secret, self.clock)
            transport = self.http
        self.gateway = Gateway(transport, self.store, self.clock, seed.timing)
        self.events = AppEvents(self.world, self.gateway, self.views)
        self.tickets: set[str] = set()
        self.api_log: deque[Json] = deque(maxlen=LOG_KEPT)
        # Set by tests: the Web API answers 503 and no socket is let in.
        self.outage = False
        # Seconds after which a message can't be edited any more; None is never.
        self.edit_window: float | None = None

    def connection_info(self) -> Json:
        """What `workspace.json` holds for whoever starts the bot: address and the app's secrets."""
        secrets = self.world.secrets
        return {
            "url": self.base_url,
            "api_url": f"{self.base_url}/api/",
            "team_id": self.world.team.id,
            "bot_token": secrets.bot_token,
            "app_token": secrets.app_token,
            "signing_secret": secrets.signing_secret,
        }

    async def close(self) -> None:
        """Ends deliveries and followers and closes the store."""
        self.feed.close()
        await self.hub.cut()
        await self.gateway.close()
        if self.http is not None:
            await self.http.close()
        self.store.close()

    def _presence(self, connected: bool) -> None:
        self.feed.publish({"type": "presence", "connected": connected})
