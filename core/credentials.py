"""The credential clock: client secrets, refresh tokens and server certificates that end, and how soon."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Table, select, update
from sqlmodel import Session

from core import alerts, clock
from core.db.bulk import table_of
from core.handles import Handles
from core.models import Account, AccountStatus, Mailbox, MailboxStatus, Profile, Token, Validity
from core.resources.methods import method_of
from core.text import counted
from core.vault.owner import Owner

STEPS = (30, 7, 1)
"""Days before the end at which an alert is opened."""

PREFIX = "credential:"
"""Subjects of these alerts: `credential:profile:office:client secret:30`."""

_account, _account_status = table_of(Account), table_of(AccountStatus)
_mailbox, _mailbox_status = table_of(Mailbox), table_of(MailboxStatus)
_profile, _token = table_of(Profile), table_of(Token)
_STATUS = {
    "account": (_account_status, _account_status.c.account_id),
    "mailbox": (_mailbox_status, _mailbox_status.c.mailbox_id),
}


@dataclass(frozen=True)
class Credential:
    """Something that lets us in and ends by itself."""

    kind: str
    """Whose it is: profile, account or mailbox."""
    name: str
    what: str
    """client secret, refresh token or server certificate."""
    ends: datetime

    def days_left(self, now: datetime) -> int:
        """Whole days until it ends; negative once it has."""
        return (self.ends - now).days

    @property
    def subject(self) -> str:
        """What its alerts are about, without the step."""
        return f"{PREFIX}{self.kind}:{self.name}:{self.what}:"

    def __str__(self) -> str:
        return f"{self.what} of {self.kind} {self.name}"


def step_of(ends: datetime, now: datetime) -> int | None:
    """The last of `STEPS` that has come; none while there is more time than the first of them."""
    days = (ends - now).total_seconds() / 86_400
    return min((step for step in STEPS if days <= step), default=None)


def wanted_alerts(credentials: Iterable[Credential], is_open: Iterable[str], now: datetime) -> dict[str, str]:
    """The alerts that should be open, by subject.

    Each step opens one of its own, so that it is told again; those of the steps before stay open beside it until the
    credential is renewed: closing one would tell that it was.
    """
    known = set(is_open)
    wanted: dict[str, str] = {}
    for one in credentials:
        step = step_of(one.ends, now)
        if step is None:
            continue
        text = text_of(one, now)
        earlier = [f"{one.subject}{before}" for before in STEPS if before > step]
        wanted |= dict.fromkeys([*(known & set(earlier)), f"{one.subject}{step}"], text)
    return wanted


def text_of(one: Credential, now: datetime) -> str:
    """What a person must know and do; the same from day to day."""
    verb = "ended" if one.ends <= now else "ends"
    return f"The {one} {verb} on {one.ends:%Y-%m-%d}. {_REMEDIES[one.what].format(kind=one.kind, name=one.name)}"


_REMEDIES = {
    "client secret": (
        "Make a new one at the provider, enter its value and its last day: "
        "postroom set profile {name} secret_expires=2028-01-31 --password-stdin"
    ),
    "refresh token": "Sign in again: postroom oauth login {kind} {name}",
    "server certificate": "Whoever runs that server must renew it; without, it is not connected to.",
}


def days_told(credentials: list[Credential], now: datetime, most: int = 5) -> str:
    """How long the nearest ones last, as a person reads it; empty when there are none."""
    shown = [f"{one}: {_left(one.days_left(now))}" for one in credentials[:most]]
    more = [f"and {len(credentials) - most} more"] if len(credentials) > most else []
    return ", ".join([*shown, *more])


def _left(days: int) -> str:
    return "ended" if days < 0 else f"{counted(days, 'day')} left"


def credentials_of(session: Session) -> list[Credential]:
    """Everything that ends and is in use, the nearest end first."""
    found = _client_secrets(session)
    for kind, owner in (("account", _account), ("mailbox", _mailbox)):
        status, key = _STATUS[kind]
        shown = select(owner.c.name, status.c.certificate_expires).join(status, key == owner.c.id)
        tokens = select(owner.c.name, _token.c.refresh_expires_at).join(
            _token,
            (_token.c.kind == kind) & (_token.c.owner_id == owner.c.id) & (_token.c.profile_id == owner.c.profile_id),
        )
        for what, statement in (("server certificate", shown), ("refresh token", tokens)):
            rows = session.connection().execute(_of_living(statement, owner)).all()
            found += [Credential(kind, name, what, ends) for name, ends in rows if ends is not None]
    return sorted(found, key=lambda one: (one.ends, one.kind, one.name))


def _client_secrets(session: Session) -> list[Credential]:
    ending = select(_profile.c.name, _profile.c.secret_expires, _profile.c.provider, _profile.c.method).where(
        _profile.c.deleted_at.is_(None), _profile.c.secret_expires.is_not(None)
    )
    found = []
    for name, ends, provider, word in session.connection().execute(ending):
        method = method_of(provider, word)
        if method is not None and "secret_expires" in method.fields:
            found.append(Credential("profile", name, "client secret", ends))
    return found


def _of_living(statement: Select[Any], owner: Table) -> Select[Any]:
    statement = statement.where(owner.c.deleted_at.is_(None))
    return statement.where(owner.c.validity == Validity.VALID.value) if "validity" in owner.c else statement


def tell_endings(handles: Handles) -> None:
    """Open alerts about credentials that end soon, close those of what was renewed or is gone."""
    now = clock.utcnow()
    with handles.database.reading() as session:
        wanted = wanted_alerts(credentials_of(session), alerts.open_alerts(session, PREFIX), now)
    alerts.settle(handles, PREFIX, wanted, now)


def note_certificate(handles: Handles, owner: Owner, expires: datetime | None) -> None:
    """Keep when the certificate that the server of an account or mailbox showed just now ends; `None` in clear."""
    status, key = _STATUS[owner.kind]
    with handles.database.reading() as session:
        known = session.connection().execute(select(status.c.certificate_expires).where(key == owner.id)).first()
    if known is None or known.certificate_expires == expires:
        return  # a connection costs no write of its own
    noted = update(status).where(key == owner.id).values(certificate_expires=expires)
    handles.database.writing(lambda session: session.connection().execute(noted))
