"""What earlier runs noted of an account's folders: read in one look when a run begins.

Nobody else writes it while the run has its lease; only messages may be added to those that wait to be acknowledged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select
from sqlmodel import Session

from core.db.bulk import table_of
from core.handles import Handles
from core.inbound.marks import BEFORE_START, MOST_TRIES, Pending
from core.models import Account, FolderMark, Leftover, Message, MessageState, Suspect
from core.protocols.source import Key, Missing

_message, _mark, _leftover, _suspect = (table_of(model) for model in (Message, FolderMark, Leftover, Suspect))


class Left(NamedTuple):
    """A message that was listed and is not here."""

    key: Key
    why: str
    tries: int

    @property
    def is_over(self) -> bool:
        """Whether it is left alone."""
        return self.tries >= MOST_TRIES

    @property
    def is_given_up(self) -> bool:
        """Whether it is left alone although the server lists it still, as far as is known."""
        return self.is_over and self.why not in {BEFORE_START, Missing.GONE.value}

    @property
    def breaks_off(self) -> bool:
        """Whether the connection was lost more than once when it was to come: once is chance."""
        return self.why == Missing.CUT_OFF.value and self.tries > 1


@dataclass
class Noted:
    """What was noted of one folder (POP3: the maildrop, folder "")."""

    mark: FolderMark | None = None
    """How far it is settled; `None` before its first run."""
    pending: list[Pending] = field(default_factory=list)
    """What is stored and not yet acknowledged on the server, in the order it came."""
    grown: list[Key] = field(default_factory=list)
    """What was too large to be read and no longer is."""
    left: list[Left] = field(default_factory=list)
    suspects: set[Key] = field(default_factory=set)
    """What is to be taken carefully, message by message."""

    def due_again(self, uidvalidity: int, upto: int, *, is_asked: bool = False) -> list[int]:
        """UIDs that are worth another try: not given before, or no longer too large.

        Above the mark only those are told where the connection broke: all others are new there.
        `is_asked`: a person asked for the account, so what was given up is tried once more.
        """
        left = [one for one in self.left if not one.is_over or (is_asked and one.is_given_up)]
        tried = [one.key for one in left if one.key.uid <= upto or one.breaks_off]
        grown = [key for key in self.grown if key.uid <= upto]
        return sorted({key.uid for key in (*tried, *grown) if key.uidvalidity == uidvalidity})

    @cached_property
    def risky(self) -> set[Key]:
        """Messages at which the connection was lost again and again."""
        return {one.key for one in self.left if one.breaks_off}

    @cached_property
    def cut_off(self) -> set[Key]:
        """Messages at which it was lost at all."""
        return {one.key for one in self.left if one.why == Missing.CUT_OFF.value}

    def uidls_again(self, *, is_asked: bool) -> dict[str, bool]:
        """UIDLs that were listed and not given, and whether each is worth another try now."""
        return {one.key.uidl: is_asked or not one.is_over for one in self.left if one.why != BEFORE_START}

    def left_alone(self, uidvalidity: int) -> set[tuple[int, str]]:
        """UID and UIDL of what is left alone for good."""
        return {(one.key.uid, one.key.uidl) for one in self.left if one.is_over and one.key.uidvalidity == uidvalidity}


def read_noted(handles: Handles, account: Account) -> Mapping[str, Noted]:
    """What is noted of each of the account's folders, by its name; of others there is an empty note."""
    noted: defaultdict[str, Noted] = defaultdict(Noted)
    with handles.database.reading() as session:
        for mark in _rows(session, account, FolderMark):
            noted[mark.folder].mark = mark
        for row in _rows(session, account, Leftover):
            noted[row.folder].left.append(Left(_key(row), row.why, row.tries))
        for row in _rows(session, account, Suspect):
            noted[row.folder].suspects.add(_key(row))
        for row in _rows(session, account, Message):
            if row.state != MessageState.TOO_LARGE:
                noted[row.folder].pending.append(Pending(row.id, _key(row), row.after_fetch, row.move_to))
            elif row.size <= account.max_size:
                noted[row.folder].grown.append(_key(row))
    return noted


def _key(row: Any) -> Key:
    return Key(row.folder, row.uidvalidity, row.uid, row.uidl)


def _rows(session: Session, account: Account, model: Any) -> Any:
    given = {"this": account.id, "now": account.epoch}
    if model is FolderMark:
        return session.scalars(_reads()[model], given)
    return session.connection().execute(_reads()[model], given)


@lru_cache(maxsize=1)
def _reads() -> Mapping[Any, Any]:
    """The statements of each run, made once."""
    key = ("folder", "uidvalidity", "uid", "uidl")
    message = select(
        *(_message.c[name] for name in ("id", *key, "state", "size", "after_fetch", "move_to"))
        # What was too large waits for nothing on the server, and is never acknowledged.
    ).where(_message.c.acknowledged_at.is_(None))
    reads = {
        FolderMark: (_mark, select(FolderMark)),
        Leftover: (_leftover, select(*(_leftover.c[name] for name in (*key, "why", "tries")))),
        Suspect: (_suspect, select(*(_suspect.c[name] for name in key))),
        Message: (_message, message.order_by(_message.c.id)),
    }
    return {
        model: statement.where(table.c.account_id == bindparam("this"), table.c.epoch == bindparam("now"))
        for model, (table, statement) in reads.items()
    }
