"""`field=value` on a command line: a value is TOML, a bare word a string."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date, time
from typing import Any

from core.errors import Misuse
from core.resources.kind import Field, FieldType, Kind
from tui.cli.words.passwords import secret_field

_AS_WRITTEN = {
    FieldType.TEXT,
    FieldType.NOTE,
    FieldType.CHOICE,
    FieldType.REFERENCE,
    FieldType.DURATION,
    FieldType.SIZE,
}
"""Types whose values are words: a user name of digits is not a number."""


def read_assignments(words: Sequence[str], advice: str = "") -> dict[str, str]:
    """Field names and the texts behind them; `advice` is said to whoever wrote a word that is none.

    Raises:
        Misuse: a word is no assignment, or one field stands there twice.
    """
    given: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.strip():
            raise Misuse(f"{word!r} is not of the form field=value. {advice}".strip())
        if name.strip() in given:
            raise Misuse(f"{name.strip()} is given twice.")
        given[name.strip()] = text.strip()
    return given


def read_fields(kind: Kind, words: Sequence[str]) -> dict[str, Any]:
    """The values given for a kind's fields.

    Raises:
        Misuse: a word is no assignment, or holds a secret, which other users of this machine could read.
    """
    secret = secret_field(kind)
    advice = f"A {secret.label.lower()} is read by --password-stdin, never from an argument." if secret else ""
    return {name: _read(kind.field(name), name, text) for name, text in read_assignments(words, advice).items()}


def read_texts(words: Sequence[str]) -> dict[str, str]:
    """The same where every value is a text: a TOML string, or the word as it is written.

    Raises:
        Misuse: a word is no assignment.
    """
    given = {name: (toml_value(text), text) for name, text in read_assignments(words).items()}
    return {name: value if isinstance(value, str) else text for name, (value, text) in given.items()}


def toml_value(text: str) -> Any:
    """A text as the TOML value it is, else as itself."""
    try:
        document = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    value = document.get("value")
    # More than one key: the text held a line of its own. A date is meant as it is written.
    return text if len(document) > 1 or isinstance(value, date | time) else value


def _read(field: Field | None, name: str, text: str) -> Any:
    value = toml_value(text)
    if field is None:
        return value
    if field.is_secret and isinstance(value, str):
        raise Misuse(
            f"{name} must not be an argument: other users of this machine could read it. Use --password-stdin, or "
            f'{name}=\'{{ env = "NAME" }}\', {{ file = "PATH" }} or {{ ref = "env:NAME" }}.'
        )
    return text if field.type in _AS_WRITTEN and not isinstance(value, str) else value
