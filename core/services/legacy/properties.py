"""Files of `key = value` as Java programs write them (java.util.Properties.load), and plainer ones.

In a file whose keys are JavaMail's, a backslash escapes and a line that ends with one goes on. Elsewhere a backslash is
what it looks like: a password is then taken as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from core.errors import BadInput, Problem

_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_SEPARATOR = re.compile(r"[ \t\f]*[=:][ \t\f]*|[ \t\f]+")
_ESCAPED = re.compile(r"\\(u[0-9A-Fa-f]{4}|u|.|\Z)", re.DOTALL)
_KEY = re.compile(r"(?:\\.|[^\\=: \t\f])*", re.DOTALL)
_JAVAMAIL = re.compile(r"^[ \t\f]*mail\.", re.MULTILINE)
_SECTION = re.compile(r"\[[^\]]*\]\s*")


@dataclass(frozen=True)
class Property:
    """One `key = value`."""

    key: str
    value: str
    line: int
    """Where it begins, from 1."""


LARGEST = 1 << 20
"""Bytes of a file of settings; a larger one is something else."""


def read_bytes(data: bytes, file: str) -> str:
    """The text of such a file: UTF-8, else Latin-1, in which Java wrote them for twenty years.

    Raises:
        BadInput: it is too large to be one.
    """
    if len(data) > LARGEST:
        raise BadInput(f"{file} is too large for a file of settings ({LARGEST >> 20} MiB at most).")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def read_properties(text: str, file: str) -> list[Property]:
    """The properties in their order; a key may stand there twice.

    Raises:
        BadInput: every line that is none.
    """
    has_escapes = _JAVAMAIL.search(text) is not None
    found: list[Property] = []
    problems: list[Problem] = []
    for number, line in _logical_lines(text, goes_on=has_escapes):
        try:
            key, value = _escaping(line) if has_escapes else _plain(line)
        except ValueError as error:
            problems.append(Problem(file, f"line {number}", str(error)))
        else:
            found.append(Property(key, value, number))
    if problems:
        raise BadInput(problems=tuple(problems))
    return found


def _escaping(line: str) -> tuple[str, str]:
    key, value = _cut(line)
    return _unescaped(key), _unescaped(value)


def _plain(line: str) -> tuple[str, str]:
    key, value = _cut(line)
    if not key or key == line:
        raise ValueError("is not of the form key = value.")
    return key, _unquoted(value)


def _logical_lines(text: str, *, goes_on: bool) -> Iterator[tuple[int, str]]:
    """Lines with what continues them, and the number of their first; comments, sections and blank lines left out."""
    lines = iter(enumerate(re.split(r"\r\n|\n|\r", text), 1))
    for number, natural in lines:
        line = natural.lstrip(" \t\f")
        if not line.strip() or line[0] in "#!" or (not goes_on and (line[0] == ";" or _SECTION.fullmatch(line))):
            continue
        while goes_on and _is_continued(line):
            _, following = next(lines, (0, ""))
            line = line[:-1] + following.lstrip(" \t\f")
        yield number, line


def _is_continued(line: str) -> bool:
    # Two backslashes are one that is meant.
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _cut(line: str) -> tuple[str, str]:
    key = _KEY.match(line)
    end = key.end() if key else 0
    separator = _SEPARATOR.match(line, end)
    return line[:end], line[separator.end() if separator else end :]


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: _meant(found[1]), text)


def _meant(escape: str) -> str:
    if escape == "u":
        raise ValueError(r"holds \u without its four hexadecimal digits.")
    if len(escape) == 5:
        return chr(int(escape[1:], 16))
    return _ESCAPES.get(escape, escape)


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
