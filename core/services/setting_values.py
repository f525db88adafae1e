"""Settings by their dotted names: `retry.first`, as the database keeps them and people write them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from core.errors import Problem
from core.inbound import record_types
from core.resources import checks
from core.settings import RuntimeSettings, settings_from_rows

LISTENER_PASSWORD = "listener.password"  # noqa: S105 - the setting's name
"""The one setting that is a secret: it is sealed, and never among the rows."""


def flat(settings: BaseModel, prefix: str = "") -> dict[str, Any]:
    """Every setting by its dotted name, in the form that TOML and JSON show: durations and sizes as text."""
    values: dict[str, Any] = {}
    dumped = settings.model_dump(mode="json")
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            values.update(flat(value, f"{prefix}{name}."))
        else:
            values[prefix + name] = dumped[name]
    return values


DEFAULTS: dict[str, Any] = flat(RuntimeSettings())
"""What holds unless a row says otherwise."""


def unnested(given: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values of a `[settings]` table with its sub-tables, by dotted name."""
    values: dict[str, Any] = {}
    for name, value in given.items():
        dotted = prefix + name
        if isinstance(value, Mapping) and any(known.startswith(f"{dotted}.") for known in DEFAULTS):
            values.update(unnested(value, f"{dotted}."))
        else:
            values[dotted] = value
    return values


def read_settings(
    rows: Mapping[str, Any], given: Mapping[str, Any], *, where: str = ""
) -> tuple[RuntimeSettings | None, list[Problem]]:
    """The settings that would hold with these values over the stored rows, or everything that is wrong with them."""
    problems = [_unknown(name, where) for name in given if name not in DEFAULTS]
    known = {name: value for name, value in given.items() if name in DEFAULTS and value is not None}
    kept = {name: value for name, value in rows.items() if name in DEFAULTS and name not in given}
    try:
        settings = settings_from_rows({**kept, **known})
    except ValidationError as error:
        problems += [_invalid(fault, where) for fault in error.errors()]
        named = {problem.field for problem in problems}
        # What is wrong beside that is said too, as far as it can be seen.
        return None, problems + [one for one in _addresses(known, where) if one.field not in named]
    problems += _addresses({"staging_redirect": settings.staging_redirect, "alerts.to": settings.alerts.to}, where)
    # Only what is given: a package that has gone must not keep people from changing anything else.
    labels = settings.record_labels if "record_labels" in known else []
    problems += [Problem(where, "record_labels", text) for text in record_types.label_problems(labels)]
    return (None if problems else settings), problems


def _addresses(values: Mapping[str, Any], where: str) -> list[Problem]:
    told = values.get("alerts.to", [])
    complaints = {
        "staging_redirect": checks.mail_address(str(values.get("staging_redirect", ""))),
        "alerts.to": checks.mail_addresses([str(one) for one in told]) if isinstance(told, list) else None,
    }
    return [Problem(where, name, text) for name, text in complaints.items() if text]


def _unknown(name: str, where: str) -> Problem:
    near = difflib.get_close_matches(name, DEFAULTS, n=1)
    return Problem(where, name, f"is no setting.{f' Did you mean {near[0]}?' if near else ''}")


_WRONG = {
    "int_parsing": "is no whole number",
    "int_type": "is no whole number",
    "int_from_float": "is no whole number",
    "bool_parsing": "is neither true nor false",
    "bool_type": "is neither true nor false",
    "string_type": "is no text",
    "list_type": "is no list",
    "enum": "is not one of {expected}",
    "greater_than_equal": "is less than {ge}",
    "less_than_equal": "is more than {le}",
}
"""What is wrong with a value, by pydantic's word for it (docs.pydantic.dev, "Validation Errors")."""


def _invalid(fault: Any, where: str) -> Problem:
    place = ".".join(str(part) for part in fault["loc"] if isinstance(part, str))
    if wrong := _WRONG.get(fault["type"]):
        return Problem(where, place, f"{_shown(fault['input'])} {wrong.format(**fault.get('ctx', {}))}.")
    text = str(fault["msg"]).removeprefix("Value error, ")
    return Problem(where, place, f"{text[0].lower()}{text[1:].rstrip('.')}.")


def _shown(given: object) -> str:
    text = repr(given)
    return text if len(text) <= 60 else "this"
