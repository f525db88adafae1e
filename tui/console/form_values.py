"""A field's value as a person types it, and back: what stands in a form, and what services are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.resources.kind import Field, FieldType, Kind, Values

SECRET_SET = "set"  # noqa: S105 - says that there is one
"""What services say of a secret that is kept."""


def typed_of(field: Field, value: Any) -> str:
    """What stands in the field for a value that services gave."""
    if value is None or value == "" or field.is_secret:
        return ""
    match field.type:
        case FieldType.YES_NO:
            typed = "yes" if value else "no"
        case FieldType.WORDS:
            typed = ", ".join(str(word) for word in value)
        case FieldType.CONDITIONS:
            typed = "\n".join(f"{'!' if one.get('negate') else ''}{one['header']}: {one['regex']}" for one in value)
        case FieldType.VALUES:
            typed = "\n".join(f"{name}: {text}" for name, text in value.items())
        case _:
            typed = str(value)
    return typed


def given_of(field: Field, typed: str) -> Any:
    """What services are given for what stands in the field."""
    match field.type:
        case FieldType.YES_NO:
            return typed == "yes"
        case FieldType.NUMBER | FieldType.DURATION:
            return typed.strip()
        case FieldType.SIZE:
            return typed.strip() or "0"
        case FieldType.CONDITIONS:
            return [_condition(line) for line in typed.splitlines() if line.strip()]
        case FieldType.VALUES:
            return {name.strip(): text.strip() for name, _, text in _lines(typed)}
    return typed


def defaults(kind: Kind) -> dict[str, str]:
    """What an empty form shows."""
    from core.resources.values import write_value

    return {
        field.name: "" if field.is_secret else typed_of(field, write_value(field, field.default))
        for field in kind.fields
    }


def given_values(kind: Kind, typed: Mapping[str, str]) -> dict[str, Any]:
    """All that stands in a form, for the services: what is not shown has its default, a secret nobody typed is left."""
    plain = defaults(kind)
    given = {field.name: given_of(field, typed[field.name]) for field in kind.fields if not field.is_secret}
    shown = shown_fields(kind, given)
    hidden = [field for field in kind.fields if field.name not in shown and not field.is_secret]
    given |= {field.name: given_of(field, plain[field.name]) for field in hidden}
    return given | {field.name: typed[field.name] for field in kind.fields if field.is_secret and typed[field.name]}


@dataclass(frozen=True)
class Merged:
    """What should stand in a form whose values somebody else changed while it was open."""

    typed: Mapping[str, str]
    """By field: what was typed here, else what they made of it."""
    theirs: frozenset[str]
    """Fields that only they changed."""
    disputed: frozenset[str]
    """Fields that were changed on both sides, to different things."""


def merged(before: Mapping[str, str], typed: Mapping[str, str], now: Mapping[str, str]) -> Merged:
    """Bring together what stood in a form, what was typed over it, and what is kept now."""
    moved = {name for name in now if now[name] != before[name]}
    ours = {name for name in typed if typed[name] != before[name]}
    return Merged(
        {name: typed[name] if name in ours else now[name] for name in typed},
        frozenset(moved - ours),
        frozenset(name for name in moved & ours if typed[name] != now[name]),
    )


def shown_fields(kind: Kind, values: Values) -> set[str]:
    """The fields that mean something, given what stands in the others."""
    return {field.name for field in kind.fields if field.shown_when is None or field.shown_when(values)}


def _condition(line: str) -> dict[str, Any]:
    header, _, regex = line.strip().partition(":")
    return {"header": header.removeprefix("!").strip(), "regex": regex.strip(), "negate": header.startswith("!")}


def _lines(typed: str) -> list[tuple[str, str, str]]:
    return [line.partition(":") for line in typed.splitlines() if line.strip()]
