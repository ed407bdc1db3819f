"""What somebody asks for, checked against what there is before it becomes an Operation, so that a slip is told to the asker alone.

A courtesy and no guard: the Plan is worked out later, and by then the world may have changed. What can't be looked at soon is let
through.
"""

from __future__ import annotations

import asyncio
from typing import Any

from bot.domain.catalog import Target
from bot.domain.errors import AdapterError, RefNotFound, UsageError
from bot.domain.operation import Kind, Operation
from bot.operations.planning import choose, known_artifact, work_out
from bot.operations.world import World

WITHIN = 3.0
"""Seconds that the asker waits at most for repository and Target to be looked at."""


async def check_wish(world: World, operation: Operation, target: Target) -> None:
    """Raises UsageError, UnknownWord or RefNotFound for a ref, version or Instance that isn't there, and where nothing can be done."""
    if len(set(operation.wish.only)) != len(operation.wish.only):
        raise UsageError(
            "An instance is named twice in --only.",
            f"Name each instance of {target.service} {target.environment} once.",
        )
    looking = asyncio.ensure_future(_look(world, operation, target))
    # What was begun ends by itself: a fetch that is cut off helps nobody, and the next one finds its result.
    done, _ = await asyncio.wait({looking}, timeout=WITHIN)
    if done:
        looking.result()
    else:
        looking.add_done_callback(_forget)


async def _look(world: World, operation: Operation, target: Target) -> None:
    try:
        chosen = await choose(world, operation, target)
        await work_out(world, operation, target, chosen.artifact, chosen.configuration)
        ref = operation.wish.ref
        if operation.kind in (Kind.DEPLOY, Kind.PROMOTE) and ref is not None and chosen.artifact is None:
            await _find(world, operation.service, ref)
    except AdapterError:
        return  # it can't be asked now: the Operation will wait for it, or fail and say why


async def _find(world: World, name: str, ref: str) -> None:
    service = world.service(name)
    try:
        await world.source_of(service).resolve(service.source, ref)
    except RefNotFound:
        if await known_artifact(world, name, ref) is None:
            raise


def _forget(looking: asyncio.Future[Any]) -> None:
    if not looking.cancelled():
        looking.exception()
