"""Reading shipbell.yaml: bytes to tree, tree to models, models to the domain's Catalog; all problems at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bot.catalog.errors import WHOLE_FILE, CatalogError, Findings, Place, Problem, counted
from bot.catalog.references import check_references
from bot.catalog.shapes import CatalogShape
from bot.catalog.translate import to_catalog
from bot.catalog.tree import MAX_BYTES, Map, Seq, Value, read_tree
from bot.domain.catalog import Catalog

MoreChecks = Callable[[Catalog], Iterable[object]]
"""Checks of others, such as the access policies' names: each item's text is one more problem of the catalog."""


def load_catalog(path: Path | str, also: MoreChecks | None = None) -> Catalog:
    """The Catalog in the file. Raises CatalogError with every problem in it, an unreadable file included."""
    return parse_catalog(read_bytes(path), path, also)


def read_bytes(path: Path | str) -> bytes:
    """The file's bytes, no more than one over the limit. Raises CatalogError when it can't be read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        what = "There is no such file. Say where the catalog is, or begin with one of examples/."
    except IsADirectoryError:
        what = "This is a folder. Name the catalog's file in it."
    except (OSError, ValueError) as error:
        what = f"The file can't be read: {getattr(error, 'strerror', None) or error}."
    raise CatalogError([Problem(str(path), 0, 0, what)])


def parse_catalog(data: bytes, path: Path | str, also: MoreChecks | None = None) -> Catalog:
    """The Catalog in `data`, as if it stood in `path`. Raises CatalogError."""
    findings = Findings(str(path))
    tree = read_tree(data, findings)
    shape = None if tree is None else _shaped(tree, findings)
    if tree is not None:
        check_references(tree, findings)
    if findings.problems or shape is None:
        raise CatalogError(findings.problems)
    catalog = to_catalog(shape, Path(path).absolute().parent, hashlib.sha256(data).hexdigest())
    more = [Problem(findings.file, 0, 0, str(item)) for item in also(catalog)] if also else []
    if more:
        raise CatalogError(more)
    return catalog


def check_report(path: Path | str, also: MoreChecks | None = None) -> tuple[bool, str]:
    """For `shipbell check`: whether the catalog is good, and a line for each problem, or one that says what is in it."""
    try:
        catalog = load_catalog(path, also)
    except CatalogError as error:
        lines = [*map(str, error.problems), f"{counted(len(error.problems))} in {path}"]
        return False, "\n".join(lines)
    targets = sum(len(service.targets) for service in catalog.services.values())
    parts = (
        _some(len(catalog.environments), "environment"),
        _some(len(catalog.services), "service"),
        _some(targets, "target"),
        _some(len(catalog.people), "person", "people"),
    )
    return True, f"{path}: good ({', '.join(parts)})"


def _some(number: int, one: str, more: str = "") -> str:
    return f"{number} {one if number == 1 else more or f'{one}s'}"


def _shaped(tree: Map, findings: Findings) -> CatalogShape | None:
    try:
        return CatalogShape.model_validate(tree, context=findings)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            findings.add(*_problem(details, tree))
        return None


def _problem(details: ErrorDetails, tree: Map) -> tuple[Place, str, Sequence[str]]:
    """Pydantic's error as a place and a sentence."""
    keys, place, is_key = _follow(details["loc"], tree)
    context = details.get("ctx", {})
    subject = "This name" if is_key else f"`{keys[-1]}`" if keys else "The catalog"
    kind = details["type"]
    if kind == "missing":
        return place, f"{subject} has no `{details['loc'][-1]}`, which it needs.", ()
    if kind == "catalog_word":
        return place, f"{subject} {context['what']}", context["nearest"]
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return place, f"{subject} has to be a mapping, with `key: value` in it.", ()
    if kind == "list_type":
        value = details["input"]
        example = value if isinstance(value, str) and value else "…"
        return place, f"{subject} has to be a list, such as [{example}].", ()
    if kind == "too_short":
        return place, f"{subject} is empty; at least one belongs in it.", ()
    return place, f"{subject} is wrong: {details['msg']}.", ()


def _follow(loc: Sequence[int | str], tree: Map) -> tuple[list[str], Place, bool]:
    """Walks an error's location down the tree as far as it goes: the keys, the place, and whether it is about a key itself.

    Locations have parts that the file doesn't have (`[key]`, a missing key): the walk ends there."""
    value: Value = tree
    keys: list[str] = []
    place = WHOLE_FILE
    for part in loc:
        if isinstance(value, Map) and isinstance(part, str) and part in value:
            place = value.key_places[part] if "[key]" in loc else value.place_of(part)
            keys.append(part)
            value = value[part]
        elif isinstance(value, Seq) and isinstance(part, int) and part < len(value):
            place = value.places[part]
            value = value[part]
        else:
            break
    return keys, place, bool(loc) and loc[-1] == "[key]"
