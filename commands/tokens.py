"""A plain line cut into tokens: words, quoted words and flags, each with its place, so that a corrected line can be made.

Nothing here knows a verb, a service or a flag's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.errors import UsageError

_DASHES = "-—–−‒―⸺"  # phones make one long dash of the two that were typed
_FLAG = re.compile(rf"([{_DASHES}]+)(?=[^\W\d_])([^\s=]*)(=?)")
_ENDS = {quote: re.compile(rf"(?<!\\)(?:\\\\)*{quote}(?=\s|$)") for quote in "\"'"}
_BARE = re.compile(r"\S+")


@dataclass(frozen=True)
class Token:
    """`text`: the word without quotes. For flags `flag` is the name without dashes and `value` what followed `=`, else None.
    `start` and `end` are its place in the line; `raw` is what stands there."""

    text: str
    start: int
    end: int
    raw: str
    quoted: bool = False
    flag: str | None = None
    value: str | None = None
    dashes: str = ""

    @property
    def folded(self) -> str:
        return self.text.casefold()

    @property
    def has_one_dash(self) -> bool:
        return self.dashes == "-"


@dataclass(frozen=True)
class Line:
    """A command's plain text and its tokens. The editing methods return new plain lines."""

    text: str
    tokens: tuple[Token, ...]

    def replaced(self, token: Token, word: str) -> str:
        return self._tidy(self.text[: token.start] + word + self.text[token.end :])

    def without(self, tokens: Iterable[Token]) -> str:
        text = self.text
        for token in sorted(tokens, key=lambda t: t.start, reverse=True):
            text = text[: token.start] + text[token.end :]
        return self._tidy(text)

    def inserted(self, token: Token, word: str) -> str:
        """With `word` before `token`."""
        return self._tidy(f"{self.text[: token.start]}{word} {self.text[token.start :]}")

    def swapped(self, one: Token, other: Token) -> str:
        first, second = sorted((one, other), key=lambda t: t.start)
        between = self.text[first.end : second.start]
        return self._tidy(
            self.text[: first.start] + second.raw + between + first.raw + self.text[second.end :]
        )

    def ending(self, word: str) -> str:
        return self._tidy(f"{self.text} {word}")

    def after(self, token: Token, word: str) -> str:
        """With `word` after `token`."""
        return self._tidy(f"{self.text[: token.end]} {word} {self.text[token.end :]}")

    @staticmethod
    def _tidy(text: str) -> str:
        return re.sub(r"\s+", " ", text).strip()


def tokenise(text: str) -> Line:
    """Cuts a plain line. A quote opens only where a word begins (or a flag's value), so that `don't` is a word, and closes
    only where one ends. Raises UsageError for a `"` that never closes, with the closed line as the nearest."""
    found: list[Token] = []
    hopeless: set[str] = set()
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        token = _token(text, at, hopeless)
        found.append(token)
        at = token.end
    return Line(text, tuple(found))


def quote(word: str) -> str:
    """A word as it must be typed to be read as this one word again: as it is where that works, else in quotes."""
    if word and not re.search(r"\s|^[\"'`]|[`]$", word) and word[0] not in _DASHES:
        return word
    escaped = re.sub(r'([\\"])', r"\\\1", word)
    return f'"{escaped}"'


def _token(text: str, start: int, hopeless: set[str]) -> Token:
    flag = _FLAG.match(text, start)
    if flag is None:
        word, end, quoted = _word(text, start, hopeless)
        return Token(word, start, end, text[start:end], quoted)
    dashes, name, equals = flag.groups()
    if not equals:
        end = flag.end()
        return Token(text[start:end], start, end, text[start:end], flag=name, dashes=dashes)
    value, end, _ = _word(text, flag.end(), hopeless)
    return Token(text[start:end], start, end, text[start:end], flag=name, value=value, dashes=dashes)


def _word(text: str, start: int, hopeless: set[str]) -> tuple[str, int, bool]:
    mark = text[start : start + 1]
    if mark and mark in _ENDS and mark not in hopeless:
        closing = _ENDS[mark].search(text, start + 1)
        if closing is not None:
            inside = text[start + 1 : closing.end() - 1]
            return re.sub(r"\\([\\\"'])", r"\1", inside), closing.end(), True
        if mark == '"':
            closed = [text + '"', text[:start] + text[start + 1 :]]
            raise UsageError('A quote (") is opened and never closed.', "Close it.", closed)
        hopeless.add(mark)
    bare = _BARE.match(text, start)
    if bare is None:
        return "", start, False
    word = bare.group()
    if len(word) > 2 and word[0] == word[-1] == "`":
        word = word[1:-1]
    return word, bare.end(), False
