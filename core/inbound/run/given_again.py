"""A server that gives numbers again which it gave before, under the same UIDVALIDITY: it was restored from a backup.
And a POP3 server that suddenly has another name for every message: its mail was moved, or its indexes made anew.

RFC 3501 §2.3.1.1 forbids it, and it happens: what comes has the numbers of what came after that backup, and would
never be fetched; what was still to be deleted has the numbers of mail that nobody has read. Some servers only tell
UIDNEXT as the last message's number and one: there it falls when that message goes, and nothing else has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlmodel import Session

from core import clock
from core.db import leases
from core.db.bulk import table_of
from core.handles import Handles
from core.inbound.marks import is_key
from core.inbound.noted import Noted
from core.inbound.server.backlog import FARTHEST_WEST
from core.inbound.server.visit import Visit
from core.models import Account, AfterFetch, FolderMark, Message, MessageState
from core.protocols.imap.source import ImapSource
from core.protocols.source import Key, Listing, Selected

_account, _message = table_of(Account), table_of(Message)


def are_numbers_given_again(visit: Visit, selected: Selected, noted: Noted) -> bool:
    """Whether the newest message of the selected folder is another one than the one that had its number.

    Raises:
        WireError: the connection is of no more use.
    """
    account, connection = visit.account, visit.connection
    mark, source = noted.mark, visit.source
    if mark is None or not isinstance(source, ImapSource) or not _falls_back(mark, selected):
        return False
    newest = Key(selected.folder, selected.uidvalidity, connection.ask(source.newest), "")
    if not 0 < newest.uid <= mark.uid_settled or newest in {one.key for one in noted.left}:
        return False
    stored = _digest(visit.handles, account, newest)
    if stored == "":
        return False  # too large to be read: nobody knows
    (fetched,) = connection.ask(source.fetch, [newest])
    if fetched.raw is None or (stored is None and may_be_before_start(account, fetched.internal_date)):
        return False
    return hashlib.sha256(fetched.raw).hexdigest() != stored


def have_all_other_names(visit: Visit, noted: Noted, listing: Listing, new: Sequence[Key]) -> bool:
    """Whether a maildrop is as full as it was, and no message in it has a name (UIDL) that is known.

    POP3 has no UIDVALIDITY to tell of it. Only where mail is kept does it say anything: elsewhere what is there is new.
    """
    account, mark = visit.account, noted.mark
    is_told_apart = not listing.folder and listing.has_uidl and not listing.duplicates
    if mark is None or not is_told_apart or account.after_fetch != AfterFetch.KEEP or account.start_from != "all":
        return False
    return 0 < mark.messages <= len(listing.keys) == len(new)


def may_be_before_start(account: Account, came: datetime | None) -> bool:
    """Whether a message that is not stored may be one that was never to be taken in, by when it came."""
    if account.start_from == "all":
        return False
    is_now = account.start_from == "now"
    start = account.created_at if is_now else datetime.fromisoformat(account.start_from).replace(tzinfo=UTC)
    return came is None or came < start + FARTHEST_WEST  # what comes after a restore comes later


def begin_anew(visit: Visit) -> None:
    """From now on the account is another source: what is there is compared by its bytes with what is stored.

    Raises:
        LeaseLost: another worker has taken over; nothing was written.
    """
    handles, account, now = visit.handles, visit.account, clock.utcnow()

    def write(session: Session) -> None:
        leases.hold(session, visit.claimed.lease, now, handles.renewer.seconds)
        is_ours = (_account.c.id == account.id) & (_account.c.epoch == account.epoch)
        session.connection().execute(update(_account).where(is_ours).values(epoch=account.epoch + 1))

    handles.database.writing(write)


def _falls_back(mark: FolderMark, selected: Selected) -> bool:
    is_same = mark.uidvalidity == selected.uidvalidity
    return is_same and selected.exists > 0 and 0 < selected.uidnext <= mark.uid_settled


def _digest(handles: Handles, account: Account, key: Key) -> str | None:
    """The SHA-256 of what is stored by that number; empty if it was never read, `None` if nothing is."""
    wanted = select(_message.c.sha256, _message.c.state).where(is_key(_message, account, key))
    with handles.database.reading() as session:
        row = session.connection().execute(wanted).one_or_none()
    if row is None:
        return None
    return "" if row.state == MessageState.TOO_LARGE.value else str(row.sha256)
