"""Record types: what an account's messages become. Tickets are shipped; packages may bring others."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from core.errors import ConfigurationError
from core.inbound.control_headers import Controls
from core.inbound.record_types.draft import MessageView, RecordDraft
from core.inbound.record_types.ticket import Ticket

__all__ = ["GROUP", "SHIPPED_HOOKS", "Controls", "MessageView", "RecordDraft", "RecordType", "get", "hooks", "names"]

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


_SHIPPED: dict[str, RecordType] = {"Ticket": Ticket()}


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
    for name in _installed():
        try:
            found[get(name).hook] = None
        except ConfigurationError:
            continue
    return tuple(found)


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
