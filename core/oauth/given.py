"""An access token, handed out; or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlmodel import Session

from core.errors import NeedsSignIn
from core.handles import Handles
from core.oauth import alarms, keeping
from core.oauth.held import Held, Step
from core.oauth.question import nobody_yet, not_yet
from core.oauth.signer import Signer
from core.oauth.turn import make_row


@dataclass(frozen=True)
class Given:
    """An access token, handed out."""

    token: str = field(repr=False)
    is_new: bool
    """Whether the provider gave it just now, so that another one would not help."""
    signed_in_as: str
    expires_at: datetime | None


def given(held: Held, *, is_new: bool) -> Given:
    """The access token that is kept."""
    assert held.access is not None
    return Given(held.access.reveal(), is_new, held.signed_in_as, held.expires_at)


def given_or_not(handles: Handles, signer: Signer, held: Held, step: Step) -> Given:
    """What comes of a step that asks no provider.

    Raises:
        NeedsSignIn: a person must sign in again; that is noted where others see it.
        OAuthRefused: the provider refused the app just now.
        OAuthUnavailable: the provider is not to be asked yet.
    """
    if step is Step.USE:
        return given(held, is_new=False)
    if step is Step.WAIT:
        raise not_yet(held)
    need = held.needs_sign_in or nobody_yet(signer)
    if need != held.told_need:
        _note(handles, signer, replace(held, needs_sign_in=need))
    raise NeedsSignIn(need)


def as_asked_by_hand(held: Held, signer: Signer) -> Held:
    """What is kept, as a person who tests it wants it seen: a new token is to be got."""
    held = replace(held, renew_at=None)
    if signer.app.asks_a_person or not (held.needs_sign_in or held.is_refused):
        return held
    # Nobody can sign in for these methods: whatever was wrong may be mended at the provider without our knowing.
    return replace(held, needs_sign_in="", retry_after=None)


def _note(handles: Handles, signer: Signer, held: Held) -> None:
    def write(session: Session) -> None:
        make_row(session, signer.owner)
        keeping.write_unasked(handles, session, signer, held)

    handles.database.writing(write)
    alarms.tell_sign_ins(handles)
