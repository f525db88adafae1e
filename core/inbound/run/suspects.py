"""Suspects: the messages that a dead run may have had in hand, and how often one killed whoever took it alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from sqlalchemy import delete, select, update
from sqlmodel import Session

from core.db import bulk
from core.db.bulk import table_of
from core.handles import Handles
from core.inbound.due import Claimed
from core.inbound.marks import is_key, source_of
from core.inbound.server.reading import BATCH_MESSAGES
from core.models import Account, Suspect
from core.protocols.source import Key

_suspect = table_of(Suspect)
_is = partial(is_key, _suspect)


def suspects_among(handles: Handles, claimed: Claimed, due: Sequence[Key], noted: Collection[Key]) -> list[Key]:
    """The keys to be taken carefully: those noted before and, after a death, the first batch of what is due."""
    suspects = set(noted)
    if claimed.took_over and due:
        rows = [{**source_of(claimed.account, key), "deaths": 0} for key in due[:BATCH_MESSAGES]]
        handles.database.writing(lambda session: bulk.insert_missing(session, Suspect, rows))
        suspects.update(due[:BATCH_MESSAGES])
    return [key for key in due if key in suspects] if suspects else []


def deaths_of(handles: Handles, account: Account, key: Key) -> int:
    """How often the process died with this message."""
    with handles.database.reading() as session:
        return session.connection().execute(select(_suspect.c.deaths).where(_is(account, key))).scalar() or 0


def take_back_attempt(handles: Handles, account: Account, key: Key) -> None:
    """The attempt failed, and not of the message."""

    def count(session: Session) -> None:
        session.connection().execute(update(_suspect).where(_is(account, key)).values(deaths=_suspect.c.deaths - 1))

    handles.database.writing(count)


def mark_attempt(handles: Handles, account: Account, key: Key) -> None:
    """Count an attempt before it is made; a message that settles is forgotten with its count."""

    def count(session: Session) -> None:
        session.connection().execute(update(_suspect).where(_is(account, key)).values(deaths=_suspect.c.deaths + 1))

    handles.database.writing(count)


def acquit(handles: Handles, account: Account, key: Key) -> None:
    """The message is settled: it is no longer suspect."""
    handles.database.writing(lambda session: session.connection().execute(delete(_suspect).where(_is(account, key))))


def acquit_all(handles: Handles, account: Account, folder: str) -> None:
    """The folder is settled whole: what is still suspect there settled another way, or is gone from the server."""
    of_folder = delete(_suspect).where(_suspect.c.account_id == account.id, _suspect.c.folder == folder)
    handles.database.writing(lambda session: session.connection().execute(of_folder))
