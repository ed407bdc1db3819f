"""Reading Cedar policies: the shipped ones and a deployment's own, checked as a whole before the first decision.

Every policy has an `@id`, and that is the id under which Cedar knows it, so what a decision names is what stands in the
file. A file of the deployment's own folder adds its policies, or replaces a shipped one by saying the same `@id`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import cedarpy

from bot.domain.actions import ACTIONS
from bot.domain.errors import ShipbellError

SHIPPED = "shipped"
ENTITY_TYPES = ("Role", "Person", "Service", "Environment")
"""The types whose ids are words of the catalog; Cedar itself doesn't notice a misspelt one."""

_MAX_BYTES = 1_000_000
_PERSONAL = frozenset({"name", "slack", "requester"})
_STATEMENT_PART = re.compile(r'//[^\n]*|"(?:\\.|[^"\\])*"|;|[^/";]+|/', re.DOTALL)
_ANNOTATION_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")


@dataclass(frozen=True)
class PolicyProblem:
    """One thing that is wrong. `line` from 1, or 0 for the file as a whole; `nearest`: words that would have worked."""

    file: str
    line: int
    what: str
    nearest: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        hint = f" Nearest: {', '.join(self.nearest)}." if self.nearest else ""
        return f"{place}: {self.what}{hint}"


class PolicyError(ShipbellError):
    """The policies can't be used; all problems at once."""

    def __init__(self, problems: Sequence[PolicyProblem]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        listed = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"The access policies have {count}:\n{listed}")
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Policy:
    """One policy. `body` is Cedar's JSON form; `reason` its @reason sentence or ""; `file` is `shipped/x.cedar` or `x.cedar`."""

    id: str
    effect: str
    reason: str
    body: dict[str, Any]
    file: str
    line: int

    def entities(self) -> Iterator[tuple[str, str]]:
        """The (type, id) of each entity that it names."""
        yield from _entities(self.body)


@dataclass(frozen=True)
class Policies:
    """All policies in force, parsed once. `replaced`: ids of shipped policies that the deployment's own took over."""

    by_id: dict[str, Policy]
    parsed: cedarpy.PolicySet
    schema: cedarpy.Schema
    replaced: tuple[str, ...] = ()

    @cached_property
    def is_personal(self) -> bool:
        """Whether a policy could tell two people with the same roles apart: by naming one, or by who they are."""
        return any(
            kind == "Person" for policy in self.by_id.values() for kind, _ in policy.entities()
        ) or any(_PERSONAL & _attributes(policy.body) for policy in self.by_id.values())


def load(folder: Path | None) -> Policies:
    """The shipped policies and those of `folder`. Raises PolicyError with everything that is wrong."""
    schema = cedarpy.Schema.from_str(schema_text())
    problems: list[PolicyProblem] = []
    by_id: dict[str, Policy] = {}
    for name, text in _shipped_files():
        _add(by_id, _read(name, text, problems), problems)
    own: dict[str, Policy] = {}
    for name, text in _own_files(folder, problems):
        _add(own, _read(name, text, problems), problems)
    replaced = tuple(sorted(by_id.keys() & own.keys()))
    by_id.update(own)
    problems += _invalid(by_id.values(), schema)
    if problems:
        raise PolicyError(sorted(problems, key=lambda problem: (problem.file, problem.line)))
    return Policies(by_id, _parsed(by_id.values()), schema, replaced)


def schema_text() -> str:
    """The Cedar schema, as text."""
    return (resources.files("bot.access") / "shipbell.cedarschema").read_text(encoding="utf-8")


def _shipped_files() -> Iterator[tuple[str, str]]:
    folder = resources.files("bot.access") / "policies"
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".cedar"):
            yield f"{SHIPPED}/{entry.name}", entry.read_text(encoding="utf-8")


def _own_files(folder: Path | None, problems: list[PolicyProblem]) -> Iterator[tuple[str, str]]:
    if folder is None:
        return
    if not folder.is_dir():
        problems.append(PolicyProblem(str(folder), 0, "There is no such folder of access policies."))
        return
    paths = [p for p in sorted(folder.iterdir()) if p.suffix in (".cedar", ".cedarschema")]
    if not paths:
        # A folder that was named and holds nothing is a mistyped path or an unmounted volume: its forbids are missing.
        problems.append(PolicyProblem(str(folder), 0, "This folder of access policies has no *.cedar file."))
    for path in paths:
        if path.suffix == ".cedarschema":
            what = (
                "The schema is the bot's own and can't be replaced; a folder of policies holds *.cedar files."
            )
            problems.append(PolicyProblem(path.name, 0, what))
            continue
        try:
            data = path.read_bytes()
            if len(data) > _MAX_BYTES:
                problems.append(PolicyProblem(path.name, 0, "This file is larger than 1 MB."))
                continue
            yield path.name, data.decode("utf-8-sig")
        except UnicodeDecodeError:
            problems.append(PolicyProblem(path.name, 0, "This file is not UTF-8 text."))
        except OSError as error:
            problems.append(PolicyProblem(path.name, 0, f"This file can't be read ({error.strerror})."))


