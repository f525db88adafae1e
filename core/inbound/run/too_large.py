"""What is too large to be read is described all the same: from whom, about what, so that it can be found."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select, update
from sqlmodel import Session

from core.db.bulk import table_of
from core.errors import WireError
from core.handles import Handles
from core.inbound.batch.rows import described
from core.inbound.nameless import is_made_up
from core.inbound.server.visit import Visit
from core.mail.summary import summarise
from core.models import Account, Message, MessageState
from core.protocols.source import Key

MOST = 100
"""Messages of a folder described in one run; each costs a command."""

_message = table_of(Message)


def describe_too_large(visit: Visit, folder: str) -> None:
    """Read the headers of messages of a folder that were left on the server, and note what they say.

    Raises:
        WireError: the connection is of no more use; a server that only refuses leaves them without a description.
    """
    handles, source = visit.handles, visit.source
    for row in _undescribed(handles, visit.account, folder):
        key = Key(row.folder, row.uidvalidity, row.uid, row.uidl)
        if is_made_up(key):
            continue  # the server has no name to ask for it by
        try:
            header = visit.connection.ask(source.header, key)
        except WireError:
            if not source.is_usable:
                raise
            return
        if header:
            _note(handles, row.id, header)


def _undescribed(handles: Handles, account: Account, folder: str) -> list[Row[Any]]:
    statement = (
        select(_message.c.id, _message.c.folder, _message.c.uidvalidity, _message.c.uid, _message.c.uidl)
        .where(
            _message.c.account_id == account.id,
            _message.c.epoch == account.epoch,
            _message.c.folder == folder,
            _message.c.acknowledged_at.is_(None),
            _message.c.state == MessageState.TOO_LARGE.value,
            _message.c.header_from == "",
            _message.c.subject == "",
            _message.c.message_id == "",
        )
        .order_by(_message.c.id.desc())
        .limit(MOST)
    )
    with handles.database.reading() as session:
        return list(session.connection().execute(statement))


def _note(handles: Handles, message_id: int, header: bytes) -> None:
    _, summary = summarise(header)
    values = {**described(summary), "from_address": summary.from_address.lower()}

    def write(session: Session) -> None:
        session.connection().execute(update(_message).where(_message.c.id == message_id).values(values))

    handles.database.writing(write)
