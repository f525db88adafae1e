"""What all tables share: times in UTC, names of constraints, the columns of a resource."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Index, Integer, MetaData, text
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType
from sqlmodel import Field, SQLModel

# Constraints are named alike on both engines, so that a migration can find them.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

RESTORABLE = timedelta(hours=24)
"""How long what was deleted can be brought back, with secrets and links."""

metadata: MetaData = SQLModel.metadata
# Rows are not validated when they are made, so what would validate them is built only where it is asked for.
SQLModel.model_config["defer_build"] = True


class _SqliteMoment(UserDefinedType[datetime]):
    """A time as SQLite keeps it: text in UTC, `2026-11-20 21:04:11.000000`, which sorts as it should."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The declared type, as SQLAlchemy's own."""
        return "DATETIME"

    def bind_processor(self, dialect: Dialect) -> Any:
        """To text; ISO formatting in C, since a fetch writes six times a message."""

        last: tuple[datetime | None, str | None] = (None, None)

        def process(value: datetime | None) -> str | None:
            # The rows of a batch share the time they are written at.
            nonlocal last
            known, text = last
            if value is not known:
                text = None if value is None else _in_utc(value).isoformat(" ", "microseconds")[:_WITHOUT_ZONE]
                last = (value, text)
            return text

        return process

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Back from text."""

        def process(value: str | None) -> datetime | None:
            # With its zone in the text it comes out aware at once: replacing the zone takes six times as long.
            return None if value is None else datetime.fromisoformat(value + "+00:00")

        return process


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC that is aware of it on the way out too."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text of ours on SQLite, timestamptz on PostgreSQL."""
        return dialect.type_descriptor(_SqliteMoment() if dialect.name == "sqlite" else DateTime(timezone=True))


_WITHOUT_ZONE = len("2026-11-20 21:04:11.000000")


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is UTC:
        return value
    if value.tzinfo is None:
        raise ValueError("A time without a zone was about to be stored.")
    return value.astimezone(UTC)


BigId = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit key on both engines (SQLite's INTEGER is one already, and only that name makes it the row id)."""


def key() -> Any:
    """A primary key that the database counts up."""
    return Field(default=None, primary_key=True, sa_type=BigId)


def given_key() -> Any:
    """A primary key that the writer assigns from a reserved block (bulk inserts need it beforehand)."""
    return Field(primary_key=True, sa_type=BigId, sa_column_kwargs={"autoincrement": False})


def big(
    *, default: int | None = None, index: bool = False, foreign_key: str | None = None, nullable: bool = False
) -> Any:
    """A 64-bit number or reference."""
    extra: dict[str, Any] = {} if foreign_key is None else {"foreign_key": foreign_key}
    return Field(default=default, sa_type=BigId, index=index, nullable=nullable, **extra)


def moment(*, index: bool = False, nullable: bool = False) -> Any:
    """A time; required unless nullable."""
    if nullable:
        return Field(default=None, sa_type=UtcDateTime, index=index, nullable=True)
    return Field(sa_type=UtcDateTime, index=index, nullable=False)


def json_list() -> Any:
    """A list kept as JSON; never compared in SQL."""
    return Field(default_factory=list, sa_type=JSON, nullable=False)


def json_object() -> Any:
    """An object kept as JSON; never compared in SQL."""
    return Field(default_factory=dict, sa_type=JSON, nullable=False)


class Resource(SQLModel):
    """What every configured resource has beside its own fields."""

    id: int | None = key()
    created_at: datetime = moment()
    updated_at: datetime = moment()
    version: int = Field(default=1)
    """Grows with each change; a form that saves an older one is told so."""
    deleted_at: datetime | None = moment(nullable=True)
    """When it was deleted; it can be brought back, with secrets and links, for 24 hours."""


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over the rows that a condition holds for; `conditions_for` says it to the other engine."""
    # SQLAlchemy loads the whole dialect of an engine whose options are named: 20 ms of every start.
    return Index(name, *columns, unique=unique, sqlite_where=text(where))


def conditions_for(dialect: str) -> None:
    """Give the partial indices of all tables their conditions on this engine too, before tables are made there."""
    for table in metadata.tables.values():
        for index in table.indexes:
            index.dialect_options[dialect]["where"] = index.dialect_options["sqlite"]["where"]


def unique_while_alive(table: str, column: str) -> Index:
    """A unique index over what is not deleted: deleting frees the name."""
    return partial_index(f"uq_{table}_{column}_alive", column, where="deleted_at IS NULL", unique=True)
