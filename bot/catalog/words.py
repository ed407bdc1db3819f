"""The words of a catalog: names, durations, batches, Slack ids, channels; how each is read, and what it looks like in JSON Schema.

Everything arrives as the text that stands in the file. A reader raises PydanticCustomError with a sentence that begins where
"`key` " ends, and with the nearest valid words in its context.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from bot.catalog.errors import nearest
from bot.domain.actions import CHANGES, GRANTABLE, JUDGES
from bot.domain.catalog import BatchSize, HealthKind, OnFailure

LONGEST = timedelta(days=30)
RESERVED_NAMES = frozenset({"to", "on", "shipbell"})
"""Words of the command grammar, and the bot's own name, which an Operation's requester can be."""

RESERVED_VARIABLES = frozenset({"PORT"})
"""What the local runtime tells an Instance itself."""

_DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?(?:(\d{1,9})ms)?")
_NAME = re.compile(r"[^\W_][\w.-]{0,39}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_PATH_LIKE = re.compile(r"[A-Za-z0-9._/~@+-][\w./~@+ -]*")
_SCP_LIKE = re.compile(r"(?:[\w.-]+@)?[\w.-]+:(?!//).+")
_SCHEMES = ("https", "http", "ssh", "git", "file")


def wrong(message: str, near: Iterable[str] = ()) -> PydanticCustomError:
    """The error that a reader raises; the sentence is in its context, out of reach of pydantic's formatting."""
    return PydanticCustomError("catalog_word", "{what}", {"what": message, "nearest": list(near)})


def shown(value: object) -> str:
    text = str(value)
    return f"`{text[:40]}…`" if len(text) > 40 else f"`{text}`"


def duration(value: object) -> timedelta:
    """`30s`, `2m`, `1h30m`, `500ms`, `0`; at most 30 days."""
    if isinstance(value, timedelta):
        return value
    text = _scalar(value).strip()
    if text == "0":
        return timedelta(0)
    match = _DURATION.fullmatch(text)
    if not text or not match:
        guess = [f"{text}s"] if text.isascii() and text.isdigit() else []
        raise wrong(
            f"is {shown(text)}, which is no duration. Write a number with its unit: 30s, 2m, 1h30m.", guess
        )
    days, hours, minutes, seconds, millis = (int(part or 0) for part in match.groups())
    found = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, milliseconds=millis)
    if found > LONGEST:
        raise wrong(f"is {shown(text)}, which is longer than {LONGEST.days} days.")
    return found


def duration_text(value: timedelta) -> str:
    """The shortest text that `duration` reads as this value."""
    left = value // timedelta(milliseconds=1)
    if not left:
        return "0s"
    parts = []
    for unit, millis in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, millis)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def batch(value: object) -> BatchSize:
    """`2` Instances, or `25%` of them."""
    if isinstance(value, BatchSize):
        return value
    text = _scalar(value).strip()
    if match := re.fullmatch(r"([0-9]{1,4})(%?)", text):
        number, percent = int(match.group(1)), bool(match.group(2))
        if number >= 1 and (not percent or number <= 100):
            return BatchSize(percent=number) if percent else BatchSize(count=number)
    raise wrong(f"is {shown(text)}. Write a number of instances such as 2, or a share from 1% to 100%.")


def number(low: int, high: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, int):
            return value
        text = _scalar(value).strip()
        if re.fullmatch(r"[0-9]{1,9}", text) and low <= int(text) <= high:
            return int(text)
        raise wrong(f"is {shown(text)}. Write a whole number from {low} to {high}.")

    return read


def name(value: object) -> str:
    """A Service's, an Environment's, a role's, a person's or a strategy's name."""
    text = _scalar(value)
    if text.casefold() in RESERVED_NAMES:
        raise wrong(f"is {shown(text)}, a word that Shipbell needs itself. Choose another name.")
    if not _NAME.fullmatch(text):
        rule = "letters, digits, `-`, `_` and `.`, beginning with a letter or digit, at most 40"
        raise wrong(f"is {shown(text)}, which is no name. A name has {rule}.")
    return text


