"""Messages that a server lists and will not give: given up after three runs, told, tried again when a person asks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import and_, select

from core.db.bulk import table_of
from core.handles import Handles
from core.inbound.marks import is_given_up
from core.models import Account, FolderMark, Leftover, Validity

PREFIX = "left:"
"""Subjects of these alerts: `left:support`."""

NAMED = 3
"""Messages that an alert names; the run's lines name the others."""

_account, _mark, _leftover = table_of(Account), table_of(FolderMark), table_of(Leftover)


def told(account: str, names: Sequence[str]) -> str:
    """What a person must know of them."""
    shown = ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")
    many = "a message" if len(names) == 1 else f"{len(names)} messages"
    return (
        f"The server of account {account} lists {many} that it did not give in three runs ({shown}). "
        f"Nothing was changed there. Try again: postroom fetch {account}"
    )


def all_given_up(handles: Handles) -> dict[str, str]:
    """What a person must know, by the names of the accounts."""
    # What belongs to an earlier source or numbering of the account is listed no more.
    is_current = and_(
        _mark.c.account_id == _leftover.c.account_id,
        _mark.c.epoch == _leftover.c.epoch,
        _mark.c.folder == _leftover.c.folder,
        _mark.c.uidvalidity == _leftover.c.uidvalidity,
    )
    found = (
        select(_account.c.name, _leftover.c.folder, _leftover.c.uid, _leftover.c.uidl)
        .join(_leftover, and_(_leftover.c.account_id == _account.c.id, _leftover.c.epoch == _account.c.epoch))
        .join(_mark, is_current)
        .where(is_given_up(), _account.c.deleted_at.is_(None), _account.c.validity == Validity.VALID.value)
        .order_by(_account.c.id, _leftover.c.folder, _leftover.c.uid, _leftover.c.uidl)
    )
    names: dict[str, list[str]] = defaultdict(list)
    with handles.database.reading() as session:
        for row in session.connection().execute(found):
            names[row.name].append(f"{row.folder} uid {row.uid}" if row.folder else f"uidl {row.uidl}")
    return {account: told(account, of_it) for account, of_it in names.items()}
