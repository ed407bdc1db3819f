"""Modals: choosing a deploy, saying why one is rejected, and a message where no other place can show one.

A modal that was submitted becomes a command, the same that somebody could have typed; what is wrong is said at its field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.messages import Reply
from bot.domain.operation import Operation
from bot.slack.views.blocks import mrkdwn, plain, section
from bot.slack.views.limits import METADATA, MODAL_TITLE, OPTION, OPTIONS, Block, clip_plain
from bot.slack.views.reply import reply
from bot.slack.views.text import esc
from bot.slack.views.words import title
from commands.nearest import nearest
from commands.parsed import Deploy

DEPLOY = "deploy"
REJECT = "reject"
REASON = 500
_VALUE = 150
_BATCH = re.compile(r"[1-9][0-9]{0,4}|([1-9][0-9]?|100) ?%")
_INPUT = "value"


@dataclass(frozen=True)
class Place:
    """Where a modal was opened from, kept in its private_metadata: where the answer goes. `operation` for a rejection."""

    channel: str | None = None
    thread_ts: str | None = None
    operation: int | None = None

    def to_metadata(self) -> str:
        return json.dumps({k: v for k, v in asdict(self).items() if v is not None})[:METADATA]

    @classmethod
    def from_metadata(cls, text: str) -> Place:
        """An empty Place for metadata that is none of ours."""
        try:
            found = json.loads(text or "{}")
            number = found.get("operation")
            return cls(
                found.get("channel"), found.get("thread_ts"), int(number) if number is not None else None
            )
        except (ValueError, TypeError, AttributeError):
            return cls()


def deploy_modal(catalog: Catalog, place: Place) -> Block:
    """A view for views.open."""
    if not catalog.services or not catalog.environments:
        return _modal("Deploy", [section("The catalog has nothing to deploy yet.")], place)
    return _modal(
        "Deploy",
        [
            _input("service", "Service", _select([*catalog.services], "Choose a service")),
            _input(
                "ref",
                "Version",
                _text("main, v1.4, a commit, #12"),
                optional=True,
                hint="A branch, tag, commit, version or #operation. Empty: the default branch.",
            ),
            _input("environment", "Environment", _select([*catalog.environments], "Choose an environment")),
            _input("instances", "Only these instances", _text("shop-1, shop-2"), optional=True),
            _input("batch", "At a time", _text("1 or 25%"), optional=True),
            _input("reason", "Reason", _text("What for?", at_most=REASON), optional=True),
            _input("plan", "Plan", _checkbox("Only show the plan, change nothing"), optional=True),
        ],
        place,
        DEPLOY,
        "Deploy",
    )


def reject_modal(operation: Operation, place: Place) -> Block:
    return _modal(
        f"Reject #{operation.number}",
        [
            section(f"*{esc(title(operation))}*"),
            _input("reason", "Why?", _text("What has to change first?", at_most=REASON, multiline=True)),
        ],
        place,
        REJECT,
        "Reject",
    )


def notice_modal(answer: Reply) -> Block:
    """For answers to clicks in App Home, which has no place for a message."""
    return _modal(
        "Shipbell",
        [b for b in reply(answer).blocks if b["type"] != "actions"],
        Place(),
    )


def deploy_of(values: Mapping[str, Any], catalog: Catalog) -> Deploy | dict[str, str]:
    """What a submitted deploy modal says, or what is wrong by block id. `values`: the view's `state.values`."""
    service, environment = _chosen(values, "service"), _chosen(values, "environment")
    ref, batch, reason = (typed(values, name) for name in ("ref", "batch", "reason"))
    only = tuple(dict.fromkeys(name for name in re.split(r"[\s,;]+", typed(values, "instances")) if name))
    errors: dict[str, str] = {}
    if service not in catalog.services:
        errors["service"] = _not_there("service", service, catalog.services)
    if environment not in catalog.environments:
        errors["environment"] = _not_there("environment", environment, catalog.environments)
    if not errors:
        target = catalog.target(service, environment)
        if target is None:
            where = ", ".join(catalog.services[service].targets)
            errors["environment"] = f"{service} doesn't run in {environment}. It runs in: {where}."[:_VALUE]
        else:
            known = [target.instance_name(index) for index in range(1, target.instances + 1)]
            wrong = next((name for name in only if name not in known), None)
            if wrong is not None:
                errors["instances"] = _not_there("instance", wrong, known)
    if ref.startswith("-") or re.search(r"\s", ref) or len(ref) > 200:
        errors["ref"] = "A version has no spaces and doesn't begin with a dash."
    if batch and not _BATCH.fullmatch(batch):
        errors["batch"] = "Say a number (1 or more) or a share (1% to 100%)."
    if len(reason) > REASON:
        errors["reason"] = f"At most {REASON} characters fit."
    if errors:
        return errors
    plan = bool((_field(values, "plan") or {}).get("selected_options"))
    return Deploy(service, environment, ref or None, only, batch.replace(" ", "") or None, plan, reason)


