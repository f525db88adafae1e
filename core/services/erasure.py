"""Erasing one person: what is kept of somebody, by e-mail address, removed at a request of theirs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from sqlmodel import Session

from core import clock
from core.db.bulk import dialect_of
from core.errors import BadInput, InUse
from core.handles import Handles
from core.inbound import erasure as inbound
from core.inbound.rules import own_addresses
from core.mail.strict_address import strict_address
from core.models import Audit
from core.outbox import erasure as outbox
from core.services import access, audit
from core.services.actor import Actor

UNREACHED = (
    "backups made before, and what db restore and db upgrade put beside the database, until they are deleted",
    "the mail servers: what was fetched with after_fetch=keep, what was too large, what relays and recipients have",
    "the systems that hand-offs have told, and the log files of this machine",
    "the audit log, which nobody may change",
    "mail of others that names the address in its text, in Cc or in an attachment alone",
)
"""What erasing does not reach, for whoever asked for it."""


@dataclass(frozen=True)
class Erasure:
    """What is, or was, removed of one person, as counts."""

    messages: int = 0
    """That came in: from the address, to it, or a report on mail that came back from it."""
    bytes: int = 0
    quarantined: int = 0
    """Of the messages."""
    records: int = 0
    """Whose title, customer and fields go; number, queue and state stay."""
    outgoing: int = 0
    """That were sent to the address, or from it, and are over."""
    suppressions: int = 0
    waiting: int = 0
    """In the outbox and not over: they are left, because they are still to be sent."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is here of that address."""
        return not any(asdict(self).values())


def found(handles: Handles, actor: Actor, address: str) -> Erasure:
    """What `erase` would remove.

    Raises:
        BadInput: that is no address, or one of our own.
    """
    access.require(actor, "erase", "person")
    wanted = _checked(handles, address)
    with handles.database.reading() as session:
        return _counted(*_found(session, wanted))


def erase(handles: Handles, actor: Actor, address: str) -> Erasure:
    """Remove what is kept of the person with this address; gives what was there. What is cut off goes on when repeated.

    Raises:
        BadInput: that is no address, or one of our own.
    """
    access.require(actor, "erase", "person")
    wanted = _checked(handles, address)
    with handles.database.reading() as session:
        received, sent, is_suppressed = _found(session, wanted)
    now, erased = clock.utcnow(), _counted(received, sent, is_suppressed)
    # The records first: once their messages have no names, nothing leads to them any more.
    _in_turn(handles, received.records, inbound.AT_ONCE, inbound.erase_records)
    _in_turn(
        handles, received.messages, inbound.AT_ONCE, lambda session, ids: inbound.erase_messages(session, ids, now)
    )
    _in_turn(handles, sent.over, outbox.AT_ONCE, outbox.remove_over)

    def last(session: Session) -> Audit:
        if erased.suppressions:
            outbox.forget_suppression(session, wanted)
        return audit.note(session, actor, "erase", "person", digest(wanted), after=asdict(erased))

    audit.publish(handles.database.writing(last))
    handles.changes.moved("message", "record", "quarantine", "outbox", "suppression", "run", "delivery", "audit")
    return erased


def digest(address: str) -> str:
    """What names the person in the audit log: who has the address can look whether it was erased, nobody else whose."""
    return f"sha256:{hashlib.sha256(address.lower().encode()).hexdigest()[:16]}"


def _checked(handles: Handles, address: str) -> str:
    try:
        wanted = strict_address(address.strip(), allow_utf8=True).lower()
    except ValueError as error:
        raise BadInput(str(error)) from error
    if wanted in own_addresses(handles):
        raise InUse(
            f"{wanted} is one of our own addresses: all mail of a queue, account or mailbox would go. "
            "Nothing was erased."
        )
    return wanted


def _found(session: Session, address: str) -> tuple[inbound.Received, outbox.Sent, bool]:
    received, sent = inbound.received_from(session, address), outbox.sent_to(session, address)
    # What waits for a suppressed address is found by its row.
    return received, sent, not sent.waiting and outbox.is_suppressed(session, address)


def _counted(received: inbound.Received, sent: outbox.Sent, is_suppressed: bool) -> Erasure:
    return Erasure(
        messages=len(received.messages),
        bytes=received.bytes,
        quarantined=received.quarantined,
        records=len(received.records),
        outgoing=len(sent.over),
        suppressions=int(is_suppressed),
        waiting=len(sent.waiting),
    )


def _in_turn(
    handles: Handles, ids: Sequence[int], at_once: int, remove: Callable[[Session, Sequence[int]], object]
) -> None:
    """A little at a time: mail goes on coming in beside it."""
    for start in range(0, len(ids), at_once):
        batch = ids[start : start + at_once]

        def work(session: Session, batch: Sequence[int] = batch) -> None:
            if dialect_of(session) == "sqlite":
                # The pages that are given back are overwritten, not only marked as free.
                session.connection().exec_driver_sql("PRAGMA secure_delete=ON")
            remove(session, batch)

        handles.database.writing(work, is_batch=True)
