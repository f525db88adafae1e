"""Moving where a server can only copy and remove: what was copied before a run was cut off is not copied once more.

What is stored and not acknowledged is the durable mark that it may have been: such messages are looked for in the
folder they are to go to, by their bytes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import func, select

from core.db.bulk import table_of
from core.errors import Throttled, WireError
from core.handles import Handles
from core.inbound.marks import Pending
from core.inbound.server.connection import Connection
from core.inbound.server.visit import Visit
from core.models import AfterFetch, Message
from core.protocols.imap.source import ImapSource
from core.protocols.source import Key
from core.text import counted

NEWEST = 1000
"""Messages of the folder that are looked at: copies are appended."""

_BYTES_AT_ONCE = 4 << 20
_m = table_of(Message)


class _Bytes(NamedTuple):
    """What a message is known by in another folder."""

    size: int
    sha256: str


def told_apart(visit: Visit, folder: str, pending: Sequence[Pending]) -> Sequence[Pending]:
    """The same messages, of which those that have a copy in their target already are merely to be deleted, first."""
    connection, source = visit.connection, visit.source
    targets = {one.move_to for one in pending if one.after_fetch == AfterFetch.MOVE}
    if not targets or not isinstance(source, ImapSource) or "MOVE" in source.facts.capabilities:
        return pending
    copied: set[int] = set()
    for target in sorted(targets):
        ours = [one.id for one in pending if one.after_fetch == AfterFetch.MOVE and one.move_to == target]
        try:
            copied |= _copied(visit.handles, connection, source, target, ours)
        except WireError as error:
            # Not made yet, or not to be looked into: new mail must not wait for that.
            if isinstance(error, Throttled) or not source.is_usable:
                raise
    # The folder as it is now; under another numbering nothing is removed from it.
    connection.ask(source.select, folder, writable=True)
    if "UIDPLUS" not in source.facts.capabilities and not _is_where_it_stopped(pending, copied):
        return pending
    if copied:
        visit.log.complaint(
            f"{counted(len(copied), 'message')} had been copied before the last run was cut off; not again"
        )
    removed = [replace(one, after_fetch=AfterFetch.DELETE.value, move_to="") for one in pending if one.id in copied]
    # First, so that their marks do not stand in the way of moving the others.
    return [*removed, *(one for one in pending if one.id not in copied)]


def _is_where_it_stopped(pending: Sequence[Pending], copied: set[int]) -> bool:
    """Whether what was copied are the first of all, as a run leaves it that was cut off.

    Else somebody took a copy away. Where only all that is marked can be removed, the mark of the message that would
    have to be copied once more would keep the others from being removed.
    """
    in_order = [one.id in copied for one in sorted(pending, key=lambda one: one.key.uid)]
    return in_order == sorted(in_order, reverse=True)


def _copied(handles: Handles, connection: Connection, source: ImapSource, target: str, ids: Sequence[int]) -> set[int]:
    """Which of these messages are in the target; as often as they are there."""
    selected = connection.ask(source.select, target, writable=False)
    wanted = _described(handles, ids)
    above = max(0, selected.uidnext - 1 - NEWEST)
    keys = connection.ask(source.list_new, target, above).keys[-NEWEST:]
    there = Counter(_digests(connection, source, keys, {one.size for one in wanted.values()}))
    there -= _moved_before(handles, ids, target, [digest for digest, count in there.items() if count])
    copied = set()
    for key, one in wanted.items():
        if there[one.sha256]:
            there[one.sha256] -= 1
            copied.add(key)
    return copied


def _moved_before(handles: Handles, ids: Sequence[int], target: str, digests: Sequence[str]) -> Counter[str]:
    """How many messages of the same account with these bytes are done with: what is there of them is no copy of ours.

    Where a person has taken such a one away, ours is copied once more: better twice than never.
    """
    found: Counter[str] = Counter()
    with handles.database.reading() as session:
        for start in range(0, len(digests), 500):
            asked = (
                select(_m.c.sha256, func.count())
                .where(_m.c.account_id == select(_m.c.account_id).where(_m.c.id == ids[0]).scalar_subquery())
                .where(_m.c.sha256.in_(digests[start : start + 500]))
                .where(_m.c.acknowledged_at.is_not(None), _m.c.after_fetch == AfterFetch.MOVE, _m.c.move_to == target)
                .group_by(_m.c.sha256)
            )
            found.update({digest: count for digest, count in session.connection().execute(asked)})
    return found


def _described(handles: Handles, ids: Sequence[int]) -> dict[int, _Bytes]:
    """Each of them, by its id."""
    found: dict[int, _Bytes] = {}
    with handles.database.reading() as session:
        for start in range(0, len(ids), 500):
            asked = select(_m.c.id, _m.c.size, _m.c.sha256).where(_m.c.id.in_(ids[start : start + 500]))
            found |= {key: _Bytes(size, digest) for key, size, digest in session.connection().execute(asked)}
    return found


def _digests(connection: Connection, source: ImapSource, keys: Sequence[Key], sizes: set[int]) -> Iterator[str]:
    """The digests of those messages that have one of these sizes, a few in memory at a time."""
    announced = connection.ask(source.sizes, keys) if keys else {}
    alike = [key for key in keys if announced.get(key) in sizes]
    while alike:
        few, total = [alike.pop()], 0
        while alike and (total := total + announced[few[-1]]) < _BYTES_AT_ONCE:
            few.append(alike.pop())
        for one in connection.ask(source.fetch, few):
            if one.raw is not None:
                yield hashlib.sha256(one.raw).hexdigest()
