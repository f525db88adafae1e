"""The outbox, described."""

from __future__ import annotations

from sqlalchemy import ColumnElement, case, func, select

from core.models import Mailbox, OutgoingMessage, OutgoingState, Recipient
from core.resources.expressions import columns_of, name_of
from core.resources.kind import Action, Column, ColumnType, Kind

_c = columns_of(OutgoingMessage)
_r = columns_of(Recipient)


def _recipients(what: ColumnElement[str]) -> ColumnElement[str]:
    """Something of a message's own recipients."""
    asked = select(what).where(_r.outgoing_id == _c.id, _r.is_bcc.is_(False))
    return func.coalesce(asked.correlate(_c.id.table).scalar_subquery(), "")


_AGAIN = (OutgoingState.QUEUED, OutgoingState.SENDING, OutgoingState.DEFERRED, OutgoingState.UNCERTAIN)

_NEXT = case((_c.state.in_(_AGAIN), _c.next_attempt_at))
"""When it is tried next, where it is: what is over keeps the time of its last try in its row."""


OUTBOX = Kind(
    name="outbox",
    plural="outbox",
    title="Outbox",
    model=OutgoingMessage,
    key="id",
    group="Outgoing",
    description="What is still to be sent, and what became of the rest.",
    table=("id", "state", "created_at", "to", "subject", "attempts", "sender", "lane", "mailbox"),
    columns=(
        Column("id", "Id", _c.id, ColumnType.NUMBER, width=7),
        Column("message_id", "Message-ID", _c.message_id),
        Column("state", "State", _c.state, ColumnType.STATE, width=11),
        Column("lane", "Lane", _c.lane, width=6),
        Column("sender", "Sender", _c.sender, width=18),
        Column(
            "to",
            "To",
            _recipients(func.min(_r.address)),
            width=18,
            sought=_recipients(func.aggregate_strings(_r.address, " ")),
        ),
        Column("subject", "Subject", _c.subject, width=25),
        Column("mailbox", "Mailbox", name_of(Mailbox, _c.sent_by_id), width=12),
        Column("attempts", "Tries", _c.attempts, ColumnType.NUMBER, width=5, is_filtered=False),
        Column("next_attempt_at", "Next", _NEXT, ColumnType.TIME, is_filtered=False),
        Column("expires_at", "Expires", _c.expires_at, ColumnType.TIME, is_filtered=False),
        Column("created_at", "Created", _c.created_at, ColumnType.TIME, width=8, is_filtered=False),
        Column("last_error", "Last error", _c.last_error),
        Column("submitted_by", "From whom", _c.submitted_by),
    ),
    actions=(
        Action("deliver", "f", "Send now", "Send what is due"),
        Action("retry", "r", "Retry", "Try these now"),
        Action("hold", "h", "Hold", "Send these only when they are released"),
        Action("release", "l", "Release", "Send what was held"),
        Action("cancel", "x", "Cancel", "Take these back", asks="Cancel? What is cancelled will not be sent."),
    ),
    is_newest_first=True,
    extras=("recipients", "history"),
)
