"""Single words read against what there is: services, environments, operations, numbers. Each reader returns or raises.

The errors say what is wrong, what to do, and carry whole corrected lines; nothing is ever replaced on its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from bot.domain.catalog import Catalog
from bot.domain.errors import UnknownWord, UsageError
from bot.domain.operation import Choice
from commands.nearest import nearest
from commands.text import clip, same
from commands.tokens import Line, Token, quote

LONGEST_WORD = 200
LONGEST_REASON = 500
_OPERATION = re.compile(r"#?([1-9][0-9]{0,8})", re.ASCII)
_COUNT = re.compile(r"0|[1-9][0-9]{0,5}", re.ASCII)
_PERCENT = re.compile(r"([1-9][0-9]{0,2})\s?%", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{12,64}", re.ASCII)


class Misuse(UsageError):
    """The words don't fit the grammar of their verb; `usage` is the line of the grammar that they should have followed."""

    def __init__(self, what: str, usage: str, nearest: Iterable[str] = ()) -> None:
        super().__init__(what, f"Write {usage}", nearest)
        self.usage = usage


def said(word: str) -> str:
    """A person's word inside a sentence."""
    return f"“{clip(word, 40)}”"


def listed(names: Iterable[str], limit: int = 8) -> str:
    """Names in a sentence, cut at a limit."""
    found = list(names)
    more = f" and {len(found) - limit} more" if len(found) > limit else ""
    return ", ".join(found[:limit]) + more


def find(word: str, names: Iterable[str]) -> str | None:
    """The name that was typed exactly, but for how its accents are composed."""
    wanted = same(word)
    return next((name for name in names if same(name) == wanted), None)


def service(line: Line, token: Token, word: str, catalog: Catalog) -> str:
    """A service's name. `word` is the token's part that names it."""
    found = find(word, catalog.services)
    if found is not None:
        return found
    rest = token.text[len(word) :]
    close = nearest(word, catalog.services)
    raise UnknownWord(
        f"There is no service {said(word)}.",
        f"The services are: {listed(catalog.services)}." if catalog.services else "The catalog has none yet.",
        [line.replaced(token, quote(name + rest)) for name in close],
        word=word,
        kind="service",
    )


def environment(line: Line, token: Token, catalog: Catalog, of_service: str | None) -> str:
    """An environment's name, in which `of_service`, if one was named, has a Target."""
    names: Mapping[str, object] = catalog.environments
    if of_service is not None:
        names = {n: n for n in catalog.environments if catalog.target(of_service, n) is not None}
    found = find(token.text, names)
    if found is not None:
        return found
    known = find(token.text, catalog.environments)
    if known is not None:
        raise UnknownWord(
            f"{of_service} doesn't run in {known}.",
            f"It runs in: {listed(names)}." if names else "It runs nowhere yet.",
            [line.replaced(token, quote(name)) for name in names][:3],
            word=token.text,
            kind="environment",
        )
    raise UnknownWord(
        f"There is no environment {said(token.text)}.",
        f"{of_service} runs in: {listed(names)}."
        if of_service
        else f"The environments are: {listed(names)}.",
        [line.replaced(token, quote(name)) for name in nearest(token.text, names)],
        word=token.text,
        kind="environment",
    )


def is_operation(text: str) -> bool:
    return text.startswith("#") or text.isdigit()


def operation(token: Token) -> int:
    """`#12` or `12`."""
    found = _OPERATION.fullmatch(token.text)
    if found is None:
        raise UsageError(f"{said(token.text)} is no operation's number.", "Numbers look like #12.")
    return int(found.group(1))


def count(text: str, what: str, lowest: int, highest: int) -> int:
    """A whole number between the bounds, written in ASCII digits."""
    if not _COUNT.fullmatch(text) or not lowest <= int(text) <= highest:
        raise UsageError(f"{what} is a whole number from {lowest} to {highest}, and not {said(text)}.")
    return int(text)


def batch(text: str) -> str:
    """`2` or `50%`, in that form."""
    percent = _PERCENT.fullmatch(text)
    if percent is not None and int(percent.group(1)) <= 100:
        return f"{int(percent.group(1))}%"
    if percent is None and _COUNT.fullmatch(text) and int(text) >= 1:
        return text
    raise UsageError(
        f"{said(text)} is no size for a batch.",
        "Say how many instances move together (1 or more), or a share of them (1% to 100%).",
    )


def instances(text: str) -> tuple[str, ...]:
    """Names between commas, each once, in the order in which they were said."""
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UsageError(
            f"The list {said(text)} has a gap.",
            "Write the instances with a comma between them: shop-1,shop-2.",
        )
    return tuple(dict.fromkeys(name_of(name, "an instance's name") for name in names))


def name_of(text: str, what: str) -> str:
    """A word that names something outside the catalog. A leading dash would be taken for a flag by git and others; spaces and
    quotes are never meant."""
    if not text or len(text) > LONGEST_WORD or text[0] in "-@" or re.search(r"[\s\"'`\\]", text):
        raise UsageError(
            f"{said(text)} can't be {what}.", "It has no spaces or quotes and begins with neither - nor @."
        )
    return text


def reason(text: str) -> str:
    if len(text) > LONGEST_REASON:
        raise UsageError(
            f"The reason has {len(text)} characters, and {LONGEST_REASON} fit.", "Say it more briefly."
        )
    return text


def plan_hash(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise UsageError(f"{said(text)} is no plan's hash.", "Press the button on the newest prompt.")
    return text


def choice(line: Line, token: Token) -> Choice:
    word = token.folded.replace("-", "_")
    if word in list(Choice):
        return Choice(word)
    raise UnknownWord(
        f"{said(token.text)} is no answer.",
        f"The answers are: {listed(Choice)}.",
        [line.replaced(token, name) for name in nearest(word, Choice)],
        word=token.text,
        kind="answer",
    )
