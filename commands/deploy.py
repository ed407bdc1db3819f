"""`deploy`: build a Revision if need be, and bring it to an Environment."""

from __future__ import annotations

from bot.domain.messages import Reply
from bot.domain.operation import Kind, Wish
from commands.parsed import Deploy
from commands.requests import request
from commands.spec import ENVIRONMENT, ONLY, Argument, Call, Flag, Spec, Value, Word


async def run(parsed: Deploy, call: Call) -> Reply:
    wish = Wish(
        ref=parsed.ref,
        only=parsed.only,
        batch=parsed.batch,
        plan_only=parsed.plan,
        reason=parsed.reason,
        command=call.command,
    )
    return await request(Kind.DEPLOY, parsed.service, parsed.environment, wish, call)


SPEC: Spec[Deploy] = Spec(
    verb="deploy",
    summary="bring a version of a service to an environment",
    help=(
        "Builds the revision if that has not been done, takes the instances out of traffic batch by batch, updates them and brings them"
        " back. REF is a branch, a tag, a commit, a version or #operation; without one it is the default branch. Where the environment"
        " wants it, people are asked for approval first."
    ),
    examples=(
        "deploy shop test",
        "deploy shop@v1.4 to prod",
        "deploy shop@#12 prod --batch 50%",
        'deploy shop@fix/cart test --only shop-1 --reason "try the new cart"',
        "deploy shop prod --plan",
    ),
    permission="deploy",
    parsed=Deploy,
    run=run,
    arguments=(
        Argument("service", Word.SERVICE_REF, "SERVICE[@REF]"),
        Argument("environment", Word.ENVIRONMENT, ENVIRONMENT.shown, fillers=("to", "on")),
    ),
    flags=(
        ONLY,
        Flag("batch", Value.BATCH, "how many instances move together, or which share of them", "N|N%"),
        Flag("plan", Value.NOTHING, "show the plan and change nothing"),
        Flag("reason", Value.TEXT, "why, for the card and the audit", '"…"'),
    ),
    slash=True,
    synonyms=("release", "ship", "promote", "push", "rollout", "install", "publish", "update", "upgrade"),
    opens="deploy",
)
