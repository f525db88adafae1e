"""Secrets and tokens of what was deleted and cannot be brought back any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, delete, select
from sqlmodel import Session

from core.db.alike import one_at_a_time
from core.db.bulk import table_of
from core.handles import Handles
from core.models import Secret, Token
from core.models.base import RESTORABLE
from core.resources.catalogue import CONFIGURED

CLOCKS_APART = timedelta(hours=1)
"""Another machine may still bring back what is over its time here."""


def forget_secrets(handles: Handles, now: datetime) -> int:
    """Remove what was sealed for resources that are gone for good, all in one transaction; gives how much it was.

    Their rows stay: messages, runs and attempts name them.
    """
    before = now - RESTORABLE - CLOCKS_APART
    with handles.database.reading() as session:
        found = (select(table.c.owner_id).where(is_left).limit(1) for table, is_left in _leftovers(before))
        if not any(session.connection().execute(each).first() for each in found):
            return 0

    def remove(session: Session) -> int:
        one_at_a_time(session, "configuration")
        removals = (delete(table).where(is_left) for table, is_left in _leftovers(before))
        return sum(session.connection().execute(each).rowcount for each in removals)

    return handles.database.writing(remove)


def _leftovers(before: datetime) -> Iterator[tuple[Table, Any]]:
    """Each table, and which of its rows are of one kind's resources that were deleted before that."""
    for table in (table_of(Secret), table_of(Token)):
        for kind in CONFIGURED:
            resource = table_of(kind.model)
            gone = select(resource.c.id).where(resource.c.deleted_at < before)
            yield table, (table.c.kind == kind.name) & table.c.owner_id.in_(gone)
