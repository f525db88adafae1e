"""Putting messages into the outbox: one commit, then they will be sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlmodel import Session

from core import clock
from core.db.bulk import insert_rows, reserve, table_of
from core.errors import NotFound, StoreRefused
from core.handles import Handles
from core.models import Lane, Mailbox, OutgoingMessage, OutgoingRaw, OutgoingState, Recipient
from core.outbox.entry import Entry, first_try_at, owner_of

TOPIC = "outbox"
"""What moved, for whoever watches."""

COUNTER = "outgoing_message"
"""What gives the messages their ids."""

_AT_ONCE = 500
_BYTES_AT_ONCE = 16 << 20
"""Messages that one commit puts in, and their bytes, as far as one alone is not larger."""

_A_FEW = 0.02
"""Of a full commit: what is no more goes before batches, as a row or two do."""

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
        StoreError: the database is out of reach or full; of many, the first may have been taken.
    """
    batches = list(_batches(entries))
    if len(batches) > 1:
        # Each commit looks for its own; a name that is not there must not be met when others have been taken.
        with handles.database.reading() as session:
            _mailbox_ids(session, _wanted_mailboxes(entries))
    message_ids: list[str] = []
    for batch in batches:
        message_ids += insert_durably(handles, batch)
        handles.changes.moved(TOPIC)
    return message_ids


def _batches(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """What goes in by one commit each."""
    first = size = 0
    for place, entry in enumerate(entries):
        size += len(entry.raw)
        if place > first and (place - first >= _AT_ONCE or size > _BYTES_AT_ONCE):
            yield entries[first:place]
            first, size = place, len(entry.raw)
    if first < len(entries):
        yield entries[first:]


def _load_of(entries: Sequence[Entry]) -> float:
    """How much of a full commit these are, as the doors want to know it."""
    size = sum(len(entry.raw) for entry in entries)
    share = max(len(entries) / _AT_ONCE, size / _BYTES_AT_ONCE)
    return min(1.0, share) if share > _A_FEW else 0.0


def insert_entries(session: Session, entries: Sequence[Entry], now: datetime) -> list[str]:
    """Insert messages with their recipients and bytes; what has a known key is left out, its Message-ID given back."""
    known = _known_keys(session, [entry.envelope.key for entry in entries if entry.envelope.key])
    entries, anothers = _with_keys_of_their_own(entries, known)
    known |= _known_keys(session, anothers)
    mailboxes = _mailbox_ids(session, _wanted_mailboxes(entries))
    fresh: list[Entry] = []
    message_ids: list[str] = []
    for entry in entries:
        key = entry.envelope.key
        message_ids.append(known[key].message_id if key in known else entry.message_id)
        if not key or key not in known:
            fresh.append(entry)
            if key:
                known[key] = _Taken(entry.message_id, entry.owner)
    if fresh:
        first = reserve(session, COUNTER, len(fresh))
        _insert(session, [(first + index, entry) for index, entry in enumerate(fresh)], mailboxes, now)
    return message_ids


def insert_durably(handles: Handles, entries: Sequence[Entry]) -> list[str]:
    """Put these in by one commit; gives back their Message-IDs in order."""

    def put(session: Session) -> list[str]:
        return insert_entries(session, entries, clock.utcnow())

    load = _load_of(entries)
    for _ in range(_RACES):
        try:
            return handles.database.writing(put, load=load)
        except StoreRefused:
            # Another process put in the same key between our look and our insert (PostgreSQL): now it is seen.
            continue
    return handles.database.writing(put, load=load)


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


class _Taken(NamedTuple):
    """What a key stands for."""

    message_id: str
    owner: str


def _known_keys(session: Session, keys: Sequence[str]) -> dict[str, _Taken]:
    table = table_of(OutgoingMessage)
    columns = (table.c.key, table.c.message_id, table.c.submitted_by)
    known: dict[str, _Taken] = {}
    for start in range(0, len(keys), _MOST_ASKED):
        asked = select(*columns).where(table.c.key.in_(keys[start : start + _MOST_ASKED]))
        for key, message_id, submitted_by in session.connection().execute(asked):
            known[key] = _Taken(message_id, owner_of(submitted_by))
    return known


def _with_keys_of_their_own(
    entries: Sequence[Entry], known: Mapping[str, _Taken]
) -> tuple[Sequence[Entry], Sequence[str]]:
    """The same, those under other keys whose key another user was the first to use; and these other keys.

    Whoever may send could else keep anybody's mail from being sent by guessing keys.
    """
    owners: dict[str, str] = {}
    changed: dict[int, Entry] = {}
    for place, entry in enumerate(entries):
        if not (key := entry.envelope.key):
            continue
        first = known[key].owner if key in known else owners.setdefault(key, entry.owner)
        if first != entry.owner:
            # With a sign between that no key may hold: nobody can hand that in.
            changed[place] = replace(entry, envelope=replace(entry.envelope, key=f"{key}\x1f{entry.owner}"))
    if not changed:
        return entries, ()
    return [changed.get(place, entry) for place, entry in enumerate(entries)], [
        entry.envelope.key for entry in changed.values()
    ]


def _wanted_mailboxes(entries: Sequence[Entry]) -> set[str]:
    return {entry.envelope.mailbox for entry in entries} - {""}


def _mailbox_ids(session: Session, names: set[str]) -> dict[str, int]:
    if not names:
        return {}
    found = known_mailboxes(session, names)
    for name in sorted(names - found.keys()):
        from core.resources.mailbox import MAILBOX
        from core.resources.unknown import unknown

        raise NotFound(f"Nothing was taken. {unknown(MAILBOX, name)}")
    return found


def known_mailboxes(session: Session, names: set[str]) -> dict[str, int]:
    """The ids of the mailboxes of these names that are there."""
    table = table_of(Mailbox)
    asked = select(table.c.name, table.c.id).where(table.c.name.in_(names), table.c.deleted_at.is_(None))
    return {name: key for name, key in session.connection().execute(asked)}


def held(entry: Entry, because: str) -> Entry:
    """The same message, to be taken but to wait for a person, without the mailbox that it cannot have."""
    return replace(entry, envelope=replace(entry.envelope, mailbox=""), held_because=because)
