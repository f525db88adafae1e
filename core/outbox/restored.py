"""What a backup has waiting was perhaps sent after it was made: put back, it waits for a person."""

from __future__ import annotations

from sqlalchemy import update
from sqlmodel import Session

from core.db.bulk import table_of
from core.models import OutgoingMessage, OutgoingState, Recipient
from core.outbox.orders import hold_all_in

BECAUSE = "restored from a backup: may have been sent since"
"""The reason such messages are held for."""


def hold_what_was_restored(session: Session) -> int:
    """Hold all that waits; what was in a worker's hands has lost that worker, and waits too."""
    lost = {"state": OutgoingState.DEFERRED.value}
    for table in (table_of(OutgoingMessage), table_of(Recipient)):
        sending = table.c.state == OutgoingState.SENDING.value
        free = {"lease_owner": "", "lease_until": None, "handing_over": False} if "lease_owner" in table.c else {}
        session.connection().execute(update(table).where(sending).values(**lost, **free))
    return hold_all_in(session, BECAUSE)
