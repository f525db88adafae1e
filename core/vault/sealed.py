"""Where sealed content stands in the database, for what goes through all of it: turning to another key, the doctor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table, select, update
from sqlmodel import Session, SQLModel

from core.models import Request, RequestState, Secret, Token
from core.vault.owner import Owner
from core.vault.seal import key_id_of, place_of

REQUEST_PLACE = "request"
"""What the values of a request are bound to."""


def token_place(owner: Owner) -> str:
    """What the tokens of an account or mailbox are bound to."""
    return place_of(*owner, "token")


@dataclass(frozen=True)
class SealedContent:
    """Something sealed, where it stands."""

    column: SealedColumn
    key: tuple[Any, ...]
    """The primary key of its row."""
    place: str
    """What it is bound to."""
    content: bytes

    @property
    def key_id(self) -> str:
        """The key that sealed it."""
        return key_id_of(self.content)


@dataclass(frozen=True)
class SealedColumn:
    """A column that holds sealed content."""

    model: type[SQLModel]
    column: str
    place: Callable[[Any], str]
    """What a row is bound to."""
    still: Callable[[Table], Any] | None = None
    """Which rows are still of use."""

    @property
    def table(self) -> Table:
        """Its table."""
        table: Table = self.model.__table__  # type: ignore[attr-defined]
        return table

    @property
    def keys(self) -> list[Column[Any]]:
        """The primary key of its table."""
        return list(self.table.primary_key)

    def sealed_contents(self, session: Session) -> Iterator[SealedContent]:
        """All that is sealed here."""
        sealed = self.table.c[self.column]
        statement = select(self.table).where(sealed.is_not(None))
        if self.still is not None:
            statement = statement.where(self.still(self.table))
        for row in session.connection().execute(statement).all():
            key = tuple(getattr(row, column.name) for column in self.keys)
            yield SealedContent(self, key, self.place(row), bytes(getattr(row, self.column)))

    def replace(self, session: Session, before: SealedContent, content: bytes) -> None:
        """Put other sealed content in place of this."""
        values: dict[str, Any] = {self.column: content}
        if "key_id" in self.table.c:
            values["key_id"] = key_id_of(content)
        here = (column == value for column, value in zip(self.keys, before.key, strict=True))
        session.connection().execute(update(self.table).where(*here).values(values))


SEALED = (
    SealedColumn(Secret, "sealed", lambda row: place_of(row.kind, row.owner_id, row.field)),
    SealedColumn(Token, "sealed", lambda row: token_place(Owner(row.kind, row.owner_id))),
    SealedColumn(
        Request, "sealed_values", lambda _: REQUEST_PLACE,
        lambda table: table.c.state.in_([RequestState.ASKED.value, RequestState.CLAIMED.value]),
    ),
)  # fmt: skip
"""Every column with sealed content (a test holds this against the models)."""


def sealed_contents(session: Session) -> Iterator[SealedContent]:
    """All that is sealed in this database."""
    for column in SEALED:
        yield from column.sealed_contents(session)
