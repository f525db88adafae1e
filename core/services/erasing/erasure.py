"""Erasing one person: what is kept of somebody, by e-mail address, removed at a request of theirs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field

from sqlmodel import Session

from core import clock
from core.db.alike import dialect_of
from core.db.stretches import Tell
from core.errors import BadInput, InUse
from core.handles import Handles
from core.inbound import erasure as inbound
from core.inbound.batch.rules import own_addresses
from core.mail.naming import Naming
from core.mail.strict_address import strict_address
from core.models import Audit
from core.outbox import erasure as outbox
from core.services import access, audit
from core.services.actor import Actor
from core.services.erasing.left_of_person import Left, left_of, mentions_left, waiting_left
from core.services.erasing.remarks import Remarks, remarks_on, without
from core.services.looking import handed_in

UNREACHED = (
    "backups made before, and what db restore and db upgrade put beside the database, until they are deleted",
    "the mail servers: what was fetched with after_fetch=keep, what was too large, what relays and recipients have",
    "the systems that hand-offs have told, and the log files of this machine",
    "files in the drop folder that were refused, or that you may not read",
    "attachments, and mail that names the person by name alone or by another address",
)
"""What erasing cannot look into, for whoever asked for it."""


@dataclass(frozen=True)
class Erasure:
    """What is, or was, removed of one person, as counts; and what is left."""

    messages: int = 0
    """That came in: from the address, to it, with it in another field of the header, or a report that names it."""
    written: int = 0
    """Of these the ones that came from it."""
    bytes: int = 0
    quarantined: int = 0
    """Of the messages."""
    records: int = 0
    """Whose title, customer and fields go; number, queue and state stay."""
    record_fields: int = 0
    """Other records, of which only the title or fields go that name it."""
    outgoing: int = 0
    """That were sent to the address, or from it, or have it in their header, and are over."""
    suppressions: int = 0
    remarks: int = 0
    """Lines of runs, errors, alerts and orders, in whose place `(erased)` is put."""
    waiting: int = 0
    """In the outbox and not over: they are left, because they are still to be sent."""
    left: tuple[Left, ...] = ()
    """What was found and is left, with the reasons."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is here of that address."""
        return not any(asdict(self).values())

    @property
    def removes_nothing(self) -> bool:
        """Whether all that was found is left."""
        return not any(count for name, count in self.counts.items() if name != "waiting")

    @property
    def counts(self) -> dict[str, int]:
        """By name."""
        return {name: value for name, value in asdict(self).items() if name != "left"}


@dataclass(frozen=True)
class Found:
    """What there is of one person, to be looked at before it is erased."""

    address: str
    naming: Naming
    received: inbound.Received
    sent: outbox.Sent
    is_suppressed: bool
    remarks: tuple[Remarks, ...] = ()
    left: tuple[Left, ...] = field(default=())

    @property
    def counted(self) -> Erasure:
        """As counts."""
        received, sent = self.received, self.sent
        return Erasure(
            messages=len(received.messages),
            written=len(received.written),
            bytes=received.bytes,
            quarantined=received.quarantined,
            records=len(received.records),
            record_fields=len(received.naming_records),
            outgoing=len(sent.over),
            suppressions=int(self.is_suppressed),
            remarks=sum(len(each.keys) for each in self.remarks),
            waiting=len(sent.waiting),
            left=self.left,
        )


def found(
    handles: Handles, actor: Actor, address: str, *, with_text: bool = False, tell: Callable[[str, int, int], None]
) -> Found:
    """What `erase` would remove. `with_text`: others' mail that names the address in its text alone, too.

    `tell` is told what is looked through, how far, and how much it is.

    Raises:
        BadInput: that is no address, or one of our own.
    """
    access.require(actor, "erase", "person")
    naming = Naming(_checked(handles, address))
    handed_in.take_in(handles)
    database = handles.database
    received = inbound.received_from(database, naming, _part(tell, "mail that came in"), with_text=with_text)
    sent = outbox.sent_to(database, naming, _part(tell, "mail that was sent"), with_text=with_text)
    with database.reading() as session:
        # What waits for a suppressed address is found by its row.
        is_suppressed = not sent.waiting and outbox.is_suppressed(session, naming.address)
    left = (
        *waiting_left(sent.waiting),
        *mentions_left("message", received.mentions),
        *mentions_left("outbox", sent.mentions),
        *left_of(database, naming),
    )
    return Found(
        naming.address, naming, received, sent, is_suppressed, tuple(remarks_on(database, naming, sent.waiting)), left
    )


def erase(handles: Handles, actor: Actor, there: Found) -> Erasure:
    """Remove what was found; gives what that was. What is cut off goes on when it is looked for and erased again."""
    access.require(actor, "erase", "person")
    now, erased, received = clock.utcnow(), there.counted, there.received
    # The records first: once their messages have no names, nothing leads to them any more.
    _in_turn(handles, received.records, inbound.AT_ONCE, inbound.erase_records)
    _in_turn(
        handles, received.naming_records, inbound.AT_ONCE,
        lambda session, ids: inbound.erase_in_records(session, ids, there.naming),
    )  # fmt: skip
    # Then what was said in passing, whose rows may go with their messages.
    for work in (work for each in there.remarks for work in without(each)):
        _write(handles, work)
    _in_turn(
        handles, received.messages, inbound.AT_ONCE, lambda session, ids: inbound.erase_messages(session, ids, now)
    )
    _in_turn(handles, there.sent.over, outbox.AT_ONCE, outbox.remove_over)

    def last(session: Session) -> Audit:
        if there.is_suppressed:
            outbox.forget_suppression(session, there.address)
        return audit.note(session, actor, "erase", "person", digest(there.address), after=erased.counts)

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


def _part(tell: Callable[[str, int, int], None], what: str) -> Tell:
    return lambda so_much, of: tell(what, so_much, of)


def _in_turn(
    handles: Handles, ids: Iterable[int], at_once: int, remove: Callable[[Session, Sequence[int]], object]
) -> None:
    """A little at a time: mail goes on coming in beside it."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), at_once):
        batch = ordered[start : start + at_once]

        def work(session: Session, batch: Sequence[int] = batch) -> None:
            remove(session, batch)

        _write(handles, work)


def _write(handles: Handles, work: Callable[[Session], None]) -> None:
    def overwriting(session: Session) -> None:
        if dialect_of(session) == "sqlite":
            # The pages that are given back are overwritten, not only marked as free.
            session.connection().exec_driver_sql("PRAGMA secure_delete=ON")
        work(session)

    handles.database.writing(overwriting, load=1.0)
