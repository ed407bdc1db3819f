"""Domain values to JSON words and back, strictly, by the types that the domain's frozen dataclasses declare.

Stored values outlive the code that wrote them, in both directions: a field that an older version didn't write takes the
domain's default, and a field that only a newer version knows is left out. Anything else that doesn't fit is an error that
names the field; nothing is guessed. The stored words are the domain's field names and enum values: tests/bot/storage keeps a
value of every kind as it was once written, so renaming one needs a migration.
"""

from __future__ import annotations

import enum
import functools
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from bot.domain.errors import StorageError
from bot.storage.types import plain

T = TypeVar("T")


class Misfit(StorageError):
    """A stored value that isn't what the domain declares. `path`: the field, as `plan.steps[3].kind`."""

    def __init__(self, path: str, wanted: str, found: object) -> None:
        shown = repr(found) if isinstance(found, str | int | float | bool | None) else type(found).__name__
        super().__init__(
            f"A stored value doesn't fit: {path} should be {wanted}, and is {shown[:80]}.",
            "It was written by a newer Shipbell, or changed by hand: start that version, or restore a backup.",
        )
        self.path = path


def encode(value: object) -> dict[str, Any]:
    """A frozen dataclass of the domain as JSON words. Raises TypeError or ValueError when a field holds something else than it
    declares (times must be aware)."""
    kind: Any = type(value)
    return cast(dict[str, Any], _codec(kind).encode(value))


def decode(kind: type[T], words: object) -> T:
    """The value of class `kind` that `encode` made `words` of. Raises Misfit (a StorageError)."""
    declared: Any = kind
    return cast(T, _codec(declared).decode(words, kind.__name__))


@dataclass(frozen=True)
class _Codec:
    encode: Callable[[Any], Any]
    decode: Callable[[Any, str], Any]


@functools.cache
def _codec(kind: Any) -> _Codec:
    """The codec of a declared type. Raises TypeError for a type that has none: add it here, with a test."""
    if is_dataclass(kind):
        return _of_dataclass(cast(type, kind))
    if isinstance(kind, type) and issubclass(kind, enum.StrEnum):
        return _of_enum(kind)
    if kind in _SCALARS:
        return _SCALARS[kind]
    if kind in (Any, object):
        return _Codec(plain, lambda words, _: words)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _of_optional(kind, arguments)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return _of_sequence(_codec(arguments[0]), tuple)
    if origin is frozenset:
        return _of_sequence(_codec(arguments[0]), frozenset)
    if origin is tuple:
        return _of_tuple(tuple(_codec(argument) for argument in arguments))
    if origin is Mapping and arguments[0] is str:
        return _of_mapping(_codec(arguments[1]))
    raise TypeError(f"no codec for {kind!r}")


def _of_dataclass(kind: type) -> _Codec:
    hints = get_type_hints(kind)
    parts = {field.name: _codec(hints[field.name]) for field in fields(kind) if field.init}
    required = {
        field.name
        for field in fields(kind)
        if field.init and field.default is MISSING and field.default_factory is MISSING
    }

    def encode_all(value: Any) -> dict[str, Any]:
        if type(value) is not kind:
            raise TypeError(f"{kind.__name__} expected, not {type(value).__name__}")
        return {name: part.encode(getattr(value, name)) for name, part in parts.items()}

    def decode_all(words: Any, path: str) -> Any:
        if not isinstance(words, dict):
            raise Misfit(path, "an object", words)
        for name in sorted(required - words.keys()):
            raise Misfit(f"{path}.{name}", "there", None)
        return kind(
            **{
                name: part.decode(words[name], f"{path}.{name}")
                for name, part in parts.items()
                if name in words
            }
        )

    return _Codec(encode_all, decode_all)


def _of_enum(kind: type[enum.StrEnum]) -> _Codec:
    words_of = {member.value: member for member in kind}

    def decode_word(words: Any, path: str) -> Any:
        if not isinstance(words, str) or words not in words_of:
            raise Misfit(path, f"one of {', '.join(words_of)}", words)
        return words_of[words]

    return _Codec(lambda value: kind(value).value, decode_word)


