"""The options that every command takes, wherever they stand on the line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.environment import Environment, read_environment
from core.errors import Misuse

_SWITCHES = {"--quiet": "quiet", "--debug": "debug", "--json": "json"}
_PATHS = {"--home": "home", "--database-url": "database_url", "--drop": "drop", "--key-file": "key_file"}

EPILOG = (
    "Every command also takes: --json (one object a line on stdout), --quiet (nothing but errors on stderr), --debug "
    "(all of them), --home DIR, --database-url URL, --drop DIR, --key-file FILE (before POSTROOM_* in the environment)."
)
"""Stands under the help of every command."""


@dataclass(frozen=True)
class Invocation:
    """How this command was called, apart from what it is about."""

    environment: Environment
    json: bool = False
    """One object a line on stdout, and nothing else there."""
    quiet: bool = False
    """Nothing is said to a person but errors."""
    debug: bool = False
    """Everything is said."""


def split_common(words: Sequence[str]) -> tuple[Invocation, list[str]]:
    """Take the common options out of a command line; what stands behind `--` is left alone.

    Raises:
        Misuse: an option lacks its value.
        ConfigurationError: the file that `POSTROOM_CONFIG` names cannot be used.
    """
    switches: dict[str, bool] = {}
    paths: dict[str, str | None] = {}
    rest: list[str] = []
    coming = iter(words)
    for word in coming:
        name, equals, value = word.partition("=")
        if word == "--":
            rest += [word, *coming]
        elif word in _SWITCHES:
            switches[_SWITCHES[word]] = True
        elif name in _PATHS:
            paths[_PATHS[name]] = value if equals else _value_of(name, next(coming, None))
        else:
            rest.append(word)
    return Invocation(read_environment(None, **paths), **switches), rest


def _value_of(name: str, value: str | None) -> str:
    if not value:
        raise Misuse(f"{name} needs a value.")
    return value
