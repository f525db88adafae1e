"""Secrets as they are given: a text, a place they are read from now, or a place they are read from at each use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, select

from core.errors import SecretUnreadable
from core.models import Secret as StoredSecret
from core.secret import Secret
from core.vault.ref import Ref, from_file, from_variable
from core.vault.vault import Vault

GivenSecret = Secret | Ref | None
"""A secret to keep, a reference to one, or none: then what was kept is dropped."""

_FORMS = 'a text, { env = "NAME" }, { file = "PATH" } or { ref = "env:NAME" }'


def read_secret(given: Any) -> GivenSecret:
    """The secret that was given; variables and files are read now, references later.

    Raises:
        ValueError: the sentence says what is wrong.
    """
    if given is None or isinstance(given, Secret | Ref):
        return given
    if isinstance(given, str):
        return Secret(given)
    if not isinstance(given, Mapping) or len(given) != 1:
        raise ValueError(f"is {_FORMS}.")
    ((form, place),) = given.items()
    if not isinstance(place, str) or form not in {"env", "file", "ref"}:
        raise ValueError(f"is {_FORMS}.")
    try:
        return _from_place(form, place)
    except SecretUnreadable as error:
        raise ValueError(str(error)) from error


@dataclass(frozen=True)
class SecretPlace:
    """Which secret of which row."""

    kind: str
    owner_id: int
    field: str


def keep_secret(session: Session, vault: Vault, place: SecretPlace, value: GivenSecret) -> bool:
    """Store, replace or drop a secret; false if it is the one that was kept already."""
    row = session.get(StoredSecret, (place.kind, place.owner_id, place.field))
    if value is None:
        vault.forget(session, place.kind, place.owner_id, place.field)
        return row is not None
    if row is not None and _is_same(session, vault, row, value):
        return False
    vault.store(session, place.kind, place.owner_id, place.field, value)
    return True


def is_kept(session: Session, kind: str, owner_id: int | None, field: str) -> bool:
    """Whether there is such a secret."""
    return owner_id is not None and field in kept_secrets(session, kind, owner_id)


def kept_secrets(session: Session, kind: str, owner_id: int) -> frozenset[str]:
    """The fields in which something has a secret."""
    kept = select(StoredSecret.field).where(StoredSecret.kind == kind, StoredSecret.owner_id == owner_id)
    return frozenset(session.exec(kept))


def _from_place(form: str, place: str) -> GivenSecret:
    if form == "env":
        return from_variable(place)
    if form == "file":
        return from_file(place)
    ref = Ref(place)
    if not ref.is_well_formed:
        raise ValueError('a reference is "env:NAME" or "file:/PATH".')
    return ref


def _is_same(session: Session, vault: Vault, row: StoredSecret, value: Secret | Ref) -> bool:
    if isinstance(value, Ref):
        return row.ref == value.place
    if row.ref:
        return False
    try:
        return vault.fetch(session, row.kind, row.owner_id, row.field) == value
    except SecretUnreadable:
        return False  # what cannot be opened is entered again
