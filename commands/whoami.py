"""`whoami`: who Shipbell takes you for, and what you may do where."""

from __future__ import annotations

from bot.domain.messages import Facts, Listing, Reply
from commands.parsed import WhoAmI
from commands.spec import Call, Spec
from commands.text import escape


async def run(_: WhoAmI, call: Call) -> Reply:
    permissions = await call.desk.permissions(call.actor)
    rows = tuple(
        f"{escape(environment)}: {escape(', '.join(actions)) if actions else 'nothing'}"
        for environment, actions in permissions.items()
    )
    roles = ", ".join(sorted(call.actor.roles)) or "none"
    return Reply(
        f"You are {escape(call.actor.display_name)}.",
        sections=(
            Facts((("Name in the catalog", escape(call.actor.name)), ("Roles", escape(roles)))),
            Listing("What you may do", rows),
        ),
    )


SPEC: Spec[WhoAmI] = Spec(
    verb="whoami",
    summary="see your roles, and what you may do where",
    help="Your name in the catalog, the roles that you have at this moment, and what they let you do in each environment.",
    examples=("whoami",),
    permission="",
    parsed=WhoAmI,
    run=run,
    synonyms=("who", "me", "whoareyou", "roles", "permissions"),
)