def _of_optional(kind: Any, arguments: tuple[Any, ...]) -> _Codec:
    others = [argument for argument in arguments if argument is not type(None)]
    if len(others) != 1:
        raise TypeError(f"no codec for {kind!r}: one type or None")
    inner = _codec(others[0])
    return _Codec(
        lambda value: None if value is None else inner.encode(value),
        lambda words, path: None if words is None else inner.decode(words, path),
    )


def _of_sequence(inner: _Codec, make: type[tuple[Any, ...]] | type[frozenset[Any]]) -> _Codec:
    def encode_each(value: Any) -> list[Any]:
        if not isinstance(value, make):
            raise TypeError(f"{make.__name__} expected, not {type(value).__name__}")
        words = [inner.encode(item) for item in value]
        return sorted(words) if make is frozenset else words

    def decode_each(words: Any, path: str) -> Any:
        if not isinstance(words, list):
            raise Misfit(path, "a list", words)
        return make(inner.decode(item, f"{path}[{place}]") for place, item in enumerate(words))

    return _Codec(encode_each, decode_each)


def _of_tuple(inners: tuple[_Codec, ...]) -> _Codec:
    def encode_each(value: Any) -> list[Any]:
        return [inner.encode(item) for inner, item in zip(inners, value, strict=True)]

    def decode_each(words: Any, path: str) -> Any:
        if not isinstance(words, list) or len(words) != len(inners):
            raise Misfit(path, f"a list of {len(inners)}", words)
        return tuple(
            inner.decode(item, f"{path}[{place}]")
            for place, (inner, item) in enumerate(zip(inners, words, strict=True))
        )

    return _Codec(encode_each, decode_each)


def _of_mapping(inner: _Codec) -> _Codec:
    def encode_each(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise TypeError(f"a mapping keyed by text expected, not {type(value).__name__}")
        return {str(key): inner.encode(item) for key, item in value.items()}

    def decode_each(words: Any, path: str) -> Any:
        if not isinstance(words, dict):
            raise Misfit(path, "an object", words)
        return {key: inner.decode(item, f"{path}.{key}") for key, item in words.items()}

    return _Codec(encode_each, decode_each)


def _exactly(kind: type, word: str) -> _Codec:
    def encode_one(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"{word} expected, not {type(value).__name__}")
        return value

    def decode_one(words: Any, path: str) -> Any:
        if type(words) is not kind:
            raise Misfit(path, word, words)
        return words

    return _Codec(encode_one, decode_one)


def _encode_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text expected, not {type(value).__name__}")
    return str(value)


def _encode_number(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError(f"a number expected, not {type(value).__name__}")
    return cast(float, plain(float(value)))


def _decode_number(words: Any, path: str) -> float:
    if type(words) not in (int, float):
        raise Misfit(path, "a number", words)
    return float(words)


def _encode_time(value: Any) -> str:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError(f"an aware time expected, not {value!r}")
    return value.astimezone(UTC).isoformat()


def _decode_time(words: Any, path: str) -> datetime:
    try:
        time = datetime.fromisoformat(words)
    except (TypeError, ValueError):
        raise Misfit(path, "a time", words) from None
    if time.tzinfo is None:
        raise Misfit(path, "a time with its zone", words)
    return time.astimezone(UTC)


def _encode_duration(value: Any) -> list[int]:
    if not isinstance(value, timedelta):
        raise TypeError(f"a duration expected, not {type(value).__name__}")
    return [value.days, value.seconds, value.microseconds]


def _decode_duration(words: Any, path: str) -> timedelta:
    if not isinstance(words, list) or len(words) != 3 or not all(type(part) is int for part in words):
        raise Misfit(path, "a duration as days, seconds and microseconds", words)
    try:
        return timedelta(*words)
    except OverflowError:
        raise Misfit(path, "a duration", str(words)) from None


_SCALARS: Mapping[Any, _Codec] = {
    str: _Codec(_encode_text, _exactly(str, "text").decode),
    int: _exactly(int, "a whole number"),
    bool: _exactly(bool, "true or false"),
    float: _Codec(_encode_number, _decode_number),
    datetime: _Codec(_encode_time, _decode_time),
    timedelta: _Codec(_encode_duration, _decode_duration),
}
