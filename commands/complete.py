"""Completion: what may come next in a command, from the registry and the catalog, for composers and shells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.operation import Choice
from commands.registry import SPECS
from commands.spec import Argument, Flag, Spec, Value, Word
from commands.words import find


@dataclass(frozen=True)
class Completion:
    """`word` may stand next; `hint` says what it is, in a few words."""

    word: str
    hint: str = ""


def complete(words: Sequence[str], catalog: Catalog, specs: Sequence[Spec[Any]] = SPECS) -> list[Completion]:
    """What may come after `words`, the last of which is being typed (`""` before its first letter). The first is the verb."""
    *before, typed = words or [""]
    if not before:
        return _starting(typed, (Completion(s.verb, s.summary) for s in specs if s.listed))
    spec = next((s for s in specs if s.verb == before[0].casefold() and s.listed), None)
    if spec is None:
        return []
    if typed.startswith("--"):
        used = {word.partition("=")[0].casefold() for word in before}
        return _starting(
            typed, (Completion(f.word, f.summary) for f in spec.shown_flags if f.word not in used)
        )
    chosen = _chosen(before[1:], spec, catalog)
    if isinstance(chosen, Flag):
        return []
    argument, service, environment = chosen
    if argument is None:
        return _starting(typed, (Completion(f.word, f.summary) for f in spec.shown_flags))
    if argument.lead_in and before[-1].casefold() != argument.lead_in:
        return _starting(typed, [Completion(argument.lead_in, argument.shown)])
    return _starting(typed, _offers(argument, catalog, service, environment, specs))


def completion_words(catalog: Catalog, specs: Sequence[Spec[Any]] = SPECS) -> dict[str, list[list[str]]]:
    """For composers that know words by position only: slash command (`/deploy`, `/shipbell`) to the words of each place."""
    found = {f"/{spec.verb}": _by_place(spec, catalog) for spec in specs if spec.slash}
    listed = [spec for spec in specs if spec.listed]
    found["/shipbell"] = [
        [spec.verb for spec in listed],
        list(catalog.services),
        list(catalog.environments),
        list(dict.fromkeys(flag.word for spec in listed for flag in spec.shown_flags)),
    ]
    return found


def _by_place(spec: Spec[Any], catalog: Catalog) -> list[list[str]]:
    places: list[list[str]] = []
    for argument in spec.arguments:
        if argument.lead_in:
            places.append([argument.lead_in])
        else:
            places.append([offer.word for offer in _offers(argument, catalog, None, None, SPECS)])
    if spec.shown_flags:
        places.append([flag.word for flag in spec.shown_flags])
    return places


def _chosen(
    words: Sequence[str], spec: Spec[Any], catalog: Catalog
) -> Flag | tuple[Argument | None, str | None, str | None]:
    """The argument that comes next, with the service and environment said so far; or the flag whose value comes next."""
    service = environment = None
    left = list(spec.arguments)
    flags = {flag.word: flag for flag in spec.shown_flags}
    pending: Flag | None = None
    for word in words:
        if pending is not None:
            pending = None
            continue
        if word.startswith("--"):
            flag = flags.get(word.casefold())
            pending = flag if flag is not None and flag.value is not Value.NOTHING else None
            continue
        if not left:
            continue
        if word.casefold() in left[0].fillers or word.casefold() == left[0].lead_in:
            continue
        if _skips(left[0], word, catalog):
            left.pop(0)
        argument = left.pop(0)
        if argument.word in (Word.SERVICE, Word.SERVICE_REF):
            service = find(word.partition("@")[0], catalog.services)
        elif argument.word is Word.ENVIRONMENT:
            environment = find(word, catalog.environments)
    return pending or (left[0] if left else None, service, environment)


def _skips(argument: Argument, word: str, catalog: Catalog) -> bool:
    """`status prod`: the optional service was left out."""
    return (
        argument.optional
        and argument.word is Word.SERVICE
        and find(word, catalog.services) is None
        and find(word, catalog.environments) is not None
    )


def _offers(
    argument: Argument,
    catalog: Catalog,
    service: str | None,
    environment: str | None,
    specs: Sequence[Spec[Any]],
) -> list[Completion]:
    match argument.word:
        case Word.SERVICE | Word.SERVICE_REF:
            return [Completion(s.name, s.description or "service") for s in catalog.services.values()]
        case Word.ENVIRONMENT:
            names = [n for n in catalog.environments if service is None or catalog.target(service, n)]
            return [Completion(name, "environment") for name in names]
        case Word.INSTANCE:
            target = catalog.target(service, environment) if service and environment else None
            count = target.instances if target else 0
            return [Completion(target.instance_name(i + 1), "instance") for i in range(count) if target]
        case Word.VERB:
            return [Completion(spec.verb, spec.summary) for spec in specs if spec.listed]
        case Word.CHOICE:
            return [Completion(choice.value, "answer") for choice in Choice]
        case _:
            return []


def _starting(typed: str, offers: Iterable[Completion]) -> list[Completion]:
    return [offer for offer in offers if offer.word.casefold().startswith(typed.casefold())]
