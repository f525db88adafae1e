"""What is said of a person in passing: in lines of runs, errors, alerts and orders that are not about them alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Column, String, cast, select, update
from sqlmodel import Session, SQLModel

from core.db.bulk import table_of
from core.db.doors import Database
from core.db.stretches import AT_ONCE, stretches
from core.mail.naming import Naming
from core.models import (
    AccountStatus,
    Alert,
    Attempt,
    Delivery,
    HandoffStatus,
    MailboxStatus,
    OutgoingMessage,
    Quarantine,
    Recipient,
    Request,
    RequestEvent,
    Run,
    RunEvent,
    Suppression,
)

ERASED = "(erased)"
"""In their place."""


class _Said(NamedTuple):
    """One column of a table; its rows are named by their keys, of which the first grows with time."""

    model: type[SQLModel]
    column: str
    nothing: Any = ERASED


_SAID = (
    _Said(RunEvent, "text"),
    _Said(Run, "error"),
    _Said(Quarantine, "detail"),
    _Said(Delivery, "last_error"),
    _Said(OutgoingMessage, "last_error"),
    _Said(Recipient, "text"),
    _Said(Attempt, "text"),
    _Said(Suppression, "last_text"),
    _Said(Alert, "text"),
    _Said(Request, "arguments", {}),
    _Said(RequestEvent, "detail"),
    _Said(HandoffStatus, "last_error"),
    _Said(AccountStatus, "last_error"),
    _Said(MailboxStatus, "last_error"),
)


@dataclass(frozen=True)
class Remarks:
    """The rows of one column that name the person."""

    said: _Said
    keys: tuple[tuple[Any, ...], ...]


def remarks_on(database: Database, naming: Naming) -> Iterator[Remarks]:
    """All of them; a little at a time."""
    for said in _SAID:
        table = table_of(said.model)
        names = list(table.primary_key.columns)
        text = cast(table.c[said.column], String)
        for low, high in stretches(database, names[0]):
            asked = select(*names, text).where(
                names[0].between(low, high), text.icontains(naming.address, autoescape=True)
            )
            with database.reading() as session:
                rows = session.connection().execute(asked).all()
            if keys := tuple(tuple(row[:-1]) for row in rows if naming.is_in(row[-1])):
                yield Remarks(said, keys)


def without(remarks: Remarks) -> Iterator[Callable[[Session], None]]:
    """What removes them, a transaction's work each."""
    table = table_of(remarks.said.model)
    names: list[Column[Any]] = list(table.primary_key.columns)
    values = {remarks.said.column: remarks.said.nothing}
    for start in range(0, len(remarks.keys), AT_ONCE):
        keys = remarks.keys[start : start + AT_ONCE]

        def work(session: Session, keys: tuple[tuple[Any, ...], ...] = keys) -> None:
            for key in keys:
                this = [name == value for name, value in zip(names, key, strict=True)]
                session.connection().execute(update(table).where(*this).values(values))

        yield work
