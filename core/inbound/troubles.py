"""Accounts that need a person: they go on failing, stay out of reach, were given up, get no turn, or not all mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from core import alerts, clock
from core.db.bulk import table_of
from core.handles import Handles
from core.inbound import given_up, unmoved
from core.inbound.silence import silences
from core.models import Account, AccountStatus, Quarantine, Status, Validity
from core.oauth.alarms import tell_sign_ins

PREFIX = "account:"
"""Subjects of these alerts: `account:support`."""

QUARANTINE = "quarantine"
"""Subject of the alert that messages wait in quarantine."""

MANY = 3
"""Failed runs in a row that are no chance any more."""

_account, _status, _quarantine = table_of(Account), table_of(AccountStatus), table_of(Quarantine)


@dataclass(frozen=True)
class Failing:
    """An account whose last run failed."""

    name: str
    validity: str
    status: str
    failures: int
    since: datetime
    """When the first of these runs failed."""
    error: str


def trouble_of(account: Failing, now: datetime, silence: timedelta) -> str | None:
    """What a person must know of it, if anything; the text stays the same while the trouble does.

    A server that asks to come back later is left alone until it has kept us away for `silence`.
    """
    since = f"{account.since:%Y-%m-%d %H:%M} UTC"
    if account.validity == Validity.INVALID_TEMPORARILY:
        return (
            f"Account {account.name} was made invalid-temporarily: it has failed since {since}. {account.error} "
            "Mend it, then set its validity to valid."
        )
    if account.validity != Validity.VALID or account.status == Status.NEEDS_SIGN_IN:
        return None  # a missing sign-in has an alert of its own, at once
    is_throttled = account.status == Status.THROTTLED
    if now - account.since >= silence or (account.failures >= MANY and not is_throttled):
        return f"Account {account.name} has not been fetched since {since}: {account.error}"
    return None


def tell_troubles(handles: Handles) -> None:
    """Open alerts about accounts in trouble, mail that needs a person and missing sign-ins; close what has passed."""
    now, silence = clock.utcnow(), handles.settings().alerts.fetch_silence
    wanted = {PREFIX + name: text for name, text in silences(handles, now, silence).items()}
    for account in _failing(handles):
        if (text := trouble_of(account, now, silence)) is not None:
            wanted[PREFIX + account.name] = text
    alerts.settle(handles, PREFIX, wanted, now)
    left = {given_up.PREFIX + name: text for name, text in given_up.all_given_up(handles).items()}
    alerts.settle(handles, given_up.PREFIX, left, now)
    refused = {unmoved.PREFIX + name: text for name, text in unmoved.all_unmoved(handles).items()}
    alerts.settle(handles, unmoved.PREFIX, refused, now)
    waiting = quarantined(handles)
    alerts.settle(handles, QUARANTINE, {QUARANTINE: waiting} if waiting is not None else {}, now)
    tell_sign_ins(handles)


def quarantined(handles: Handles) -> str | None:
    """What a person must know of the quarantine, if anything waits there; the text stays the same while it does."""
    with handles.database.reading() as session:
        since: datetime | None = session.connection().execute(select(func.min(_quarantine.c.created_at))).scalar()
    if since is None:
        return None
    return f"Messages wait in quarantine, the oldest since {since:%Y-%m-%d %H:%M} UTC. See: postroom list quarantine"


def _failing(handles: Handles) -> list[Failing]:
    statement = (
        select(
            _account.c.name,
            _account.c.validity,
            _status.c.status,
            _status.c.failures,
            _status.c.first_failure_at,
            _status.c.last_error,
        )
        .join(_status, _status.c.account_id == _account.c.id)
        .where(
            _account.c.deleted_at.is_(None),
            _status.c.failures > 0,
            _status.c.first_failure_at.is_not(None),
            _status.c.paused.is_(False),
        )
    )
    with handles.database.reading() as session:
        rows = session.connection().execute(statement).all()
    return [Failing(*row) for row in rows]
