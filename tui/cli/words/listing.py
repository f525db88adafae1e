"""The words after `list KIND`: what is no option is the filter, `-word` too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import Misuse

_OPTIONS = ("--limit", "--after")
_OLDEST_FIRST = "--oldest-first"


@dataclass(frozen=True)
class Listing:
    """What is to be listed."""

    kind: str
    filter_text: str = ""
    limit: int = 1000
    """The most rows; 0 = all."""
    after: str | None = None
    """The id of the last row that was seen."""
    is_oldest_first: bool = False
    """Whether lists that start with the newest row start with the oldest: `after` is then a cursor to pull with."""


def read_listing(words: Sequence[str]) -> Listing:
    """Take the words after `list` apart; a word with a space is quoted, as it was for the shell.

    Raises:
        Misuse: there is no KIND, or an option's value is none.
    """
    options: dict[str, str] = {}
    others: list[str] = []
    is_oldest_first = False
    coming = iter(words)
    for word in coming:
        name, equals, value = word.partition("=")
        if word == "--":
            others += coming
        elif word == _OLDEST_FIRST:
            is_oldest_first = True
        elif name in _OPTIONS:
            options[name] = value if equals else next(coming, "")
        else:
            others.append(word)
    if not others:
        raise Misuse("list needs a KIND: postroom list account. See `postroom list --help`.")
    kind, *filters = others
    limit, after = _limit(options.get("--limit", "1000")), _after(options)
    return Listing(kind, " ".join(map(_quoted, filters)), limit, after, is_oldest_first)


def _quoted(word: str) -> str:
    if " " not in word or '"' in word:
        return word
    dash, bare = ("-", word[1:]) if word.startswith("-") else ("", word)
    column, colon, text = bare.partition(":")
    return f'{dash}{column}:"{text}"' if colon and column.isidentifier() else f'{dash}"{bare}"'


def _limit(text: str) -> int:
    if not text.isdecimal() or len(text) > 12:
        raise Misuse(f"--limit is a number of rows (0 = all), not {text!r}.")
    return int(text)


def _after(options: dict[str, str]) -> str | None:
    after = options.get("--after")
    if after == "":
        raise Misuse("--after needs the id of the last row that was seen.")
    return after
