"""How a kind of thing is described, once, for forms, lists, TOML, JSON, filters, audit and the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import SQLModel


class FieldType(StrEnum):
    """What a field's value is, and so how it is shown, read and checked."""

    TEXT = "text"
    """One line."""
    NOTE = "note"
    """Several lines (comments, certificates)."""
    NUMBER = "number"
    """A whole number within bounds."""
    YES_NO = "yes/no"
    """True or false."""
    CHOICE = "choice"
    """One of a few words."""
    DURATION = "duration"
    """`"10m"`; seconds in the database."""
    SIZE = "size"
    """`"32MiB"`; bytes in the database."""
    WORDS = "words"
    """A list of words: addresses, folders."""
    REFERENCE = "reference"
    """The name of another resource; its id in the database."""
    SECRET = "secret"  # noqa: S105 - a kind of field, not a secret
    """Sealed, never read back."""
    DATE = "date"
    """A day."""
    CONDITIONS = "conditions"
    """A filter's conditions: `[{header, regex, negate}]`."""
    VALUES = "values"
    """Control headers and the values they are set to."""


Values = Mapping[str, Any]
"""A resource's values by field name, as a person gives and sees them."""


@dataclass(frozen=True)
class Asked:
    """A choice that a person should make for each new resource, though it has a default."""

    question: str
    answers: Callable[[Values], Sequence[tuple[str, str]]]
    """Values and what they mean, given what else stands there, the default first; an empty value: another one, to be
    typed."""


@dataclass(frozen=True)
class Field:
    """One field of a resource."""

    name: str
    type: FieldType
    label: str
    help: str = ""
    """One sentence for the form and the docs."""
    default: Any = field(default="", hash=False)  # a list or an object has no hash
    is_required: bool = False
    choices: tuple[str, ...] = ()
    refers_to: str = ""
    """The kind a reference names."""
    minimum: int = 0
    maximum: int = 2**31 - 1
    section: str = ""
    """The heading it stands under in the form."""
    shown_when: Callable[[Values], bool] | None = None
    """Whether the form shows it, given what else stands there."""
    needed_when: Callable[[Values], bool] | None = None
    """Whether it must be given, given what else stands there; `is_required` holds always."""
    check: Callable[[Any], str | None] | None = None
    """A further check of one value: the sentence that says what is wrong, or `None`."""
    asks: str = ""
    """A question that the form puts before it is saved switched on; empty: none."""
    asked: Asked | None = None
    """What the form of a new one asks before it is saved, while the default stands there."""

    def is_needed(self, values: Values) -> bool:
        """Whether it must be given, given what else stands there."""
        return self.is_required or (self.needed_when is not None and self.needed_when(values))

    @property
    def column(self) -> str:
        """The attribute of the model that holds it."""
        return f"{self.name}_id" if self.type is FieldType.REFERENCE else self.name

    @property
    def is_secret(self) -> bool:
        """Whether it is sealed and never shown."""
        return self.type is FieldType.SECRET


class ColumnType(StrEnum):
    """How a column's value is shown."""

    TEXT = "text"
    """As it is, cleaned."""
    NUMBER = "number"
    """Right-aligned."""
    TIME = "time"
    """A time; shown in local time, given in UTC."""
    SIZE = "size"
    """Bytes."""
    YES_NO = "yes/no"
    """✓ or –."""
    STATE = "state"
    """A word with a glyph and a colour."""
    WORDS = "words"
    """A list."""
    OBJECT = "object"
    """Structured; only for JSON."""


@dataclass(frozen=True)
class Column:
    """One column of a list: what the screen shows, JSON gives and a filter looks in."""

    name: str
    label: str
    sql: ColumnElement[Any]
    type: ColumnType = ColumnType.TEXT
    width: int = 0
    """Cells at 80 columns; 0: not in the table, only in JSON, details and filters."""
    is_filtered: bool = True
    """Whether a filter looks in it."""
    sought: ColumnElement[Any] | None = None
    """What a filter looks in, where that is more than is shown."""


@dataclass(frozen=True)
class Action:
    """Something a person may do to the rows of a kind, beside new, edit and delete."""

    name: str
    """The verb, as services and the command line know it."""
    key: str
    """The key on every screen that has it."""
    label: str
    tooltip: str
    asks: str = ""
    """A question put first; empty: done at once."""


@dataclass(frozen=True)
class Advice:
    """What a form says of the choice that stands in it."""

    title: str
    warning: str = ""
    """Why another choice would be better; empty when it would not."""
    steps: tuple[str, ...] = ()
    """What is to be done, in turn, also outside of Postroom."""
    page: str = ""
    """Where the docs say more."""


@dataclass(frozen=True)
class Kind:
    """One kind of thing, described."""

    name: str
    plural: str
    title: str
    model: type[SQLModel]
    key: str
    """The column that names a row: `name`, `address`, `number`, `id`."""
    columns: tuple[Column, ...]
    fields: tuple[Field, ...] = ()
    actions: tuple[Action, ...] = ()
    is_newest_first: bool = False
    """Whether lists start with the newest row; resources are listed by name."""
    conditions: tuple[ColumnElement[bool], ...] = ()
    """What always holds of the rows listed."""
    group: str = ""
    """Where the navigation shows it: Incoming, Outgoing, Routing, Records, System."""
    description: str = ""
    """One sentence: what it is for."""
    id_column: str = "id"
    """The model's attribute that pages by."""
    table: tuple[str, ...] = ()
    """The names of the table's columns in its order, the last ones for wider terminals; empty: as `columns` stand, which
    is the order that JSON has."""
    extras: tuple[str, ...] = field(default=())
    """Names that JSON rows carry beyond the columns; the service adds them."""
    advise: Callable[[Values], Advice | None] | None = None
    """What the form says of the choice that stands in it, where there is something to say."""

    @property
    def a_name(self) -> str:
        """`an account`, as sentences say it."""
        return f"{'an' if self.name[0] in 'aeio' else 'a'} {self.name}"

    @property
    def is_editable(self) -> bool:
        """Whether people add and change it."""
        return bool(self.fields)

    def field(self, name: str) -> Field | None:
        """The field of that name."""
        return next((one for one in self.fields if one.name == name), None)

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            KeyError: there is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def filter_columns(self) -> dict[str, ColumnElement[Any]]:
        """What a filter looks in."""
        looked_in = ((column.name, column.sql, column.sought) for column in self.columns if column.is_filtered)
        return {name: shown if sought is None else sought for name, shown, sought in looked_in}

    @property
    def time_columns(self) -> dict[str, ColumnElement[datetime]]:
        """The columns that a filter looks in for a part of time, by their names alone."""
        return {column.name: column.sql for column in self.columns if column.type is ColumnType.TIME}

    @property
    def filter_names(self) -> dict[str, str]:
        """What a filter may call the columns it looks in, and their own names: `from` is `header_from` where that is
        headed From."""
        filtered = [column for column in self.columns if column.is_filtered or column.type is ColumnType.TIME]
        # Where two have one heading, it is the one with words, or else the first.
        filtered.sort(key=lambda column: column.type is ColumnType.TIME)
        headings = {re.sub(r"\W", "_", column.label.lower()): column.name for column in reversed(filtered)}
        return headings | {column.name: column.name for column in filtered}

    @property
    def listed(self) -> tuple[Column, ...]:
        """The columns of the table on the screen, in its order."""
        listed = [column for column in self.columns if column.width]
        if self.table:
            listed.sort(key=lambda column: self.table.index(column.name))
        return tuple(listed)
