"""How each account and mailbox with a profile is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, literal, select
from sqlmodel import Session

from core import clock
from core.db.bulk import table_of
from core.handles import Handles
from core.models import Account, Mailbox, Profile, Token
from core.models.base import Resource
from core.resources.methods import PERSONAL
from core.services import access
from core.services.actor import Actor

_profile, _token = table_of(Profile), table_of(Token)


class State(StrEnum):
    """How a sign-in stands."""

    SIGNED_IN = "signed in"
    """There are tokens, or they come by themselves."""
    NEEDS_SIGN_IN = "needs sign-in"
    """Somebody must sign in."""
    WAITING = "waiting"
    """The provider cannot be asked for now; it is asked again later."""
    UNUSED = "unused"
    """No token was asked for yet; it comes by itself."""


@dataclass(frozen=True)
class Standing:
    """One account or mailbox."""

    kind: str
    name: str
    profile: str
    provider: str
    method: str
    state: State
    signed_in_as: str
    signed_in_at: datetime | None
    access_expires_at: datetime | None
    """When the access token ends; it is renewed by itself."""
    sign_in_expires_at: datetime | None
    """When the refresh token ends, as far as the provider says so."""
    secret_expires_at: datetime | None
    """When the profile's client secret ends, as it was entered."""
    detail: str
    """What was wrong last; empty when nothing was."""


def standings(handles: Handles, actor: Actor) -> list[Standing]:
    """All of them: accounts, then mailboxes, by name; the inbox of a mailbox signs in as its mailbox."""
    access.require(actor, access.SEE, "account")
    with handles.database.reading() as session:
        return standings_in(session, clock.utcnow())


def standings_in(session: Session, now: datetime) -> list[Standing]:
    """The same, within a session."""
    rows = [row for kind in ("account", "mailbox") for row in session.connection().execute(_query(kind)).mappings()]
    return [_standing(dict(row), now) for row in rows]


def _standing(row: dict[str, Any], now: datetime) -> Standing:
    state = state_of(row, now)
    told = row["needs_sign_in"] or row["last_error"] or ""
    if state is State.NEEDS_SIGN_IN and not told:
        told = f"Nobody has signed in yet: postroom oauth login {row['kind']} {row['name']}"
    return Standing(
        kind=row["kind"], name=row["name"], profile=row["profile"], provider=row["provider"], method=row["method"],
        state=state, signed_in_as=row["signed_in_as"] or "", signed_in_at=row["signed_in_at"],
        access_expires_at=row["expires_at"], sign_in_expires_at=row["refresh_expires_at"],
        secret_expires_at=row["secret_expires"], detail=told,
    )  # fmt: skip


def state_of(row: dict[str, Any], now: datetime) -> State:
    """How a sign-in stands, by what is kept of it."""
    if row["needs_sign_in"]:
        return State.NEEDS_SIGN_IN
    if row["retry_after"] is not None and row["retry_after"] > now:
        return State.WAITING
    if row["sealed"]:
        return State.SIGNED_IN
    return State.NEEDS_SIGN_IN if row["method"] in PERSONAL else State.UNUSED


def _query(kind: str) -> Select[Any]:
    model: type[Resource] = Account if kind == "account" else Mailbox
    owner = table_of(model)
    theirs = (
        (_token.c.kind == kind) & (_token.c.owner_id == owner.c.id) & (_token.c.profile_id == owner.c.profile_id)
    )  # fmt: skip
    statement: Select[Any] = (
        select(
            literal(kind).label("kind"), owner.c.name, _profile.c.name.label("profile"), _profile.c.provider,
            _profile.c.method, _profile.c.secret_expires, _token.c.signed_in_as, _token.c.signed_in_at,
            _token.c.expires_at, _token.c.refresh_expires_at, _token.c.needs_sign_in, _token.c.retry_after,
            _token.c.last_error, (_token.c.key_id != "").label("sealed"),  # not every role may read what is sealed
        )
        .join(_profile, _profile.c.id == owner.c.profile_id)
        .outerjoin(_token, theirs)
        .where(owner.c.deleted_at.is_(None))
        .order_by(owner.c.name)
    )  # fmt: skip
    return statement.where(owner.c.mailbox_id.is_(None)) if kind == "account" else statement