def _read(file: str, text: str, problems: list[PolicyProblem]) -> Iterator[Policy]:
    statements = list(_statements(text))
    if not statements:
        problems.append(PolicyProblem(file, 0, "This file has no policy."))
    for line, statement in statements:
        try:
            found = json.loads(cedarpy.policies_to_json_str(statement))
        except ValueError as error:
            problems.append(PolicyProblem(file, line, f"Cedar can't read this policy: {error}."))
            continue
        if found["templates"]:
            what = "A template permits nothing by itself; write a policy without ?principal and ?resource."
            problems.append(PolicyProblem(file, line, what))
        for body in found["staticPolicies"].values():
            annotations = body.get("annotations", {})
            # An annotation without a value is null in Cedar's JSON.
            identity = annotations.get("id") or ""
            if not _ANNOTATION_ID.fullmatch(identity):
                what = (
                    'This policy needs an id of its own, such as @id("no-friday-releases"), in small letters.'
                )
                problems.append(PolicyProblem(file, line, what))
                continue
            reason = annotations.get("reason") or ""
            yield Policy(identity, body["effect"], reason, body, file, line)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each policy's text with the line where it begins: Cedar's own parse errors don't say where they are."""
    line, start, buffer = 1, 0, []
    for match in _STATEMENT_PART.finditer(text):
        part = match.group()
        if not part.startswith("//"):
            if not start and part.strip():
                start = line + part[: len(part) - len(part.lstrip())].count("\n")
            buffer.append(part)
        line += part.count("\n")
        if part == ";":
            yield start, "".join(buffer)
            start, buffer = 0, []
    rest = "".join(buffer)
    if rest.strip():
        yield start, rest


def _add(known: dict[str, Policy], found: Iterable[Policy], problems: list[PolicyProblem]) -> None:
    for policy in found:
        if first := known.get(policy.id):
            what = f'The id "{policy.id}" is taken by the policy at {first.file}:{first.line}.'
            problems.append(PolicyProblem(policy.file, policy.line, what))
            continue
        known[policy.id] = policy


def _invalid(policies: Iterable[Policy], schema: cedarpy.Schema) -> Iterator[PolicyProblem]:
    """What the schema says against each policy, one by one so that the place is known."""
    for policy in policies:
        text = cedarpy.policies_from_json_str(_as_set([policy]))
        messages: dict[str, None] = {}
        for error in cedarpy.validate_policies(text, schema).errors:
            message = re.sub(r"^for policy `[^`]*`, ", "", error.error)
            messages.setdefault(message.rstrip("."))
        actions = {i for kind, i in policy.entities() if kind == "Action"}
        for message in messages:
            nearest = ACTIONS if "unrecognized action" in message and actions else ()
            what = f'Policy "{policy.id}" does not fit the schema: {message}.'
            yield PolicyProblem(policy.file, policy.line, what, nearest)


def _parsed(policies: Iterable[Policy]) -> cedarpy.PolicySet:
    return cedarpy.PolicySet.from_json_str(_as_set(policies))


def _as_set(policies: Iterable[Policy]) -> str:
    bodies = {policy.id: policy.body for policy in policies}
    return json.dumps({"staticPolicies": bodies, "templates": {}, "templateLinks": []})


def _attributes(node: object) -> set[str]:
    """The names of all attributes that an expression reads."""
    if isinstance(node, list):
        return set().union(*map(_attributes, node))
    if not isinstance(node, dict):
        return set()
    own = {node["attr"]} if isinstance(node.get("attr"), str) else set()
    return own.union(*map(_attributes, node.values()))


def _entities(node: object) -> Iterator[tuple[str, str]]:
    """Walks Cedar's JSON form for {"type": T, "id": I}, in scopes and in expressions."""
    if isinstance(node, dict):
        kind, identity = node.get("type"), node.get("id")
        if isinstance(kind, str) and isinstance(identity, str):
            yield kind, identity
        for key, value in node.items():
            if key != "annotations":
                yield from _entities(value)
    elif isinstance(node, list):
        for value in node:
            yield from _entities(value)
