"""What a shell asks at each TAB: what may stand where the cursor is.

Imports no framework, says nothing to a person, makes nothing.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from core.services.looking.names import names_shown
from tui.cli.completion.suggestions import Suggested, suggested
from tui.cli.words.options import split_common

SHELL_KNOWS_BETTER = 1
"""How it ends where a file is to be named, or nothing is known."""

_FOR_BASH = "--bash"
_REDIRECTION = re.compile(r"\d*&?(<|>>?\|?)")
_SPECIAL = re.compile(r"[^\w@%+=:,./-]")


@dataclass(frozen=True)
class _Typed:
    """A command line up to the cursor, unquoted."""

    before: list[str]
    """The whole words after the program's name."""
    current: str
    """What stands of the next one."""
    is_quoted: bool = False
    """Whether a quote is open there."""


def complete(words: Sequence[str]) -> int:
    """Write what may stand next, a candidate a line.

    Args:
        words: those after the program's name, the last one as far as it is typed; or `--bash`, the line up to the
            cursor, and the end of it that bash replaces.
    """
    if words[:1] == [_FOR_BASH] and len(words) == 3:
        typed = _read_line(words[1])
        found = Suggested(is_file=True) if _is_redirected(typed) else suggested(typed.before, typed.current)
        written = [_for_bash(one, typed, words[2]) for one in _candidates(found, typed)]
    else:
        typed = _Typed([*words[:-1]], "".join(words[-1:]))
        found = suggested(typed.before, typed.current)
        written = _candidates(found, typed)
    sys.stdout.writelines(f"{line}\n" for line in written if line.isprintable())
    return SHELL_KNOWS_BETTER if found.is_file else 0


def _candidates(found: Suggested, typed: _Typed) -> list[str]:
    return [*found.words, *(f"{found.prefix}{name}" for name in _names(found, typed))]


def _names(found: Suggested, typed: _Typed) -> list[str]:
    if not found.names_of:
        return []
    try:
        environment = split_common(typed.before)[0].environment
        return names_shown(environment, found.names_of, typed.current.removeprefix(found.prefix))
    except Exception:  # noqa: BLE001 - no database, no right, another version: whoever presses TAB asked none of it
        return []


def _read_line(line: str) -> _Typed:
    """Take a line apart as a shell does; it may end within a word, or within a quote."""
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    try:
        words.extend(lexer)
    except ValueError as error:  # "No closing quotation", or a backslash stands last
        return _Typed(words[1:], lexer.token, is_quoted="quotation" in str(error))
    if not words[1:] or re.search(r"(?<!\\)\s$", line):
        return _Typed(words[1:], "")
    return _Typed(words[1:-1], words[-1])


def _is_redirected(typed: _Typed) -> bool:
    """Whether a file is to be named behind `>` or `<`, which bash leaves to whoever completes the command."""
    last = "".join(typed.before[-1:])
    return bool(_REDIRECTION.fullmatch(last) or _REDIRECTION.match(typed.current)) and not typed.is_quoted


def _for_bash(candidate: str, typed: _Typed, replaced: str) -> str:
    """What bash shall put in the place of the end of the line that it replaces."""
    if typed.is_quoted:
        return candidate[len(typed.current) - len(replaced) :]
    rest = candidate[len(typed.current) - len(re.sub(r"\\(.)", r"\1", replaced)) :]
    return _SPECIAL.sub(r"\\\g<0>", rest)
