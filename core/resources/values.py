"""Reading and writing field values: what TOML, forms and the command line give, as the database keeps it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from core.resources.kind import Field, FieldType
from core.settings import read_duration, read_size, write_duration, write_size
from core.text import clean

_YES = {"yes", "true", "on", "1", "y"}
_NO = {"no", "false", "off", "0", "n"}
_LONGEST = 366 * 86400
_LARGEST = 1 << 40


def read_value(field: Field, given: Any) -> Any:
    """The stored form of a value that a person gave; a reference stays a name, a secret is not for here.

    Raises:
        ValueError: the sentence says what is wrong and what is right.
    """
    value = _READERS[field.type](field, given)
    if field.check is not None and (complaint := field.check(value)):
        raise ValueError(complaint)
    return value


def write_value(field: Field, stored: Any) -> Any:
    """The form in which TOML, JSON and forms show a stored value."""
    if field.type is FieldType.DURATION:
        return "" if stored is None else write_duration(timedelta(seconds=stored))
    if field.type is FieldType.SIZE:
        return write_size(stored)
    if field.type is FieldType.DATE:
        return "" if stored is None else stored.date().isoformat()
    return "" if stored is None else stored


def _read_text(field: Field, given: Any) -> str:
    if isinstance(given, date):
        given = given.isoformat()  # TOML has dates of its own: start_from = 2026-01-31
    if not isinstance(given, str):
        raise ValueError(f"is a text, not {_shown(given)}.")  # noqa: TRY004 - one way to say it
    is_note = field.type is FieldType.NOTE
    return _storable(given.replace("\r\n", "\n"), multiline=is_note) if is_note else _storable(given.strip())


def _read_number(field: Field, given: Any) -> int | None:
    if given is None or given == "":
        return None
    if isinstance(given, bool) or not re.fullmatch(r"-?\d{1,18}", str(given).strip()):
        raise ValueError(f"is a whole number from {field.minimum} to {field.maximum}, not {_shown(given)}.")
    number = int(str(given))
    if not field.minimum <= number <= field.maximum:
        raise ValueError(f"is a number from {field.minimum} to {field.maximum}; {number} is not.")
    return number


def _read_yes_no(_: Field, given: Any) -> bool:
    if isinstance(given, bool):
        return given
    word = str(given).strip().lower()
    if word in _YES | _NO:
        return word in _YES
    raise ValueError(f"is true or false, not {_shown(given)}.")


def _read_choice(field: Field, given: Any) -> str:
    for choice in field.choices:
        if str(given).strip().lower() == choice.lower():
            return str(choice)
    raise ValueError(f"is one of {', '.join(field.choices)}; {_shown(given)} is not.")


def _read_duration(_: Field, given: Any) -> int | None:
    if given is None or given == "":
        return None
    seconds = int(read_duration(given).total_seconds())
    if not 0 < seconds <= _LONGEST:
        raise ValueError(f"is a duration of at least a second and at most a year, not {_shown(given)}.")
    return seconds


def _read_size(field: Field, given: Any) -> int:
    size = read_size(given)
    if not field.minimum <= size <= _LARGEST:
        least = f"from {write_size(field.minimum)} " if field.minimum else ""
        raise ValueError(f"is a size {least}up to {write_size(_LARGEST)}, not {_shown(given)}.")
    return size


def _read_words(_: Field, given: Any) -> list[str]:
    words = re.split(r"[,\n]", given) if isinstance(given, str) else given
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise ValueError(f'is a list of words, ["one", "two"], not {_shown(given)}.')
    return [_storable(word.strip()) for word in words if word.strip()]


def _read_date(_: Field, given: Any) -> datetime | None:
    if given is None or given == "":
        return None
    if isinstance(given, date):
        return datetime(given.year, given.month, given.day, tzinfo=UTC)
    try:
        return datetime.fromisoformat(str(given)).replace(tzinfo=UTC)
    except ValueError as error:
        raise ValueError(f"is a date, 2027-01-31, not {_shown(given)}.") from error


def _read_conditions(_: Field, given: Any) -> list[dict[str, Any]]:
    if not isinstance(given, list) or not given:
        raise ValueError('holds at least one condition: [{ header = "Subject", regex = "…" }].')
    conditions = []
    for condition in given:
        if not isinstance(condition, Mapping) or set(condition) - {"header", "regex", "negate"}:
            raise ValueError("each condition has header, regex and, if wanted, negate.")
        header, regex = condition.get("header"), condition.get("regex")
        if not isinstance(header, str) or not header.strip() or not isinstance(regex, str) or not regex:
            raise ValueError("each condition needs a header and a regex.")
        if not isinstance(condition.get("negate", False), bool):
            raise ValueError("negate is true or false.")  # noqa: TRY004 - one way to say it
        conditions.append(
            {"header": _storable(header.strip()), "regex": _storable(regex), "negate": condition.get("negate", False)}
        )
    return conditions


def _read_values(_: Field, given: Any) -> dict[str, str]:
    if not isinstance(given, Mapping) or not given:
        raise ValueError('sets at least one header: { "X-OTOBO-Queue" = "Support" }.')
    if not all(isinstance(value, str) for value in given.values()):
        raise ValueError("each header is set to a text.")
    return {_storable(str(name)): _storable(value) for name, value in given.items()}


def _no_reader(field: Field, _: Any) -> Any:
    raise ValueError(f"{field.name} is sealed elsewhere.")


def _storable(text: str, *, multiline: bool = False) -> str:
    if clean(text, multiline=multiline) != text:
        raise ValueError("must not hold line breaks or control characters.")
    return text


def _shown(given: Any) -> str:
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:57]}…"


_READERS: dict[FieldType, Callable[[Field, Any], Any]] = {
    FieldType.TEXT: _read_text,
    FieldType.NOTE: _read_text,
    FieldType.NUMBER: _read_number,
    FieldType.YES_NO: _read_yes_no,
    FieldType.CHOICE: _read_choice,
    FieldType.DURATION: _read_duration,
    FieldType.SIZE: _read_size,
    FieldType.WORDS: _read_words,
    FieldType.REFERENCE: _read_text,
    FieldType.SECRET: _no_reader,
    FieldType.DATE: _read_date,
    FieldType.CONDITIONS: _read_conditions,
    FieldType.VALUES: _read_values,
}
