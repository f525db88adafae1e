"""Alerts about accounts and mailboxes for which somebody must sign in."""

from __future__ import annotations

from sqlalchemy import Select, literal, select

from core import alerts, clock
from core.db.bulk import table_of
from core.handles import Handles
from core.models import Account, Mailbox, Token
from core.models.base import Resource

PREFIX = "sign-in:"
"""Subjects of these alerts: `sign-in:account:support`."""

_token = table_of(Token)


def tell_sign_ins(handles: Handles) -> None:
    """Open an alert for each that needs a sign-in, close those that had one, or need none any more."""
    with handles.database.reading() as session:
        found = [session.connection().execute(waiting).all() for waiting in (_waiting("account"), _waiting("mailbox"))]
    wanted = {
        f"{PREFIX}{row.kind}:{row.name}": f"{row.kind.capitalize()} {row.name} needs a sign-in. {row.needs_sign_in}"
        for rows in found
        for row in rows
    }
    alerts.settle(handles, PREFIX, wanted, clock.utcnow())


def _waiting(kind: str) -> Select[tuple[str, str, str]]:
    model: type[Resource] = Account if kind == "account" else Mailbox
    owner = table_of(model)
    return (
        select(literal(kind).label("kind"), owner.c.name, _token.c.needs_sign_in)
        .join(owner, (_token.c.kind == kind) & (_token.c.owner_id == owner.c.id))
        .where(
            _token.c.needs_sign_in != "", owner.c.deleted_at.is_(None), owner.c.profile_id == _token.c.profile_id
        )
    )  # fmt: skip
