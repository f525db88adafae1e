"""Putting messages into the outbox: one commit, then they will be sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from core import clock
from core.db.bulk import insert_rows, reserve, table_of
from core.errors import NotFound, StoreRefused
from core.handles import Handles
from core.models import Lane, Mailbox, OutgoingMessage, OutgoingRaw, OutgoingState, Recipient
from core.outbox.entry import Entry, first_try_at

TOPIC = "outbox"
"""What moved, for whoever watches."""

COUNTER = "outgoing_message"
"""What gives the messages their ids."""

_AT_ONCE = 500
_MOST_ASKED = 500
_RACES = 5
"""How often another process may be faster with a key of one batch."""


def enqueue(handles: Handles, entry: Entry) -> str:
    """Put one message into the outbox; gives back its Message-ID, or that of what its key stands for already."""
    return enqueue_many(handles, (entry,))[0]


def enqueue_many(handles: Handles, entries: Sequence[Entry]) -> list[str]:
    """Put messages into the outbox, each durable when this returns; gives back their Message-IDs in order.

    Raises:
        NotFound: a mailbox that is asked for is not there; nothing was taken.
    """
    message_ids: list[str] = []
    for start in range(0, len(entries), _AT_ONCE):
        batch = entries[start : start + _AT_ONCE]
        message_ids += insert_durably(handles, batch)
    handles.changes.moved(TOPIC)
    return message_ids


def insert_entries(session: Session, entries: Sequence[Entry], now: datetime) -> list[str]:
    """Insert messages with their recipients and bytes; what has a known key is left out, its Message-ID given back."""
    known = _known_keys(session, [entry.envelope.key for entry in entries if entry.envelope.key])
    mailboxes = _mailbox_ids(session, {entry.envelope.mailbox for entry in entries if entry.envelope.mailbox})
    fresh: list[Entry] = []
    message_ids: list[str] = []
    for entry in entries:
        key = entry.envelope.key
        message_ids.append(known.get(key, entry.message_id) if key else entry.message_id)
        if not key or key not in known:
            fresh.append(entry)
            if key:
                known[key] = entry.message_id
    if fresh:
        first = reserve(session, COUNTER, len(fresh))
        _insert(session, [(first + index, entry) for index, entry in enumerate(fresh)], mailboxes, now)
    return message_ids


def insert_durably(handles: Handles, entries: Sequence[Entry]) -> list[str]:
    """Put these in by one commit; gives back their Message-IDs in order."""

    def put(session: Session) -> list[str]:
        return insert_entries(session, entries, clock.utcnow())

    for _ in range(_RACES):
        try:
            return handles.database.writing(put)
        except StoreRefused:
            # Another process put in the same key between our look and our insert (PostgreSQL): now it is seen.
            continue
    return handles.database.writing(put)


def _insert(session: Session, numbered: Sequence[tuple[int, Entry]], mailboxes: dict[str, int], now: datetime) -> None:
    insert_rows(session, OutgoingMessage, [_message_row(key, entry, mailboxes, now) for key, entry in numbered])
    insert_rows(session, OutgoingRaw, [{"outgoing_id": key, "data": entry.raw} for key, entry in numbered])
    insert_rows(
        session,
        Recipient,
        [
            {
                "outgoing_id": key,
                "address": address,
                "is_bcc": False,
                "state": _state_of(entry),
                "enhanced_code": "",
                "text": "",
            }
            for key, entry in numbered
            for address in entry.envelope.recipients
        ],
    )


def _message_row(key: int, entry: Entry, mailboxes: dict[str, int], now: datetime) -> dict[str, Any]:
    envelope = entry.envelope
    first_try = first_try_at(envelope, now)
    return {
        "id": key,
        "message_id": entry.message_id,
        "state": _state_of(entry),
        "lane": envelope.lane,
        "lane_rank": Lane(envelope.lane).rank,
        "sender": envelope.sender or "",
        "has_sender": envelope.sender is not None,
        "header_from": entry.header_from,
        "subject": entry.subject,
        "size": len(entry.raw),
        "mailbox_id": mailboxes[envelope.mailbox] if envelope.mailbox else None,
        "record_id": entry.record_id,
        "key": envelope.key or None,
        "notify": envelope.notify,
        "submitted_by": entry.submitted_by,
        # Whoever wrote the file may have written any time into it.
        "created_at": now if entry.handed_in_at is None else min(entry.handed_in_at, now),
        "first_due_at": first_try if first_try > now else None,
        "next_attempt_at": first_try,
        "expires_at": envelope.expires_at,
        "last_error": entry.held_because,
        "attempts": 0,
        "lease_owner": "",
        "fence": 0,
        "handing_over": False,
    }


def _state_of(entry: Entry) -> str:
    return OutgoingState.HELD if entry.held_because else OutgoingState.QUEUED


def _known_keys(session: Session, keys: Sequence[str]) -> dict[str, str]:
    table = table_of(OutgoingMessage)
    known: dict[str, str] = {}
    for start in range(0, len(keys), _MOST_ASKED):
        asked = select(table.c.key, table.c.message_id).where(table.c.key.in_(keys[start : start + _MOST_ASKED]))
        known.update((key, message_id) for key, message_id in session.connection().execute(asked))
    return known


def _mailbox_ids(session: Session, names: set[str]) -> dict[str, int]:
    if not names:
        return {}
    found = known_mailboxes(session, names)
    for name in sorted(names - found.keys()):
        raise NotFound(f"There is no mailbox {name!r}; nothing was taken.")
    return found


def known_mailboxes(session: Session, names: set[str]) -> dict[str, int]:
    """The ids of the mailboxes of these names that are there."""
    table = table_of(Mailbox)
    asked = select(table.c.name, table.c.id).where(table.c.name.in_(names), table.c.deleted_at.is_(None))
    return {name: key for name, key in session.connection().execute(asked)}


def held(entry: Entry, because: str) -> Entry:
    """The same message, to be taken but to wait for a person, without the mailbox that it cannot have."""
    return replace(entry, envelope=replace(entry.envelope, mailbox=""), held_because=because)
