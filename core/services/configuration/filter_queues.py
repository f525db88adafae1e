"""The queues that filters name: by their names, as mail may. So a filter counts as one of the users of its queue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlmodel import Session

from core.db.bulk import table_of
from core.inbound.control_headers import FOLLOW_UP, canonical_name
from core.models import Filter, Queue, Validity
from core.services.editing.drafts import Draft

_NAMING = ("Queue", f"{FOLLOW_UP}Queue")
_CAPTURED = "[**"
"""What stands in a value for something that the message says: no name yet."""

_filter, _queue = table_of(Filter), table_of(Queue)


def filters_naming(session: Session, queue: str) -> list[str]:
    """The filters that send mail into a queue, by name."""
    return [row.name for row in _living(session) if queue in dict(_named(row.set)).values()]


def follow(session: Session, before: str, after: str, now: datetime) -> None:
    """Have the filters that name a queue name it as it is called from now on."""
    for row in _living(session):
        if moved := {header: after for header, queue in _named(row.set) if queue == before}:
            values = {"set": {**row.set, **moved}, "version": row.version + 1, "updated_at": now}
            session.connection().execute(update(_filter).where(_filter.c.id == row.id).values(values))


def warned(session: Session, draft: Draft) -> list[str]:
    """Queues that a filter names and that are not there, or not valid."""
    valid = select(_queue.c.name).where(_queue.c.deleted_at.is_(None), _queue.c.validity == Validity.VALID.value)
    there = set(session.connection().scalars(valid))
    missing = dict.fromkeys(queue for _, queue in _named(draft.values["set"]) if queue not in there)
    return [
        f"There is no valid queue {queue!r}: until there is one, what this filter matches lands where it would "
        "without it, and each run says so."
        for queue in missing
        if _CAPTURED not in queue
    ]


def _living(session: Session) -> Sequence[Row[Any]]:
    wanted = select(_filter).where(_filter.c.deleted_at.is_(None)).order_by(_filter.c.name)
    return session.connection().execute(wanted).all()


def _named(values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each header of a filter that names a queue, with that name."""
    return ((header, value) for header, value in values.items() if canonical_name(header) in _NAMING)
