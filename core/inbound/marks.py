"""How far a folder is settled, and what is known of the messages beyond that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, delete, select, update
from sqlmodel import Session

from core.db import bulk
from core.db.bulk import table_of
from core.handles import Handles
from core.models import Account, AccountType, AfterFetch, FolderMark, Leftover, Message, MessageState
from core.protocols.source import Fetched, Key, Missing

_message, _mark, _leftover = table_of(Message), table_of(FolderMark), table_of(Leftover)

_MARK_COLUMNS = tuple(column.name for column in _mark.columns)

MOST_TRIES = 3
"""After so many tries a message that the server lists but does not give is left alone, until a person asks for it."""

LOOKED_THROUGH_FOR = timedelta(hours=1)
"""Younger than this, what is withheld may still be in the hands of the provider's virus scanner: no try is counted."""

BEFORE_START = "before start"
"""Why a message is left that came before the account was to begin."""


@dataclass(frozen=True)
class Pending:
    """A stored message that the server still has to be told about."""

    id: int
    key: Key
    after_fetch: str
    move_to: str


def is_server_told(account: Account) -> bool:
    """Whether anything is to be changed on the server once a message is stored; POP3 has no flag to set."""
    marks_seen = account.mark_seen and AccountType(account.type).is_imap
    return account.after_fetch != AfterFetch.KEEP or marks_seen


def load_mark(handles: Handles, account: Account, folder: str) -> FolderMark | None:
    """The low-water mark of a folder; `None` before its first run."""
    with handles.database.reading() as session:
        return session.get(FolderMark, (account.id, account.epoch, folder))


def stored_above(handles: Handles, account: Account, folder: str, uidvalidity: int, above: int) -> set[tuple[int, str]]:
    """UID and UIDL of what is stored above the mark."""
    given = {
        "this": account.id,
        "now": account.epoch,
        "place": folder,
        "numbering": uidvalidity,
        "least": above + 1 if above else 0,
        "most": account.max_size,
    }
    with handles.database.reading() as session:
        return {(row.uid, row.uidl) for row in session.connection().execute(_stored_above(), given)}


@lru_cache(maxsize=1)
def _stored_above() -> Any:
    """Made once."""
    # What was too large becomes due again when the limit is raised.
    is_small_now = and_(_message.c.state == MessageState.TOO_LARGE.value, _message.c.size <= bindparam("most"))
    return select(_message.c.uid, _message.c.uidl).where(
        _message.c.account_id == bindparam("this"),
        _message.c.epoch == bindparam("now"),
        _message.c.folder == bindparam("place"),
        _message.c.uidvalidity == bindparam("numbering"),
        _message.c.uid >= bindparam("least"),
        ~is_small_now,
    )


def is_given_up() -> ColumnElement[bool]:
    """Of a leftover: the server lists it still, as far as is known, and it is not tried any more."""
    return and_(_leftover.c.tries >= MOST_TRIES, _leftover.c.why.not_in((BEFORE_START, Missing.GONE.value)))


def write_mark(session: Session, mark: FolderMark, *, uid_settled: int | None = None) -> None:
    """Note how far a folder is settled: as the mark says, or up to `uid_settled`."""
    row = {name: getattr(mark, name) for name in _MARK_COLUMNS}
    if uid_settled is not None:
        row["uid_settled"] = uid_settled
    bulk.upsert(session, FolderMark, [row])


class NotGiven(NamedTuple):
    """A message that did not come."""

    key: Key
    why: str
    tries: int = 1
    """0: it was too early to ask."""


def not_given(one: Fetched, now: datetime) -> NotGiven:
    """What is to be noted of a message that did not come."""
    why = one.missing or Missing.GONE
    came = one.internal_date
    is_early = why is Missing.WITHHELD and came is not None and now - came < LOOKED_THROUGH_FOR
    return NotGiven(one.key, why, 0 if is_early else 1)


def note_leftovers(session: Session, account: Account, left: Sequence[NotGiven]) -> None:
    """Count one more try of messages that did not come, with the reason."""
    for key, why, tries in left:
        ours = is_key(_leftover, account, key)
        tried = update(_leftover).where(ours).values(tries=_leftover.c.tries + tries, why=why)
        if not session.connection().execute(tried).rowcount:
            row = {**source_of(account, key), "why": why, "tries": tries}
            bulk.insert_rows(session, Leftover, [row])


def forget_leftovers(session: Session, account: Account, keys: Sequence[Key]) -> None:
    """These came after all, or are gone for good."""
    if keys:
        place = _source(_leftover, account, keys[0].folder, keys[0].uidvalidity)
        by_uid, by_uidl = (
            _leftover.c.uid.in_([key.uid for key in keys]),
            _leftover.c.uidl.in_([key.uidl for key in keys]),
        )
        session.connection().execute(delete(_leftover).where(place, by_uid if keys[0].folder else by_uidl))


def leave_alone(session: Session, account: Account, keys: Iterable[Key], why: str) -> None:
    """Note messages that are never to be taken in."""
    rows = [{**source_of(account, key), "why": why, "tries": MOST_TRIES} for key in keys]
    bulk.upsert(session, Leftover, rows)


def note_renumbered_gone(session: Session, account: Account, mark: FolderMark, now: datetime) -> int:
    """Whatever was to be acknowledged under an older numbering and is not in the folder: the server is done with it."""
    statement = update(_message).where(
        _message.c.account_id == account.id,
        _message.c.epoch == account.epoch,
        _message.c.folder == mark.folder,
        _message.c.uidvalidity != mark.uidvalidity,
        _message.c.acknowledged_at.is_(None),
        _message.c.state != MessageState.TOO_LARGE.value,
    )
    return session.connection().execute(statement.values(acknowledged_at=now)).rowcount


def note_acknowledged(session: Session, ids: Sequence[int], now: datetime) -> None:
    """The server is done with these messages."""
    for start in range(0, len(ids), 500):
        chunk = ids[start : start + 500]
        session.connection().execute(update(_message).where(_message.c.id.in_(chunk)).values(acknowledged_at=now))


def source_of(account: Account, key: Key) -> dict[str, Any]:
    """The columns of a source key."""
    return {
        "account_id": account.id,
        "epoch": account.epoch,
        "folder": key.folder,
        "uidvalidity": key.uidvalidity,
        "uid": key.uid,
        "uidl": key.uidl,
    }


def _source(table: Any, account: Account, folder: str, uidvalidity: int) -> Any:
    return and_(
        table.c.account_id == account.id,
        table.c.epoch == account.epoch,
        table.c.folder == folder,
        table.c.uidvalidity == uidvalidity,
    )


def is_key(table: Any, account: Account, key: Key) -> Any:
    """The condition of the row of one source key, in any table that has one."""
    return and_(*(table.c[name] == value for name, value in source_of(account, key).items()))
