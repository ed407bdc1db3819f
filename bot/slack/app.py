"""The Bolt app: listeners that acknowledge, translate and hand over. No queries, no blocks and no decisions live here.

The order in every listener: translate, store the request, acknowledge; the work goes on in a task of its own. `process_before_response`
makes Bolt acknowledge events only after their listener returned, so an event is never acknowledged before it was stored.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slack_bolt.adapter.asgi.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext, AsyncRespond
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.catalog import Catalog
from bot.domain.errors import StorageError, TemporaryError
from bot.slack.home_page import HomePage
from bot.slack.incoming import (
    identity_of_event,
    of_click,
    of_command,
    of_direct_message,
    of_mention,
    of_submission,
)
from bot.slack.people import SlackPeople
from bot.slack.settings import SlackSettings
from bot.slack.views.modals import DEPLOY, REJECT, Place, deploy_modal, deploy_of, rejection_of
from bot.slack.web import CALL_ERRORS, failure_of, web_client
from bot.slack.work import Worker
from commands.parsed import Reject
from commands.registry import SPECS, command_text

EVENTS_PATH = "/slack/events"
SHORTCUT = "deploy"
"""The global shortcut's callback id, as the manifest has it."""

Body = dict[str, Any]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listeners:
    """What the listeners hand over to."""

    worker: Worker
    home: HomePage
    people: SlackPeople
    catalog: Callable[[], Catalog]


def build_app(settings: SlackSettings, client: AsyncWebClient, listeners: Listeners) -> AsyncApp:
    """The app with all its listeners; `connect` or `asgi` brings it to Slack. Calls nobody yet."""
    app = AsyncApp(
        client=web_client(settings, token=""),
        authorize=_authorize(client),
        signing_secret=settings.signing_secret,
        process_before_response=True,
        name="shipbell",
        logger=_bolt_log(),
    )
    _listen_to_words(app, settings, listeners)
    _listen_to_clicks(app, listeners)
    _listen_to_modals(app, listeners)
    _listen_to_news(app, listeners)
    return app


def asgi(app: AsyncApp, path: str = EVENTS_PATH) -> Callable[..., Awaitable[None]]:
    """An ASGI app for signed HTTP requests at `path`. Bolt checks the signature and its age (5 minutes)."""
    return AsyncSlackRequestHandler(app, path=path)


def _authorize(client: AsyncWebClient) -> Callable[[], Awaitable[AuthorizeResult]]:
    """Who we are, asked once. Bolt's own way answers 200 when Slack can't be asked, and the event would be lost; this raises, so
    that Slack sends it again."""
    known: list[AuthorizeResult] = []
    lock = asyncio.Lock()

    async def authorize() -> AuthorizeResult:
        async with lock:
            if not known:
                try:
                    answer = await client.auth_test()
                except CALL_ERRORS as error:
                    raise TemporaryError(
                        "Slack can't be asked who Shipbell is.", failure_of(error).error
                    ) from error
                known.append(
                    AuthorizeResult.from_auth_test_response(auth_test_response=answer, bot_token=client.token)
                )
        return known[0]

    return authorize


def _bolt_log() -> logging.Logger:
    """Bolt warns of SLACK_BOT_TOKEN beside a client of ours, which is as it should be."""
    logger = logging.getLogger("bot.slack.bolt")
    if not logger.filters:
        logger.addFilter(lambda record: "`token` will be unused" not in record.getMessage())
    return logger


def _listen_to_words(app: AsyncApp, settings: SlackSettings, to: Listeners) -> None:
    @app.command(re.compile(r"/.+"))
    async def command(ack: AsyncAck, body: Body) -> None:
        try:
            await to.worker.accept(of_command(body, _verb(settings, body)), body.get("trigger_id"))
        except StorageError as error:
            await ack(_not_done(error))
        else:
            await ack()

    @app.event("app_mention")
    async def mention(body: Body, context: AsyncBoltContext) -> None:
        incoming = of_mention(body, context.bot_user_id or "")
        if incoming is not None:
            await to.worker.accept(incoming)

    @app.event("message")
    async def direct_message(body: Body, context: AsyncBoltContext) -> None:
        incoming = of_direct_message(body, context.bot_user_id or "")
        if incoming is not None:
            await to.worker.accept(incoming)


def _verb(settings: SlackSettings, body: Body) -> str | None:
    """What a slash command stands for. A name that was added to the app and is a verb, such as /history, stands for it."""
    name = str(body.get("command") or "")
    if name in settings.commands:
        return settings.commands[name]
    return next((spec.verb for spec in SPECS if spec.listed and name == f"/{spec.verb}"), None)


def _listen_to_clicks(app: AsyncApp, to: Listeners) -> None:
    @app.action(re.compile(r".*"))
    async def click(ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        if (body.get("view") or {}).get("type") == "modal":
            await ack()
            return
        try:
            await to.worker.accept(of_click(body), body.get("trigger_id"))
        except StorageError as error:
            await ack()
            if body.get(
                "response_url"
            ):  # a button of App Home has none: there Slack's own sign of failure would say no more
                await respond(_not_done(error), response_type="ephemeral", replace_original=False)
        else:
            await ack()

    @app.shortcut(re.compile(rf"{SHORTCUT}(_shortcut)?"))
    async def shortcut(ack: AsyncAck, body: Body, client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=deploy_modal(to.catalog(), Place()))


def _listen_to_modals(app: AsyncApp, to: Listeners) -> None:
    @app.view(DEPLOY)
    async def deploy(ack: AsyncAck, body: Body) -> None:
        said = deploy_of(_values(body), to.catalog())
        if isinstance(said, dict):
            await ack(response_action="errors", errors=said)
            return
        await _submit(ack, body, command_text(said), to)

    @app.view(REJECT)
    async def reject(ack: AsyncAck, body: Body) -> None:
        said, place = rejection_of(_values(body)), _place(body)
        if isinstance(said, dict):
            await ack(response_action="errors", errors=said)
            return
        if place.operation is None:
            await ack()
            return
        await _submit(ack, body, command_text(Reject(place.operation, said)), to)


def _listen_to_news(app: AsyncApp, to: Listeners) -> None:
    @app.event("app_home_opened")
    async def home_opened(body: Body) -> None:
        if (body.get("event") or {}).get("tab", "home") == "home":
            to.home.publish_soon(identity_of_event(body))

    @app.event("user_change")
    async def user_changed(event: Mapping[str, Any]) -> None:
        to.people.forget(str((event.get("user") or {}).get("id") or "") or None)

    @app.event(re.compile(r"subteam_(updated|members_changed)"))
    async def group_changed() -> None:
        to.people.forget()


async def _submit(ack: AsyncAck, body: Body, text: str, to: Listeners) -> None:
    """The modal stays open, with the reason in it, when what it asks for can't be stored."""
    place = _place(body)
    incoming = of_submission(body, text, place.channel, place.thread_ts)
    try:
        await to.worker.accept(incoming, body.get("trigger_id"))
    except StorageError as error:
        await ack(response_action="errors", errors={next(iter(_values(body))): _not_done(error)})
    else:
        await ack()


def _not_done(error: StorageError) -> str:
    """For what Slack sends once only; an event that can't be stored is not acknowledged, and comes again."""
    log.error("a request can't be stored, and its asker is told so: %s", error)
    return f"⚠️ That was not done. {error}"


def _values(body: Body) -> Mapping[str, Any]:
    return ((body.get("view") or {}).get("state") or {}).get("values") or {}


def _place(body: Body) -> Place:
    return Place.from_metadata(str((body.get("view") or {}).get("private_metadata") or ""))
