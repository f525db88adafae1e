"""Names for messages that a POP3 server gives none of their own: made from their bytes or, unread, from their size.

Such a server (without UIDL, or with equal ones) names a message by its number in one session only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, count

from sqlalchemy import and_, delete, select

from core.db.bulk import table_of
from core.handles import Handles
from core.models import Account, Message, MessageState
from core.protocols.source import Key

BY_BYTES = "sha256:"
BY_SIZE = "size:"

_message = table_of(Message)


def is_nameless(key: Key) -> bool:
    """Whether this is a number in a session and no name."""
    return not key.folder and key.uid != 0


def is_made_up(key: Key) -> bool:
    """Whether this name is ours and not the server's."""
    return key.uidl.startswith((BY_BYTES, BY_SIZE))


@dataclass
class Names:
    """The names that one session's nameless messages are stored under."""

    handles: Handles
    account: Account
    _numbers: dict[str, Iterator[int]] = field(default_factory=dict)
    _of_size: Counter[int] = field(default_factory=Counter)

    def of_bytes(self, key: Key, sha256: str) -> Key:
        """The key as it is stored: of equal messages those come first that are stored and wait to be deleted."""
        if not is_nameless(key):
            return key
        if sha256 not in self._numbers:
            self._numbers[sha256] = self._numbers_of(sha256)
        return Key("", 0, 0, f"{BY_BYTES}{sha256}:{next(self._numbers[sha256])}")

    def of_size(self, key: Key, size: int) -> Key:
        """The key of a message that is too large to be read."""
        if not is_nameless(key):
            return key
        self._of_size[size] += 1
        return Key("", 0, 0, f"{BY_SIZE}{size}:{self._of_size[size]}")

    def _numbers_of(self, sha256: str) -> Iterator[int]:
        # What was deleted on the server is no more; the same bytes once more are another message.
        statement = select(_message.c.uidl, _message.c.acknowledged_at).where(
            _message.c.account_id == self.account.id,
            _message.c.epoch == self.account.epoch,
            _message.c.sha256 == sha256,
            _message.c.uidl.startswith(BY_BYTES),
        )
        with self.handles.database.reading() as session:
            rows = session.connection().execute(statement).all()
        numbers = {int(row.uidl.rpartition(":")[2]): row.acknowledged_at is None for row in rows}
        waiting = sorted(number for number, waits in numbers.items() if waits)
        return chain(waiting, count(max(numbers, default=0) + 1))


def forget_small_enough(handles: Handles, account: Account) -> None:
    """Messages that were too large and no longer are: they come again, under names made from their bytes."""
    small = and_(
        _message.c.account_id == account.id,
        _message.c.epoch == account.epoch,
        _message.c.acknowledged_at.is_(None),
        _message.c.state == MessageState.TOO_LARGE.value,
        _message.c.uidl.startswith(BY_SIZE),
        _message.c.size <= account.max_size,
    )
    with handles.database.reading() as session:
        ids = list(session.connection().scalars(select(_message.c.id).where(small)))
    if ids:
        handles.database.writing(lambda session: session.connection().execute(delete(_message).where(small)))
