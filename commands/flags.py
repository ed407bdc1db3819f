"""The flags of a command, wherever they stand in the line: which there are, and what stands behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.errors import UnknownWord, UsageError
from commands import words
from commands.nearest import nearest
from commands.spec import Flag, Spec, Value, Word
from commands.tokens import Line, Token, quote


@dataclass(frozen=True)
class Parted:
    """The line's tokens after the verb, parted: plain words in their order, and the flags' values by field name."""

    positional: tuple[Token, ...]
    values: Mapping[str, object]


def part(line: Line, tokens: tuple[Token, ...], spec: Spec[Any]) -> Parted:
    """Parts flags from words. Raises UsageError for unknown, repeated, incomplete and impossible flags."""
    takes_text = any(argument.word is Word.TEXT for argument in spec.arguments)
    positional: list[Token] = []
    values: dict[str, object] = {}
    at = 0
    while at < len(tokens):
        token = tokens[at]
        at += 1
        if token.flag is None or (takes_text and token.has_one_dash):
            positional.append(token)
            continue
        flag = _known(line, token, spec, takes_text)
        if flag.name in values:
            raise UsageError(f"{flag.word} stands there twice.", "Say it once.", [line.without([token])])
        if flag.value is Value.NOTHING:
            if token.value is not None:
                raise UsageError(
                    f"{flag.word} takes no value.", "Say it alone.", [line.replaced(token, flag.word)]
                )
            values[flag.name] = True
            continue
        given, used = _given(tokens, at, token, flag)
        at += used
        values[flag.name] = _read(given, flag)
    return Parted(tuple(positional), values)


def _known(line: Line, token: Token, spec: Spec[Any], takes_text: bool) -> Flag:
    name = (token.flag or "").casefold()
    if not token.has_one_dash:
        for flag in spec.flags:
            if flag.name == name:
                return flag
    known = [flag.name for flag in spec.shown_flags]
    rest = "" if token.value is None else f"={quote(token.value)}"
    close = [line.replaced(token, f"--{found}{rest}") for found in nearest(name, known)]
    todo = f"It knows {words.listed(f.word for f in spec.shown_flags)}." if known else "It has no flags."
    if takes_text:
        todo += " A reason that begins with dashes must stand in quotes."
    raise UnknownWord(
        f"{spec.verb} has no flag {words.said(token.raw.partition('=')[0])}.",
        todo,
        close,
        word=token.raw,
        kind="flag",
    )


def _given(tokens: tuple[Token, ...], at: int, token: Token, flag: Flag) -> tuple[str, int]:
    """What stands behind the flag, and how many tokens were used up for it."""
    used = 0
    if token.value is not None:
        text = token.value
    elif at < len(tokens) and tokens[at].flag is None:
        text, used = tokens[at].text, 1
    else:
        raise UsageError(f"{flag.word} needs a value.", f"Write it as {flag.usage}.")
    if not text:
        raise UsageError(f"{flag.word} needs a value.", f"Write it as {flag.usage}.")
    if flag.value is Value.INSTANCES:
        # A phone puts a space after each comma: a list that ends with one goes on.
        while text.endswith(",") and at + used < len(tokens) and tokens[at + used].flag is None:
            text += tokens[at + used].text
            used += 1
    return text, used


def _read(text: str, flag: Flag) -> object:
    match flag.value:
        case Value.INSTANCES:
            return words.instances(text)
        case Value.BATCH:
            return words.batch(text)
        case Value.COUNT:
            return words.count(text, flag.word, flag.lowest, flag.highest)
        case Value.HASH:
            return words.plan_hash(text)
        case _:
            return words.reason(text)
