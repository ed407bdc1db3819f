"""YAML text becomes a tree of plain values that remember their places. What the keys mean is not known here.

Scalars stay as they are written: `no` is the word no, `1.10` is not 1.1, and nothing is a date. A key without a value, a key
said twice, a tag and a reference to itself are problems; aliases and merge keys (`<<`) work, within a limit.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Union

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bot.catalog.errors import WHOLE_FILE, Findings, Place

MAX_BYTES = 1_000_000
MAX_VALUES = 50_000
"""How many values a catalog may have with its aliases written out: a few KB of aliases can stand for billions."""

Value = Union["Map", "Seq", str, None]

_MAX_BRACKETS = 100
_BRACKETS = re.compile(r"[\[\]{}]")
_CORE_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp", "merge")
)
_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What YAML counts as the end of a line."""

_COMMENT_AS_VALUE = re.compile(r":\s+(#\S+)")


class Map(dict[str, Value]):
    """A mapping; `key_places` and `value_places` say where each key and its value stand."""

    def __init__(self) -> None:
        super().__init__()
        self.key_places: dict[str, Place] = {}
        self.value_places: dict[str, Place] = {}

    def put(self, key: str, value: Value, key_place: Place, value_place: Place) -> None:
        self[key] = value
        self.key_places[key] = key_place
        self.value_places[key] = value_place

    def place_of(self, key: str) -> Place:
        """Where a problem with this key's value is shown: at a scalar, or else at the key."""
        if isinstance(self.get(key), str):
            return self.value_places.get(key, WHOLE_FILE)
        return self.key_places.get(key, WHOLE_FILE)


class Seq(list[Value]):
    """A list; `places` says where each item stands."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[Place] = []


def read_tree(data: bytes, findings: Findings) -> Map | None:
    """The tree of a catalog's bytes, or None with the reason among the findings."""
    if len(data) > MAX_BYTES:
        findings.add(WHOLE_FILE, f"The file is larger than a catalog may be: at most {MAX_BYTES:,} bytes.")
        return None
    text = _decoded(data, findings)
    if text is None:
        return None
    root = _composed(text, findings)
    if root is None:
        return None
    try:
        return _Builder(text, findings).document(root)
    except _TooMany:
        what = f"The aliases of this file stand for more than {MAX_VALUES:,} values; write fewer of them."
        findings.add(WHOLE_FILE, what)
    except RecursionError:
        findings.add(WHOLE_FILE, "The values are nested too deeply.")
    return None


def walk(tree: Value, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Map]]:
    """Every mapping below (and including) `tree`, with the keys that lead to it."""
    if isinstance(tree, Map):
        yield path, tree
        for key, value in tree.items():
            yield from walk(value, (*path, key))


def _decoded(data: bytes, findings: Findings) -> str | None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        place = Place(before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1)
        findings.add(place, f"Byte 0x{data[error.start]:02x} is not UTF-8. Save the file as UTF-8.")
        return None
    return text


def _composed(text: str, findings: Findings) -> Node | None:
    if _is_deep(text):
        findings.add(WHOLE_FILE, "The values are nested too deeply.")
        return None
    try:
        root: Node | None = YAML(typ="rt", pure=True).compose(text)
    except MarkedYAMLError as error:
        findings.add(*_yaml_problem(error, text))
        return None
    except YAMLError as error:
        # The reader's own error, without a mark: a character that YAML doesn't allow, such as NUL.
        character = getattr(error, "character", None)
        shown = f"U+{character:04X} " if isinstance(character, int) else ""
        position = getattr(error, "position", 0)
        before = text[:position]
        place = Place(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)
        findings.add(place, f"The control character {shown}is not allowed in YAML.")
        return None
    except (RecursionError, ValueError) as error:
        deep = isinstance(error, RecursionError)
        findings.add(
            WHOLE_FILE, "The values are nested too deeply." if deep else f"This is not YAML: {error}."
        )
        return None
    if root is None or (isinstance(root, ScalarNode) and not root.value):
        findings.add(WHOLE_FILE, "The file is empty. A catalog begins with `environments:`.")
        return None
    return root


def _is_deep(text: str) -> bool:
    """Whether more brackets stand open than any catalog has: the YAML reader takes minutes for thousands of them."""
    depth = 0
    for match in _BRACKETS.finditer(text):
        depth = depth + 1 if match.group() in "[{" else max(0, depth - 1)
        if depth > _MAX_BRACKETS:
            return True
    return any(line.count("- ") > _MAX_BRACKETS and not line.strip("- ") for line in text.splitlines())


