"""What is said of a person in passing: in lines of runs, errors, alerts and orders that are not about them alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Column, String, cast, null, select, update
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
    outgoing: str = ""
    """The column that names the outgoing message it is about."""


_SAID = (
    _Said(RunEvent, "text"),
    _Said(Run, "error"),
    _Said(Quarantine, "detail"),
    _Said(Delivery, "last_error"),
    _Said(OutgoingMessage, "last_error", outgoing="id"),
    _Said(Recipient, "text", outgoing="outgoing_id"),
    _Said(Attempt, "text", outgoing="outgoing_id"),
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


def remarks_on(database: Database, naming: Naming, waiting: Collection[int]) -> Iterator[Remarks]:
    """All of them, a little at a time, but for those on outgoing messages that wait: they say what they wait for."""
    for said in _SAID:
        table = table_of(said.model)
        names = list(table.primary_key.columns)
        text = cast(table.c[said.column], String)
        about = table.c[said.outgoing] if said.outgoing else null()
        for low, high in stretches(database, names[0]):
            asked = select(*names, about, text).where(
                names[0].between(low, high), text.icontains(naming.address, autoescape=True)
            )
            with database.reading() as session:
                rows = session.connection().execute(asked).all()
            if keys := tuple(tuple(key) for *key, about, text in rows if about not in waiting and naming.is_in(text)):
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
