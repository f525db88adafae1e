"""Answering a record: a person's words, sent to who wrote, kept with the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from core import clock
from core.db.bulk import table_of
from core.errors import BadInput, ConfigurationError, UnsafeMessage
from core.handles import Handles
from core.inbound import record_types
from core.mail.addresses import bare_addresses
from core.mail.auto import is_daemon
from core.mail.envelope import OutgoingEnvelope, fresh_message_id
from core.mail.headers import Headers, read_header_block
from core.mail.reply import Reply, compose_reply, reply_subject, thread_of
from core.mail.strict_address import strict_address
from core.models import Account, Audit, Message, MessageState, Queue, RawMessage, Record, SystemAddress
from core.outbox.enqueue import insert_entries
from core.outbox.entry import Entry, read_entry
from core.resources.incoming import RECORD
from core.services import access, audit
from core.services.actor import Actor
from core.services.lookup import as_id, not_found

LONGEST_TEXT = 1 << 20
"""Characters of an answer."""

_MOST_LOOKED_AT = 50
"""Messages of a record, newest first, that are looked through for one to answer."""

_record, _message, _raw = table_of(Record), table_of(Message), table_of(RawMessage)
_queue, _address, _account = table_of(Queue), table_of(SystemAddress), table_of(Account)


@dataclass(frozen=True)
class Heading:
    """What an answer would stand under."""

    to: str
    sent_from: str
    """Empty: the address of the mailbox that sends it."""
    subject: str


@dataclass(frozen=True)
class _Answered:
    """The message that is answered."""

    to: str
    subject: str
    thread: tuple[str, ...]


def heading(handles: Handles, actor: Actor, number: str) -> Heading:
    """Whom an answer would go to, before anybody writes one.

    Raises:
        NotFound: there is no such record.
        BadInput: there is nobody to answer.
    """
    access.require(actor, "reply", "record")
    with handles.database.reading() as session:
        record = _row(session, number)
        sent_from, _ = _own_address(session, record)
        answered = _answered(session, record, sent_from)
    return Heading(answered.to, sent_from, _subject(record, answered))


def reply(handles: Handles, actor: Actor, number: str, text: str) -> str:
    """Send an answer to the newest message of a record that a person can be answered on; gives its Message-ID.

    Raises:
        NotFound: there is no such record.
        BadInput: there is nothing to say, or nobody to say it to.
    """
    access.require(actor, "reply", "record")
    if not text.strip():
        raise BadInput("The reply is empty; nothing was sent.")
    if len(text) > LONGEST_TEXT:
        raise BadInput(f"The reply is longer than {LONGEST_TEXT} characters; nothing was sent.")

    def work(session: Session) -> tuple[str, Audit]:
        now = clock.utcnow()
        record = _row(session, number)
        entry = _entry(session, record, text, actor)
        insert_entries(session, [entry], now)
        touched = update(_record).where(_record.c.id == record["id"]).values(updated_at=now)
        session.connection().execute(touched)
        after = {"message_id": entry.message_id, "to": list(entry.envelope.recipients)}
        return entry.message_id, audit.note(session, actor, "reply", "record", record["number"], after=after)

    message_id, line = handles.database.writing(work)
    audit.publish(line)
    handles.changes.moved("outbox", "record", "audit")
    return message_id


def _row(session: Session, number: str) -> dict[str, Any]:
    for wanted in (_record.c.number == number, _record.c.id == as_id(number)):
        row = session.connection().execute(select(_record).where(wanted)).mappings().first()
        if row is not None:
            return dict(row)
    raise not_found(session, RECORD, number)


def _entry(session: Session, record: dict[str, Any], text: str, actor: Actor) -> Entry:
    sent_from, display_name = _own_address(session, record)
    answered = _answered(session, record, sent_from)
    message_id = fresh_message_id(sent_from.rpartition("@")[2] or actor.host)
    try:
        raw = compose_reply(
            Reply(
                to=answered.to,
                subject=_subject(record, answered),
                text=text,
                message_id=message_id,
                date=clock.utcnow(),
                sent_from=sent_from,
                display_name=display_name,
                references=answered.thread,
            )
        )
    except (UnsafeMessage, ValueError) as error:
        raise BadInput(f"Record {record['number']} cannot be answered: {error}") from error
    envelope = OutgoingEnvelope((answered.to,), sent_from or None)
    entry = read_entry(envelope, raw, submitted_by=str(actor), message_id=message_id)
    return replace(entry, record_id=record["id"])


def _subject(record: dict[str, Any], answered: _Answered) -> str:
    return reply_subject(answered.subject, f"[{_hook(record['type'])}{record['number']}]")


def _hook(record_type: str) -> str:
    try:
        return record_types.get(record_type).hook
    except ConfigurationError:
        # Its package is gone; any hook leads back to the number.
        return record_types.SHIPPED_HOOKS[0]


def _own_address(session: Session, record: dict[str, Any]) -> tuple[str, str]:
    """The queue's address, else the account's, and the name beside it; empty: the sending mailbox's own."""
    of_queue = select(_queue.c.address).where(_queue.c.id == record["queue_id"])
    of_account = select(_account.c.address, _account.c.username).where(_account.c.id == record["account_id"])
    account = session.connection().execute(of_account).first()
    for text in (session.connection().scalar(of_queue), *(account or ())):
        address = next(iter(bare_addresses(str(text or ""))), "")
        if _can_stand(address):
            named = select(_address.c.display_name).where(
                _address.c.address == address, _address.c.deleted_at.is_(None)
            )
            return address, str(session.connection().scalar(named) or "")
    return "", ""


def _answered(session: Session, record: dict[str, Any], sent_from: str) -> _Answered:
    own = {sent_from.lower()}
    thread: tuple[str, ...] = ()
    for row in _messages(session, record["id"]):
        headers = _headers(session, row.id)
        thread = thread or (thread_of(headers) if headers is not None else (row.message_id,))
        address = next((one for one in _senders(headers, row.from_address) if one.lower() not in own), "")
        if address:
            return _Answered(address, row.subject, thread_of(headers) if headers is not None else (row.message_id,))
    customer = next(iter(bare_addresses(record["customer"])), "")
    if _can_stand(customer) and not is_daemon(customer):
        return _Answered(customer, record["title"], thread)
    raise BadInput(
        f"Record {record['number']} has no message of somebody who can be answered, and its customer is no address."
    )


def _messages(session: Session, record_id: int) -> Sequence[Any]:
    """What was written to a record, newest first; reports of bounces are no letters."""
    statement = (
        select(_message.c.id, _message.c.message_id, _message.c.subject, _message.c.from_address)
        .where(_message.c.record_id == record_id, _message.c.state == MessageState.RECORDED.value)
        .order_by(_message.c.id.desc())
        .limit(_MOST_LOOKED_AT)
    )
    return session.connection().execute(statement).all()


def _headers(session: Session, message_id: int) -> Headers | None:
    """The header fields of a message; `None` where its bytes are not kept any more."""
    data = session.connection().scalar(select(_raw.c.data).where(_raw.c.message_id == message_id))
    return read_header_block(bytes(data)) if data is not None else None


def _senders(headers: Headers | None, from_address: str) -> list[str]:
    """Who wants the answer, best first; mail systems read none (RFC 3834 §2)."""
    texts = [headers.raw("reply-to"), headers.raw("from")] if headers is not None else []
    found = [address for text in texts if text for address in bare_addresses(text)]
    return [one for one in (*found, from_address) if _can_stand(one) and not is_daemon(one)]


def _can_stand(address: str) -> bool:
    try:
        return bool(strict_address(address))
    except ValueError:
        return False
