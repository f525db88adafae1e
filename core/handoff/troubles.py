"""Hand-offs that need a person: a receiver takes nothing for long, or was given up on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from core import alerts, clock
from core.db.bulk import table_of
from core.handles import Handles
from core.models import Delivery, DeliveryState, Handoff, HandoffStatus
from core.text import counted

PREFIX = "handoff:"
"""Subjects of these alerts: `handoff:crm`."""

GIVEN_UP_FOR = timedelta(days=1)
"""How long it is told that something was given up."""

BY_PERSON = "Given up by "
"""How the error begins of what a person gave up: that needs nobody any more."""

_handoff, _delivery, _status = table_of(Handoff), table_of(Delivery), table_of(HandoffStatus)


@dataclass(frozen=True)
class Refused:
    """What a receiver was offered and has not taken."""

    name: str
    waiting_since: datetime | None
    """When the oldest that was tried and waits was made; none: nothing does."""
    given_up: int
    """How many were given up of late, after days of trying."""
    error: str


def trouble_of(found: Refused, now: datetime, silence: timedelta) -> str | None:
    """What a person must know of it, if anything; the text stays the same while the trouble does."""
    told = []
    if found.waiting_since is not None and now - found.waiting_since >= silence:
        told.append(f"has not taken what was offered since {found.waiting_since:%Y-%m-%d %H:%M} UTC: {found.error}")
    if found.given_up:
        many = counted(found.given_up, "delivery was", "deliveries were")
        told.append(f"{many} given up: postroom list delivery state:failed")
    return f"Hand-off {found.name}: {'; '.join(told)}" if told else None


def tell_handoffs(handles: Handles) -> None:
    """Open alerts about hand-offs in trouble, close those whose trouble has passed."""
    now, silence = clock.utcnow(), handles.settings().alerts.fetch_silence
    found = ((one.name, trouble_of(one, now, silence)) for one in _refused(handles, now))
    alerts.settle(handles, PREFIX, {PREFIX + name: text for name, text in found if text is not None}, now)


def _refused(handles: Handles, now: datetime) -> list[Refused]:
    waits = (_delivery.c.state == DeliveryState.WAITING.value, _delivery.c.attempts > 0)
    is_given_up = (
        _delivery.c.state == DeliveryState.FAILED.value,
        _delivery.c.settled_at > now - GIVEN_UP_FOR,
        _delivery.c.attempts > 0,
        ~_delivery.c.last_error.startswith(BY_PERSON),
    )
    of_it = _delivery.c.handoff_id == _handoff.c.id
    asked = (
        select(
            _handoff.c.name,
            select(func.min(_delivery.c.created_at)).where(of_it, *waits).scalar_subquery(),
            select(func.count()).where(of_it, *is_given_up).scalar_subquery(),
            func.coalesce(_status.c.last_error, ""),
        )
        .outerjoin(_status, _status.c.handoff_id == _handoff.c.id)
        .where(_handoff.c.active.is_(True), _handoff.c.deleted_at.is_(None))
    )
    with handles.database.reading() as session:
        return [Refused(*row) for row in session.connection().execute(asked)]
