"""Record types: what an account's messages become. Tickets are shipped; packages may bring others."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from core.errors import ConfigurationError
from core.inbound.control_headers import Controls
from core.inbound.record_types.change_request import CHANGE_REQUEST
from core.inbound.record_types.draft import MessageView, RecordDraft
from core.inbound.record_types.field_rules import Fallback, FieldRule, Shape
from core.inbound.record_types.form import FormType
from core.inbound.record_types.grievance import GRIEVANCE
from core.inbound.record_types.ticket import Ticket

__all__ = [
    "GROUP",
    "SHIPPED_HOOKS",
    "Controls",
    "Fallback",
    "FieldRule",
    "FormType",
    "MessageView",
    "RecordDraft",
    "RecordType",
    "Shape",
    "field_names",
    "fields_of",
    "forget",
    "get",
    "hooks",
    "label_problems",
    "names",
    "with_labels",
]

GROUP = "postroom.record_types"
"""The entry point group in which a package names its record types: objects, or classes made without arguments."""

SHIPPED_HOOKS = ("Ticket#", "Grievance#", "Change#")
"""What stands before a record's number in subjects."""


class RecordType(Protocol):
    """How a message becomes a new record."""

    @property
    def name(self) -> str:
        """What accounts call it."""
        ...

    @property
    def hook(self) -> str:
        """What stands before the numbers of its records, `Ticket#`."""
        ...

    def draft(self, message: MessageView, controls: Controls) -> RecordDraft:
        """The record that this message makes, if it is no follow-up. Pure: the same message, the same draft."""
        ...


_SHIPPED: dict[str, RecordType] = {one.name: one for one in (Ticket(), GRIEVANCE, CHANGE_REQUEST)}


def names() -> tuple[str, ...]:
    """The names of all record types, the shipped ones first."""
    return (*_SHIPPED, *(name for name in sorted(_installed()) if name not in _SHIPPED))


def get(name: str) -> RecordType:
    """The record type of that name, loaded when it is first asked for.

    Raises:
        ConfigurationError: there is none, or its package cannot be loaded.
    """
    if shipped := _SHIPPED.get(name):
        return shipped
    if (entry := _installed().get(name)) is None:
        raise ConfigurationError(
            f"There is no record type {name}. Known are {', '.join(names())}; others come with packages."
        )
    return _loaded(entry)


def hooks() -> tuple[str, ...]:
    """The hooks of all record types; one that cannot be loaded fails the accounts that use it, and only these."""
    found = dict.fromkeys(SHIPPED_HOOKS)
    found.update((one.hook, None) for one in map(_loadable, _installed()) if one is not None)
    return tuple(found)


def fields_of(record_type: RecordType) -> tuple[FieldRule, ...]:
    """The fields of a type and the rules that fill them; none if it has no more than every record has."""
    return tuple(getattr(record_type, "fields", ()))


def field_names() -> tuple[str, ...]:
    """The fields of all types, each once."""
    types = [one for one in map(_loadable, names()) if one is not None]
    return tuple(dict.fromkeys(rule.name for one in types for rule in fields_of(one)))


def with_labels(record_type: RecordType, further: Iterable[str]) -> RecordType:
    """The type with the further labels that the settings give its fields, each as `Grievance.Category=Kategorie`."""
    if not isinstance(record_type, FormType):
        return record_type
    labels: dict[str, tuple[str, ...]] = {}
    for name, field, label in map(_read_label, further):
        if name.lower() == record_type.name.lower():
            labels[field.lower()] = (*labels.get(field.lower(), ()), label)
    return record_type.with_labels(labels) if labels else record_type


def label_problems(further: Iterable[str]) -> list[str]:
    """What is wrong with further labels, as sentences."""
    forms = {one.name.lower(): one for one in map(_loadable, names()) if one is not None}
    problems = []
    for text in further:
        name, field, label = _read_label(text)
        known = [rule.name for rule in fields_of(forms[name.lower()])] if name.lower() in forms else []
        if not label:
            problems.append(f"{text!r} is not of the form Grievance.Category=Kategorie.")
        elif field.lower() not in [one.lower() for one in known]:
            listed = f"Known are {', '.join(known)}." if known else f"Types are {', '.join(names())}."
            problems.append(f"{text!r} names no field of a record type. {listed}")
    return problems


def _read_label(text: str) -> tuple[str, str, str]:
    """Type, field and label of `Grievance.Category=Kategorie`."""
    place, _, label = text.partition("=")
    name, _, field = place.rpartition(".")
    return name.strip(), field.strip(), label.strip().rstrip(":")


def _loadable(name: str) -> RecordType | None:
    try:
        return get(name)
    except ConfigurationError:
        return None


def forget() -> None:
    """Look for installed packages anew when a type is next asked for."""
    _installed.cache_clear()
    _loaded.cache_clear()


@cache
def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


@cache
def _loaded(entry: EntryPoint) -> RecordType:
    try:
        made = entry.load()
        record_type: RecordType = made() if isinstance(made, type) else made
        _ = record_type.name, record_type.hook, record_type.draft
    except Exception as error:
        raise ConfigurationError(f"The record type {entry.name} ({entry.value}) cannot be loaded: {error}") from error
    return record_type
