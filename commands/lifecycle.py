"""`restart`, `stop` and `start`: the same version, its instances taken down or brought up."""

from __future__ import annotations

from bot.domain.messages import Reply
from bot.domain.operation import Kind, Wish
from commands.parsed import Restart, Start, Stop
from commands.requests import request
from commands.spec import ENVIRONMENT, ONLY, SERVICE, Call, Spec

_KINDS = {Restart: Kind.RESTART, Stop: Kind.STOP, Start: Kind.START}


async def run(parsed: Restart | Stop | Start, call: Call) -> Reply:
    wish = Wish(only=parsed.only, command=call.command)
    return await request(_KINDS[type(parsed)], parsed.service, parsed.environment, wish, call)


RESTART: Spec[Restart] = Spec(
    verb="restart",
    summary="restart the instances, batch by batch",
    help="Takes the instances out of traffic batch by batch, restarts them and brings them back. The version stays.",
    examples=("restart shop test", "restart shop prod --only shop-2"),
    permission="restart",
    parsed=Restart,
    run=run,
    arguments=(SERVICE, ENVIRONMENT),
    flags=(ONLY,),
    synonyms=("reboot", "bounce", "reload"),
)
STOP: Spec[Stop] = Spec(
    verb="stop",
    summary="take instances down",
    help="Takes the instances out of traffic, lets requests in flight finish, and stops them.",
    examples=("stop shop test", "stop shop test --only shop-2,shop-3"),
    permission="stop",
    parsed=Stop,
    run=run,
    arguments=(SERVICE, ENVIRONMENT),
    flags=(ONLY,),
    synonyms=("down", "kill", "halt"),
)
START: Spec[Start] = Spec(
    verb="start",
    summary="bring stopped instances up again",
    help="Starts the instances that are stopped, waits until they are healthy and gives them traffic.",
    examples=("start shop test", "start shop test --only shop-2"),
    permission="start",
    parsed=Start,
    run=run,
    arguments=(SERVICE, ENVIRONMENT),
    flags=(ONLY,),
    synonyms=("up", "run", "launch"),
)
