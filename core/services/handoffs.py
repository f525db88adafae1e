"""Hand-offs: other systems that records are offered to."""

from __future__ import annotations

from sqlmodel import Session

from core.errors import Problem
from core.inbound import record_types
from core.resources.routing import HANDOFF, QUEUE
from core.services.drafts import Draft
from core.services.guards import Guards
from core.services.lookup import living
from core.services.verbs import Resource


def judged(session: Session, draft: Draft) -> list[Problem]:
    """Exactly one way to hand over, and only queues and record types that there are."""
    complaints: dict[str, str] = {}
    if bool(draft.values["command"]) == bool(draft.values["url"]):
        complaints["command"] = "or url must be given, one of the two."
    if absent := [name for name in draft.values["queues"] if living(session, QUEUE, name) is None]:
        complaints["queues"] = f"there is no queue {', '.join(map(repr, absent))}."
    if unknown := [name for name in draft.values["types"] if name not in record_types.names()]:
        complaints["types"] = f"there is no record type {', '.join(map(repr, unknown))}."
    return [draft.problem(name, text) for name, text in complaints.items()]


handoffs = Resource(HANDOFF, Guards(judge=judged))