def _yaml_problem(error: MarkedYAMLError, text: str) -> tuple[Place, str]:
    mark = error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark else WHOLE_FILE
    lines = _LINE_END.split(text)
    line = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
    problem = str(error.problem or error.context or "this is not YAML")
    if "\t" in line[: place.column] and "cannot start any token" in problem:
        return place, "A tab is used for indentation. YAML wants spaces here."
    if "another document" in problem:
        return place, "A second document begins here. A catalog is one document: remove this `---`."
    if "cannot start any token" in problem and line[place.column - 1 : place.column] in ("@", "`", "%"):
        return place, f"A value that begins with `{line[place.column - 1]}` has to be in quotes."
    if "mapping values are not allowed" in problem:
        return (
            place,
            "A colon followed by a space is not allowed here. Put the value in quotes, or check the indentation.",
        )
    if "undefined alias" in problem:
        return place, f"{problem.removeprefix('found ').capitalize()}: no `&` with this name stands above."
    if error.context_mark and "flow" in str(error.context):
        # In `{channel: #releases, …}` the rest of the line is a comment, and what fails is only found lines later.
        for number in range(error.context_mark.line, min(place.line, len(lines))):
            if comment := _COMMENT_AS_VALUE.search(lines[number]):
                at = Place(number + 1, comment.start(1) + 1)
                return at, _comment_sentence(comment.group(1))
    context = f" {error.context}" if error.context and error.context != problem else ""
    return place, f"This is not YAML: {problem}{context}."


def _comment_sentence(comment: str) -> str:
    word = comment.rstrip(",}]")
    return f'`{word}` is a comment in YAML. Write it in quotes: "{word}".'


class _TooMany(Exception):
    """The aliases stand for too many values."""


class _Builder:
    def __init__(self, text: str, findings: Findings) -> None:
        self._lines = _LINE_END.split(text)
        self._findings = findings
        self._left = MAX_VALUES
        self._open: set[int] = set()

    def document(self, root: Node) -> Map | None:
        if not isinstance(root, MappingNode):
            what = "A catalog is a mapping: lines of `key: value`, beginning with `environments:`."
            self._findings.add(_place(root), what)
            return None
        return self._map(root)

    def _value(self, node: Node) -> Value:
        self._left -= 1
        if self._left < 0:
            raise _TooMany
        if str(node.tag) not in _CORE_TAGS:
            self._findings.add(
                _place(node), f"Tags such as `{_short(str(node.tag))}` are not used in a catalog."
            )
            return ""
        if isinstance(node, ScalarNode):
            is_null = str(node.tag).endswith(":null")
            return None if is_null else str(node.value)
        if id(node) in self._open:
            self._findings.add(_place(node), "This alias contains itself.")
            return ""
        self._open.add(id(node))
        try:
            return self._seq(node) if isinstance(node, SequenceNode) else self._map(node)
        finally:
            self._open.discard(id(node))

    def _seq(self, node: SequenceNode) -> Seq:
        found = Seq()
        for item in node.value:
            value, place = self._value(item), _place(item)
            if value is None:
                self._findings.add_last(place, "This item is empty. Remove it, or write it in quotes.")
            found.append(value)
            found.places.append(place)
        return found

    def _map(self, node: Node) -> Map:
        found = Map()
        merged: list[tuple[Node, Node]] = []
        for key_node, value_node in node.value:
            if isinstance(key_node, ScalarNode) and key_node.value == "<<" and not key_node.style:
                merged.append((key_node, value_node))
                continue
            self._entry(found, key_node, value_node)
        for key_node, value_node in merged:
            self._merge(found, key_node, value_node)
        return found

    def _entry(self, found: Map, key_node: Node, value_node: Node) -> None:
        place = _place(key_node)
        if not isinstance(key_node, ScalarNode):
            self._findings.add(place, "A key has to be a word, not a list or a mapping.")
            return
        key = unicodedata.normalize("NFC", str(key_node.value))
        if not key:
            self._findings.add(place, "This key is empty. A key has to be a word.")
            return
        if key in found:
            first = found.key_places[key]
            what = f"`{key}` is said twice: here and in line {first.line}. Only one can hold."
            self._findings.add(place, what)
            return
        value = self._value(value_node)
        found.put(key, value, place, _place(value_node))
        if value is None:
            self._findings.add_last(place, self._why_empty(key, place))

    def _merge(self, found: Map, key_node: Node, value_node: Node) -> None:
        parts = value_node.value if isinstance(value_node, SequenceNode) else [value_node]
        for part in parts:
            if not isinstance(part, MappingNode):
                self._findings.add(_place(key_node), "`<<` merges a mapping, such as `<<: *common`.")
                continue
            base = self._value(part)
            if not isinstance(base, Map):
                continue
            for key, value in base.items():
                if key not in found:
                    found.put(key, value, base.key_places[key], base.value_places[key])

    def _why_empty(self, key: str, place: Place) -> str:
        line = self._lines[place.line - 1] if place.line <= len(self._lines) else ""
        if comment := _COMMENT_AS_VALUE.match(line, place.column - 1 + len(key)):
            return f"`{key}` is empty. {_comment_sentence(comment.group(1))}"
        return f"`{key}` is empty. Give it a value, or leave the key out."


def _place(node: Node) -> Place:
    mark = node.start_mark
    return Place(mark.line + 1, mark.column + 1) if mark else WHOLE_FILE


def _short(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")
