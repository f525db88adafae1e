"""Addresses that nothing is sent to: what a person may do about them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session

from core.errors import NotFound
from core.handles import Handles
from core.models import Audit
from core.outbox import suppression
from core.services import access, audit
from core.services.actor import Actor


def release(handles: Handles, actor: Actor, addresses: Sequence[str]) -> int:
    """Send to these again, also what was held for them; gives how many messages go out.

    Raises:
        NotFound: one of them has not bounced; nothing was released.
    """
    access.require(actor, "release", "suppression")

    def work(session: Session) -> tuple[int, list[Audit]]:
        known = suppression.bounced_among(session, addresses)
        for address in addresses:
            if address.lower() not in known:
                raise NotFound(f"{address} is not suppressed. To see who is: postroom list suppression")
        lines = [audit.note(session, actor, "release", "suppression", address) for address in sorted(known)]
        return suppression.release(session, addresses, str(actor)), lines

    freed, lines = handles.database.writing(work)
    audit.publish(*lines)
    handles.changes.moved("suppression", "outbox", "audit")
    return freed