def channel(value: object) -> str:
    text = _scalar(value).strip()
    if re.fullmatch(r"#[^\s#@,<>A-Z]{1,80}", text) or re.fullmatch(r"[CG][A-Z0-9]{2,20}", text):
        return text
    guess = [f"#{text.lstrip('#').lower()}"] if re.fullmatch(r"#?[\w.-]{1,80}", text) else []
    raise wrong(
        f'is {shown(text)}. Write a channel as "#deploys" (in quotes) or by its id such as C0123ABCD.', guess
    )


def slack_id(letters: str, what: str, example: str) -> Callable[[object], str]:
    pattern = re.compile(f"[{letters}][A-Z0-9]{{2,20}}")

    def read(value: object) -> str:
        text = _scalar(value).strip()
        if pattern.fullmatch(text):
            return text
        guess = [text.upper()] if pattern.fullmatch(text.upper()) else []
        raise wrong(
            f"is {shown(text)}, which is not the id of a {what}. Slack shows it in the profile: {example}.",
            guess,
        )

    return read


def word_of(words: Iterable[str], what: str) -> Callable[[object], str]:
    known = tuple(words)

    def read(value: object) -> str:
        text = _scalar(value).strip()
        if text in known:
            return text
        raise wrong(
            f"is {shown(text)}, which is no {what}. There are {', '.join(known)}.", nearest(text, known)
        )

    return read


def action(value: object) -> str:
    text = _scalar(value).strip()
    if text in JUDGES:
        raise wrong(f"is {shown(text)}. Who approves is said by `approvals: {{roles: […]}}`.")
    return word_of(GRANTABLE, "action that an environment can hand out")(text)


def command(value: object) -> str:
    text = _text(value).strip()
    if not text:
        raise wrong("is an empty command.")
    return text


def inside(value: object) -> str:
    """A path below the checkout."""
    text = _text(value).strip()
    parts = text.replace("\\", "/").split("/")
    if not text or text.startswith(("/", "~", "\\")) or ".." in parts or ":" in parts[0]:
        raise wrong(f"is {shown(text)}. Write a path inside the checkout, such as `dist`.")
    return text


def git_url(value: object) -> str:
    """A git URL or a path. Neither carries a password, and neither runs a command (`ext::`, a leading dash)."""
    text = _text(value).strip()
    if "://" in text:
        parts = urlsplit(text)
        if parts.scheme not in _SCHEMES:
            raise wrong(f"has the scheme {shown(parts.scheme)}. Known are {', '.join(_SCHEMES)}.")
        if parts.password is not None or (parts.username and parts.scheme in ("http", "https")):
            raise wrong(
                "has a password or token in its URL. Secrets don't belong into the catalog: use git's credential helper."
            )
        return text
    if "::" in text or not (_PATH_LIKE.fullmatch(text) or _SCP_LIKE.fullmatch(text)) or text.startswith("-"):
        raise wrong(
            "is neither a path such as ../shop.git nor a git URL such as https://git.example/shop.git."
        )
    return text


def is_path(url: str) -> bool:
    """Whether a git URL that `git_url` took is a path in the file system."""
    return "://" not in url and (url.startswith((".", "/", "~")) or not _SCP_LIKE.fullmatch(url))


def ref(value: object) -> str:
    text = _scalar(value).strip()
    if not re.fullmatch(r"[^\s~^:?*\[\\\x00-\x1f-][^\s~^:?*\[\\\x00-\x1f]{0,199}", text) or ".." in text:
        raise wrong(f"is {shown(text)}, which git does not take as a branch's name.")
    return text


def web_url(value: object) -> str:
    text = _text(value).strip()
    if not re.fullmatch(r"https?://[^\s<>|\"]{1,500}", text):
        raise wrong(f"is {shown(text)}. Write an address that begins with http:// or https://.")
    return text


def http_path(value: object) -> str:
    text = _text(value).strip()
    if not re.fullmatch(r"/[^\s]{0,500}", text):
        raise wrong(f"is {shown(text)}. Write a path that begins with `/`, such as /healthz.")
    return text


