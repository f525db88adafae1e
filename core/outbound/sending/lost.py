"""What lost workers had in hand: freed, and told of where nobody can know whether a relay has it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from core.db.bulk import table_of
from core.handles import Handles
from core.models import Mailbox, OutgoingMessage, OutgoingState, Recipient
from core.outbound.decisions.retry import next_attempt_at
from core.outbound.sending.ended import Outcome
from core.outbox.reap import reap
from core.settings import RuntimeSettings, UncertainPolicy

_UNKNOWN = (OutgoingState.UNCERTAIN, OutgoingState.HELD)
"""What is otherwise goes on with its other recipients at once, and is told of then."""


def free_lost(handles: Handles, settings: RuntimeSettings) -> list[Outcome]:
    """Free the messages of lost workers; gives back those that a relay may have taken, as they stand now."""
    rule = settings.retry
    holds = rule.uncertain is UncertainPolicy.HOLD

    def next_try(attempts: int, created_at: datetime, now: datetime) -> datetime:
        # Beyond its lifetime it gets one more try, so that what is told of it in the end is a relay's word.
        return next_attempt_at(attempts, created_at, now, rule) or now + rule.first

    found: list[Outcome] = []
    may_be_more = True
    while may_be_more:
        reaped = handles.database.writing(lambda session: reap(session, next_try, hold_uncertain=holds))
        found += _as_they_stand(handles, [row_id for row_id, _ in reaped.uncertain])
        may_be_more = reaped.may_be_more
    handles.changes.moved("outbox")
    return found


def _as_they_stand(handles: Handles, ids: list[int]) -> list[Outcome]:
    if not ids:
        return []
    message, mailbox, recipient = table_of(OutgoingMessage).c, table_of(Mailbox).c, table_of(Recipient).c
    name = select(mailbox.name).where(mailbox.id == message.sent_by_id).scalar_subquery().label("mailbox")
    count = select(func.count()).where(recipient.outgoing_id == message.id, recipient.is_bcc.is_(False))
    asked = select(
        message.id, message.message_id, message.state, message.last_error, message.next_attempt_at, name,
        count.scalar_subquery().label("recipients"),
    )  # fmt: skip
    with handles.database.reading() as session:
        wanted = asked.where(message.id.in_(ids), message.state.in_(_UNKNOWN)).order_by(message.id)
        rows = session.connection().execute(wanted).all()
    return [
        Outcome(
            row.id, row.message_id, OutgoingState(row.state), row.mailbox or "", row.recipients, row.last_error,
            row.next_attempt_at,
        )
        for row in rows
    ]  # fmt: skip
