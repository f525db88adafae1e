"""One renewal at a time, over all workers and machines: whoever has the turn asks the provider, the others wait.

A provider may take back the old refresh token with each new one: two that ask at once would each lose the other's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import not_, select, update
from sqlmodel import Session

from core.db.alike import database_now, dialect_of, skip_locked
from core.db.bulk import insert_missing, table_of
from core.db.leases import is_free
from core.models import Token
from core.vault.owner import Owner

LEASE = timedelta(seconds=60)
"""How long a turn lasts: asking has half of it, writing down the answer the rest. Then its holder counts as dead."""

_token = table_of(Token)


@dataclass(frozen=True)
class Turn:
    """The right to renew the tokens of one account or mailbox."""

    owner: Owner
    fence: int
    is_inherited: bool
    """Whether the one before never gave it back: what the provider told that one may be lost."""

    def is_mine(self) -> Any:
        """The condition that every write under this turn carries."""
        return is_row(self.owner) & (_token.c.fence == self.fence)


def is_row(owner: Owner) -> Any:
    """The condition of one account's or mailbox's row."""
    return (_token.c.kind == owner.kind) & (_token.c.owner_id == owner.id)


def make_row(session: Session, owner: Owner) -> None:
    """See to it that there is a row."""
    texts = dict.fromkeys(("key_id", "refused_token", "signed_in_as", "needs_sign_in", "last_error", "lease_owner"), "")
    insert_missing(session, Token, [{"kind": owner.kind, "owner_id": owner.id, "fence": 0, **texts}])


def is_taken(session: Session, owner: Owner, now: datetime) -> bool:
    """Whether somebody has the turn: looked at before it is asked for, since asking is a write."""
    free = is_free(session, Token, now)
    taken = select(_token.c.fence).where(is_row(owner), not_(free))
    return session.connection().execute(taken).first() is not None


def take_turn(session: Session, owner: Owner, worker: str, now: datetime) -> Turn | None:
    """Take the turn if nobody has it."""
    make_row(session, owner)
    free = skip_locked(select(_token.c.fence, _token.c.lease_owner).where(is_row(owner), is_free(session, Token, now)))
    found = session.connection().execute(free).one_or_none()
    if found is None:
        return None
    turn = Turn(owner, found.fence + 1, is_inherited=bool(found.lease_owner))
    taken = {"lease_owner": worker, "lease_until": _end(session, now), "fence": turn.fence}
    session.connection().execute(update(_token).where(is_row(owner)).values(taken))
    return turn


def give_back(session: Session, turn: Turn) -> None:
    """Let the next one have it."""
    free: dict[str, Any] = {"lease_owner": "", "lease_until": None}
    session.connection().execute(update(_token).where(turn.is_mine()).values(free))


def _end(session: Session, now: datetime) -> Any:
    # By the clock that ends it: a machine whose own is slow must not be robbed of its turn.
    is_postgres = dialect_of(session) == "postgresql"
    return database_now(session, now) + LEASE if is_postgres else now + LEASE
