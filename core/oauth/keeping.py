"""Tokens in their row: read, opened, sealed, written."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import update
from sqlmodel import Session

from core.db.bulk import table_of
from core.errors import SecretUnreadable
from core.handles import Handles
from core.models import Token
from core.oauth.held import Held, brought_up_to_date, content_of, digest_of, held_in
from core.oauth.signer import Signer
from core.oauth.turn import Turn, is_row
from core.vault.seal import key_id_of
from core.vault.sealed import token_place

_token = table_of(Token)
_log = logging.getLogger("postroom.oauth")


def read(handles: Handles, session: Session, signer: Signer) -> Held:
    """What is kept, as far as it still holds; what does not open is got anew where nobody need sign in for it.

    Raises:
        SecretUnreadable: it cannot be opened here, and only a person can get another.
    """
    row = session.get(Token, signer.owner, populate_existing=True)
    if row is None or not row.sealed:
        return brought_up_to_date(held_in(row, b""), signer)
    try:
        content = handles.vault.open(token_place(signer.owner), row.sealed)
    except SecretUnreadable as error:
        if signer.app.asks_a_person:
            raise
        _log.warning("%s: the token is got anew: %s", signer.title, error)
        return brought_up_to_date(Held(sealed=row.sealed), signer)
    return brought_up_to_date(held_in(row, content), signer)


def write_granted(handles: Handles, session: Session, signer: Signer, turn: Turn, held: Held) -> bool:
    """Keep what the provider gave; false if it came too late: somebody else has kept something else since.

    Also without the turn, as long as nothing else was kept: the provider may have taken the old refresh token back.
    """
    mine = turn.is_mine() | (is_row(signer.owner) & _as_it_was(held))
    values = _columns(handles, session, signer, held)
    return bool(session.connection().execute(update(_token).where(mine).values(values)).rowcount)


def write_over_failure(handles: Handles, session: Session, signer: Signer, held: Held) -> bool:
    """Keep what came too late if only a failure was kept since; false if it was more than that.

    Who took us for dead asked with the refresh token that our answer had taken back: a refusal is true of the old
    token, not of the new one, which nobody else has; and that a provider was out of order says nothing of either.
    """
    try:
        now = read(handles, session, signer)
    except SecretUnreadable:
        return False  # whoever meets it next says so; what was got is good for this login
    has_failed = bool(now.needs_sign_in or now.last_error)
    if not (has_failed and held.asked_with and digest_of(now.refresh) == held.asked_with):
        return False
    values = _columns(handles, session, signer, held)
    since = is_row(signer.owner) & _as_it_was(now)
    return bool(session.connection().execute(update(_token).where(since).values(values)).rowcount)


def write_refused(handles: Handles, session: Session, signer: Signer, turn: Turn, held: Held) -> bool:
    """Keep that the provider refused; false if there is something newer that it may not be true of."""
    values = _columns(handles, session, signer, held)
    hit = session.connection().execute(update(_token).where(turn.is_mine(), _as_it_was(held)).values(values))
    return bool(hit.rowcount)


def write_unasked(handles: Handles, session: Session, signer: Signer, held: Held) -> None:
    """Keep what needed no question to the provider, unless something else was kept meanwhile."""
    is_idle = is_row(signer.owner) & _as_it_was(held) & (_token.c.lease_owner == "")
    session.connection().execute(update(_token).where(is_idle).values(_columns(handles, session, signer, held)))


def write_signed_in(handles: Handles, session: Session, signer: Signer, held: Held, **columns: Any) -> None:
    """Keep what a person got by signing in, whoever is renewing meanwhile."""
    values = _columns(handles, session, signer, held) | columns | {"fence": _token.c.fence + 1}
    session.connection().execute(update(_token).where(is_row(signer.owner)).values(values))


def _as_it_was(held: Held) -> Any:
    return _token.c.sealed.is_(None) if held.sealed is None else _token.c.sealed == held.sealed


def _columns(handles: Handles, session: Session, signer: Signer, held: Held) -> dict[str, Any]:
    place = token_place(signer.owner)
    sealed = handles.vault.seal(session, place, content_of(held))
    return {
        "profile_id": signer.profile_id,
        "sealed": sealed,
        "key_id": key_id_of(sealed),
        "expires_at": held.expires_at,
        "refresh_expires_at": held.refresh_expires_at,
        "signed_in_as": held.signed_in_as,
        "needs_sign_in": held.needs_sign_in,
        "retry_after": held.retry_after,
        "last_error": held.last_error,
        "lease_owner": "",
        "lease_until": None,
    }
