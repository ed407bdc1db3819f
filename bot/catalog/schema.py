"""The catalog's JSON Schema and the tables of docs/catalog.md: one source, the models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from bot.catalog.shapes import CatalogShape

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of shipbell.yaml, with descriptions, for editors and `shipbell schema`."""
    made = _tidied(CatalogShape.model_json_schema())
    assert isinstance(made, dict)
    return {"$schema": _DIALECT, **made, "title": "shipbell.yaml"}


def reference() -> str:
    """The reference tables in Markdown: one section a mapping, one row a key."""
    whole = schema()
    return "\n".join(_sections(whole)).rstrip() + "\n"


def _tidied(node: Any, is_properties: bool = False) -> Any:
    """Pydantic's schema without what an editor would show in vain: null for a key left out, titles made of the keys."""
    if isinstance(node, list):
        return [_tidied(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: _tidied(value, key in ("properties", "$defs")) for key, value in node.items()}
    if is_properties:
        return {
            key: _without_title(value) if "properties" not in value else value for key, value in found.items()
        }
    if "anyOf" in found:
        choices = [choice for choice in found["anyOf"] if choice != {"type": "null"}]
        if len(choices) == 1:
            rest = {key: value for key, value in found.items() if key != "anyOf"}
            found = {**choices[0], **rest}
        else:
            found["anyOf"] = [
                inner for c in choices for inner in (c["anyOf"] if list(c) == ["anyOf"] else [c])
            ]
    if found.get("default", 0) in (None, {}, [], ""):
        del found["default"]
    return found


def _without_title(node: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != "title"}


def _sections(whole: dict[str, Any]) -> Iterator[str]:
    definitions = whole["$defs"]
    todo, seen = [("the catalog", whole)], set[str]()
    while todo:
        title, node = todo.pop(0)
        yield f"### {title[0].upper()}{title[1:]}"
        yield ""
        yield node["description"].split("\n\n")[0].replace("\n", " ")
        yield ""
        yield "| key | takes | left out | meaning |"
        yield "|---|---|---|---|"
        required = node.get("required", [])
        for key, value in node["properties"].items():
            default = "needed" if key in required else _shown_default(value)
            yield f"| `{key}` | {_takes(value, definitions)} | {default} | {value.get('description', '')} |"
            for name in _references(value):
                if name not in seen:
                    seen.add(name)
                    todo.append((definitions[name]["title"], definitions[name]))
        yield ""


def _shown_default(value: dict[str, Any]) -> str:
    if "default" not in value:
        return "–"
    default = value["default"]
    text = default if isinstance(default, str) else json.dumps(default).replace('"', "")
    return f"`{text}`"


def _takes(value: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in value:
        return str(definitions[value["$ref"].rsplit("/", 1)[1]]["title"])
    if "enum" in value:
        return ", ".join(f"`{word}`" for word in value["enum"])
    if "examples" in value:
        return " ".join(f"`{example}`" for example in value["examples"])
    if "anyOf" in value:
        return " or ".join(_takes(choice, definitions) for choice in value["anyOf"])
    kind = value.get("type")
    if kind == "array":
        return f"a list of {_plural(_takes(value['items'], definitions))}"
    if kind == "object":
        keys = value.get("propertyNames", {})
        inner = value.get("additionalProperties")
        inner_text = _takes(inner, definitions) if isinstance(inner, dict) else "a word"
        key_text = _takes(keys, definitions) if keys.keys() & {"enum", "examples"} else "a name"
        return f"{key_text} → {inner_text}"
    if kind == "integer":
        return f"{value['minimum']}…{value['maximum']}" if "maximum" in value else "a number"
    return "a scalar" if isinstance(kind, list) else "a word" if "maxLength" in value else "text"


def _plural(text: str) -> str:
    return "words" if text == "a word" else text


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"].rsplit("/", 1)[1]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
