"""SQL expressions that descriptions share: names in place of ids."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Table, case, func, select
from sqlmodel import SQLModel

DELETED_ACCOUNT = "deleted account"
"""What an account that is gone is called where it left something."""


def columns_of(model: type[SQLModel]) -> Any:
    """The table's columns, by name."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table.c


def name_of(target: type[SQLModel], reference: ColumnElement[Any], *, shown: str = "name") -> ColumnElement[str]:
    """The name of what a reference points at; empty if it points at nothing."""
    columns = columns_of(target).values()
    table = columns[0].table.alias()
    return func.coalesce(select(table.c[shown]).where(table.c.id == reference).scalar_subquery(), "")


def account_name(reference: ColumnElement[Any]) -> ColumnElement[str]:
    """An account's name, and what it is called once it is gone."""
    from core.models import Account

    table = columns_of(Account).values()[0].table.alias()
    living = select(table.c.name).where(table.c.id == reference, table.c.deleted_at.is_(None)).scalar_subquery()
    return func.coalesce(living, DELETED_ACCOUNT)


def account_of_run(run: Any) -> ColumnElement[str]:
    """The name that the account of a run has now; `deleted account` once it is gone."""
    from core.models import Account

    table = columns_of(Account).values()[0].table.alias()
    name = case((table.c.deleted_at.is_(None), table.c.name), else_=DELETED_ACCOUNT)
    return func.coalesce(select(name).where(table.c.id == run.account_id).scalar_subquery(), run.account)


def token_of(kind: str, column: str, reference: ColumnElement[Any]) -> ColumnElement[Any]:
    """One column of what OAuth2 gave an account or mailbox."""
    from core.models import Token

    table = columns_of(Token).values()[0].table.alias()
    return select(table.c[column]).where(table.c.kind == kind, table.c.owner_id == reference).scalar_subquery()


def status_of(model: type[SQLModel], column: str, key: str, reference: ColumnElement[Any]) -> ColumnElement[Any]:
    """One column of a one-to-one status table."""
    table = columns_of(model).values()[0].table.alias()
    return select(table.c[column]).where(table.c[key] == reference).scalar_subquery()