def variable(value: object) -> str:
    text = _scalar(value)
    if not _VARIABLE.fullmatch(text):
        raise wrong(f"is {shown(text)}. An environment variable's name has letters, digits and `_`.")
    if text in RESERVED_VARIABLES or text.startswith("SHIPBELL_"):
        raise wrong(f"is {shown(text)}, which Shipbell sets itself. Choose another name.")
    return text


def text(value: object) -> str:
    return _text(value)


def _scalar(value: object) -> str:
    if isinstance(value, dict):
        raise wrong("is a mapping; one word belongs here.")
    if isinstance(value, list):
        raise wrong("is a list; one word belongs here.")
    return unicodedata.normalize("NFC", str(value))


def _text(value: object) -> str:
    _scalar(value)
    found = str(value)
    if "\x00" in found:
        raise wrong("contains a NUL character.")
    return found


def _word(read: Callable[[object], Any], **schema: Any) -> Any:
    return (BeforeValidator(read), WithJsonSchema(schema))


def _id_schema(letters: str) -> dict[str, Any]:
    return {
        "type": "string",
        "pattern": f"^[{letters}][A-Z0-9]{{2,20}}$",
        "examples": [f"{letters[0]}0123ABCD"],
    }


GROUP_SCHEMA = _id_schema("S")
VARIABLE_SCHEMA: dict[str, Any] = {
    "type": "string",
    "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,127}$",
    "examples": ["GREETING"],
}
_DURATION_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "pattern": r"^(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$", "minLength": 2},
        {"const": 0},
    ],
    "examples": ["30s", "2m", "1h30m"],
}
_BATCH_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[1-9][0-9]{0,3}%?$"}],
    "examples": [2, "25%"],
}
_SCALAR_SCHEMA: dict[str, Any] = {"type": ["string", "number", "boolean"]}

Duration = Annotated[timedelta, *_word(duration, **_DURATION_SCHEMA)]
Batch = Annotated[BatchSize, *_word(batch, **_BATCH_SCHEMA)]
Name = Annotated[str, *_word(name, type="string", minLength=1, maxLength=40)]
Channel = Annotated[str, *_word(channel, type="string", examples=["#deploys", "C0123ABCD"])]
UserId = Annotated[str, *_word(slack_id("UW", "person", "U0123ABCD"), **_id_schema("UW"))]
TeamId = Annotated[str, *_word(slack_id("TE", "workspace", "T0123ABCD"), **_id_schema("TE"))]
GroupId = Annotated[str, *_word(slack_id("S", "user group", "S0123ABCD"), **GROUP_SCHEMA)]
Action = Annotated[str, *_word(action, enum=list(GRANTABLE))]
Kind = Annotated[str, *_word(word_of(CHANGES, "kind of operation"), enum=list(CHANGES))]
Failure = Annotated[str, *_word(word_of(OnFailure, "way to go on"), enum=[*OnFailure])]
HealthWord = Annotated[str, *_word(word_of(HealthKind, "kind of health check"), enum=[*HealthKind])]
Command = Annotated[str, *_word(command, type="string", minLength=1)]
Inside = Annotated[str, *_word(inside, type="string", minLength=1)]
GitUrl = Annotated[str, *_word(git_url, type="string", minLength=1)]
Ref = Annotated[str, *_word(ref, type="string", minLength=1)]
WebUrl = Annotated[str, *_word(web_url, type="string", pattern="^https?://")]
HttpPath = Annotated[str, *_word(http_path, type="string", pattern="^/")]
Variable = Annotated[str, *_word(variable, **VARIABLE_SCHEMA)]
VariableValue = Annotated[str, *_word(text, **_SCALAR_SCHEMA)]
Text = Annotated[str, *_word(text, type="string")]
Port = Annotated[int, *_word(number(1, 65535), type="integer", minimum=1, maximum=65535)]
Instances = Annotated[int, *_word(number(1, 100), type="integer", minimum=1, maximum=100)]
ApprovalCount = Annotated[int, *_word(number(1, 20), type="integer", minimum=1, maximum=20)]
