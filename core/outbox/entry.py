"""What is put into the outbox, before it is a row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.mail.addresses import bare_addresses
from core.mail.envelope import LONGEST_ID, OutgoingEnvelope, check_header, checked_envelope, fresh_message_id
from core.mail.headers import Headers, read_header_block
from core.mail.message_ids import read_message_ids
from core.text import bounded, clean

_LONGEST_SHOWN = 998


@dataclass(frozen=True, slots=True)
class Entry:
    """One message that is about to be put into the outbox."""

    envelope: OutgoingEnvelope
    """Checked."""
    raw: bytes
    message_id: str
    header_from: str
    """The first address of From: it picks the mailbox."""
    subject: str
    submitted_by: str = ""
    """Who handed it in: a system user, a program."""
    handed_in_at: datetime | None = None
    """When it was taken, if that was before it comes into the outbox: its age is counted from then."""
    held_because: str = ""
    """It is taken, but waits for a person."""
    record_id: int | None = None
    """The record that it answers: a bounce of it is added there."""

    @property
    def owner(self) -> str:
        """The system user who handed it in."""
        return owner_of(self.submitted_by)


def owner_of(submitted_by: str) -> str:
    """The system user of who handed something in, which may be followed by the way: `www (smtp)`."""
    return submitted_by.partition(" (")[0]


def read_entry(
    envelope: OutgoingEnvelope,
    raw: bytes,
    *,
    host: str = "",
    submitted_by: str = "",
    message_id: str = "",
    handed_in_at: datetime | None = None,
) -> Entry:
    """Check a message and its envelope; `message_id` is the one that was promised for it already.

    Raises:
        BadInput: it cannot be taken; carries every problem.
    """
    envelope = checked_envelope(envelope)
    check_header(raw)
    headers = read_header_block(raw)
    return Entry(
        envelope=envelope,
        raw=raw,
        message_id=message_id or _carried_id(headers) or fresh_message_id(host, envelope.key),
        header_from=clean(bounded(next(iter(bare_addresses(headers.raw("from") or "")), ""), _LONGEST_SHOWN)),
        subject=bounded(headers.get("subject") or "", _LONGEST_SHOWN),
        submitted_by=submitted_by,
        handed_in_at=handed_in_at,
    )


def first_try_at(envelope: OutgoingEnvelope, now: datetime) -> datetime:
    """When it may leave for the first time."""
    return max(envelope.not_before, now) if envelope.not_before is not None else now


def _carried_id(headers: Headers) -> str:
    carried = next(iter(read_message_ids(headers.get("message-id"))), "")
    return carried if len(carried) <= LONGEST_ID else ""
