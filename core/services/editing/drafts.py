"""Drafts: what a resource would be once the given values are taken, and everything that is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlmodel import Session

from core.errors import Problem
from core.resources.kind import Field, FieldType, Kind
from core.resources.values import read_value
from core.secret import MASK, Secret
from core.services.lookup import Stored, living
from core.services.references import names_in
from core.services.sealing import GivenSecret, kept_secrets, read_secret


@dataclass(frozen=True)
class Given:
    """What a person gave, read."""

    values: dict[str, Any] = field(default_factory=dict)
    """The stored form of each value; a reference stays a name."""
    secrets: dict[str, GivenSecret] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Draft:
    """A resource as it would be."""

    kind: Kind
    row: Stored | None
    """What stands there now; none for a new one."""
    before: Mapping[str, Any]
    """Its values by field name; empty for a new one."""
    values: Mapping[str, Any]
    """The values by field name, secrets apart, references by name."""
    secrets: Mapping[str, GivenSecret]
    """The secrets that were given."""
    given: frozenset[str]
    """The fields that were given."""
    where: str = ""
    """The file and entry it stands in, for problems."""
    kept: frozenset[str] = frozenset()
    """The secrets that are kept already."""
    unread: frozenset[str] = frozenset()
    """The fields whose given value could not be read: what stands in `values` is what was there, or the default."""

    @property
    def row_id(self) -> int | None:
        """Its id; none for a new one."""
        return None if self.row is None else self.row["id"]

    @property
    def is_new(self) -> bool:
        """Whether it is not there yet."""
        return self.row is None

    @property
    def name(self) -> str:
        """What it will be called."""
        return str(self.values.get(self.kind.key) or "")

    def moved(self, *fields: str) -> bool:
        """Whether one of these differs from what stands there; a secret that was given counts."""
        return any(name in self.secrets or self.before.get(name) != self.values.get(name) for name in fields)

    def is_read(self, *fields: str) -> bool:
        """Whether nothing is in the place of a value of these that could not be read."""
        return self.unread.isdisjoint(fields)

    def with_values(self, **values: Any) -> Draft:
        """The same with other values."""
        return replace(self, values={**self.values, **values})

    def problem(self, field_name: str, text: str) -> Problem:
        """Something wrong with one of its fields."""
        return Problem(self.where, field_name, text)

    def shown(self) -> dict[str, Any]:
        """Its values for the audit log, secrets masked."""
        masked = {
            name: "" if value is None else MASK if isinstance(value, Secret) else value.place
            for name, value in self.secrets.items()
        }
        return {**self.values, **masked}


def read_given(kind: Kind, given: Mapping[str, Any], where: str = "") -> Given:
    """Read values that a person gave; looks at no database."""
    values: dict[str, Any] = {}
    secrets: dict[str, GivenSecret] = {}
    problems: list[Problem] = []
    for name, value in given.items():
        described = kind.field(name)
        try:
            if described is None:
                problems.append(Problem(where, name, _unknown(kind, name)))
            elif described.is_secret:
                if value != "" and value != Secret():  # a form's empty box keeps what is there
                    secrets[name] = read_secret(value)
            else:
                values[name] = read_value(described, value)
        except ValueError as error:
            problems.append(Problem(where, name, str(error)))
    return Given(values, secrets, tuple(problems))


def drafted(session: Session, kind: Kind, row: Stored | None, given: Given, where: str = "") -> Draft:
    """The resource that is there, or a new one with all defaults, with the given values taken."""
    before = {} if row is None else values_of(session, kind, row)
    base = before or {one.name: default_of(one) for one in kind.fields if not one.is_secret}
    return Draft(
        kind=kind, row=row, before=before, values={**base, **given.values}, secrets=given.secrets,
        given=frozenset(given.values) | frozenset(given.secrets), where=where,
        kept=frozenset() if row is None else kept_secrets(session, kind.name, row["id"]),
        unread=frozenset(problem.field for problem in given.problems),
    )  # fmt: skip


def values_of(session: Session, kind: Kind, row: Stored) -> dict[str, Any]:
    """A row's values by field name, references as names."""
    names = names_in(session, kind, row)
    return {
        one.name: names[one.name] if one.type is FieldType.REFERENCE else row[one.column]
        for one in kind.fields
        if not one.is_secret
    }


def incomplete(draft: Draft, already: Collection[str] = ()) -> list[Problem]:
    """The required fields that are empty, but for those that have a problem `already`."""
    problems = []
    for one in draft.kind.fields:
        if not one.is_required or one.name in already:
            continue
        is_missing = draft.is_new and one.name not in draft.given
        if is_missing or draft.values.get(one.name) in (None, "", [], {}):
            problems.append(draft.problem(one.name, "is missing; it must be given."))
    return problems


def taken(session: Session, draft: Draft) -> list[Problem]:
    """Whether another one has the name already."""
    other = living(session, draft.kind, draft.name) if draft.name else None
    if other is None or other["id"] == draft.row_id:
        return []
    return [draft.problem(draft.kind.key, f"is taken: there is {draft.kind.a_name} {draft.name!r} already.")]


def default_of(one: Field) -> Any:
    """What a new one has in a field that is not given, in its stored form."""
    return list(one.default) if one.type is FieldType.WORDS else one.default


def _unknown(kind: Kind, name: str) -> str:
    if any(column.name == name for column in kind.columns):
        return "is shown, and cannot be set."
    near = difflib.get_close_matches(name, [one.name for one in kind.fields], n=1)
    return f"is no field of {kind.a_name}.{f' Did you mean {near[0]}?' if near else ''}"
