"""Queues: where records land."""

from __future__ import annotations

from sqlalchemy import exists, select
from sqlmodel import Session

from core.db.bulk import table_of
from core.errors import Problem
from core.models import Record, Validity
from core.resources.routing import FILTER, QUEUE
from core.services import settings
from core.services.configuration import filter_queues
from core.services.editing.drafts import Draft
from core.services.editing.guards import Change, Guards
from core.services.editing.verbs import Resource
from core.services.lookup import Stored
from core.services.references import refusal, users_of


def judged(session: Session, draft: Draft) -> list[Problem]:
    """The default queue must stay valid: it is where everything else lands."""
    name = draft.before.get("name", draft.name)
    if draft.values["validity"] == Validity.VALID or settings.value_of(session, "default_queue") not in {
        name,
        draft.name,
    }:
        return []
    return [draft.problem("validity", "must stay valid: it is the default queue. Choose another default queue first.")]


def _written(change: Change, draft: Draft) -> None:
    if not draft.is_new and draft.moved("name"):
        settings.rename(change.session, "default_queue", draft.before["name"], draft.name)
        filter_queues.follow(change.session, draft.before["name"], draft.name, change.now)


def _in_use(session: Session, row: Stored) -> str | None:
    name = row["name"]
    if settings.value_of(session, "default_queue") == name:
        return f"Queue {name} was not deleted: it is the default queue. Choose another default queue first."
    users = users_of(session, QUEUE, row["id"])
    if filters := filter_queues.filters_naming(session, name):
        users[FILTER] = filters
    if users:
        return refusal(QUEUE, name, users)
    if session.connection().execute(select(exists().where(table_of(Record).c.queue_id == row["id"]))).scalar():
        return f"Queue {name} was not deleted: records lie in it. Make it invalid instead, and it counts as absent."
    return None


queues = Resource(QUEUE, Guards(judge=judged, written=_written, in_use=_in_use))