def rejection_of(values: Mapping[str, Any]) -> str | dict[str, str]:
    """The reason, or what is wrong by block id."""
    reason = typed(values, "reason")
    if not reason:
        return {"reason": "Say why, so that it can be put right."}
    return reason if len(reason) <= REASON else {"reason": f"At most {REASON} characters fit."}


def typed(values: Mapping[str, Any], block: str) -> str:
    """An input's text on one line, "" for none."""
    return " ".join(str((_field(values, block) or {}).get("value") or "").split())


def _chosen(values: Mapping[str, Any], block: str) -> str:
    option = (_field(values, block) or {}).get("selected_option") or {}
    return str(option.get("value") or "")


def _field(values: Mapping[str, Any], block: str) -> Mapping[str, Any] | None:
    inner = values.get(block)
    found = inner.get(_INPUT) if isinstance(inner, Mapping) else None
    return found if isinstance(found, Mapping) else None


def _not_there(kind: str, word: str, known: Sequence[str] | Mapping[str, object]) -> str:
    if not word:
        return f"Choose {'an' if kind[0] in 'aei' else 'a'} {kind}."
    close = nearest(word, known, 1)
    hint = f"Did you mean {close[0]}?" if close else f"There are: {', '.join([*known][:8])}."
    return f"There is no {kind} {word}. {hint}"[:_VALUE]


def _modal(
    name: str,
    blocks: Sequence[Block | None],
    place: Place,
    callback: str | None = None,
    submit: str | None = None,
) -> Block:
    view: Block = {
        "type": "modal",
        "title": plain(name, MODAL_TITLE),
        "close": plain("Close" if submit is None else "Cancel", MODAL_TITLE),
        "blocks": [block for block in blocks if block is not None],
        "private_metadata": place.to_metadata(),
    }
    if submit is not None and callback is not None:
        view |= {"submit": plain(submit, MODAL_TITLE), "callback_id": callback}
    return view


def _input(block_id: str, label: str, element: Block, *, optional: bool = False, hint: str = "") -> Block:
    block: Block = {
        "type": "input",
        "block_id": block_id,
        "label": plain(label, 2000),
        "element": element,
        "optional": optional,
    }
    if hint:
        block["hint"] = plain(hint, 2000)
    return block


def _text(placeholder: str, *, at_most: int = 200, multiline: bool = False) -> Block:
    return {
        "type": "plain_text_input",
        "action_id": _INPUT,
        "placeholder": plain(placeholder, 150),
        "max_length": at_most,
        "multiline": multiline,
    }


def _select(names: Sequence[str], placeholder: str) -> Block:
    """A menu; beyond Slack's hundred options in groups of a hundred, beyond ten thousand the rest has to be typed as a command."""
    options: list[Block] = [
        {"text": plain(name, OPTION), "value": name} for name in names if 0 < len(name) <= _VALUE
    ]
    element: Block = {"type": "static_select", "action_id": _INPUT, "placeholder": plain(placeholder, 150)}
    if len(options) <= OPTIONS:
        return {**element, "options": options}
    groups = [options[start : start + OPTIONS] for start in range(0, len(options), OPTIONS)][:OPTIONS]
    return {
        **element,
        "option_groups": [
            {
                "label": plain(clip_plain(f"{g[0]['value'][:30]} … {g[-1]['value'][:30]}", OPTION), OPTION),
                "options": g,
            }
            for g in groups
        ],
    }


def _checkbox(label: str) -> Block:
    return {
        "type": "checkboxes",
        "action_id": _INPUT,
        "options": [{"text": mrkdwn(label, OPTION), "value": "yes"}],
    }
