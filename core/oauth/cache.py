"""The tokens of accounts and mailboxes: kept sealed, shared by all workers, renewed by one at a time."""

from __future__ import annotations

import threading
from functools import partial

from sqlalchemy import update
from sqlmodel import Session

from core import clock
from core.clock import Deadline
from core.db.bulk import table_of
from core.errors import OAuthRefused, OAuthUnavailable
from core.handles import Handles
from core.models import Token
from core.oauth import alarms, keeping, revival
from core.oauth.given import Given, as_asked_by_hand, given_or_not
from core.oauth.grant import Grant
from core.oauth.held import Held, Step, digest_of, next_step, with_grant
from core.oauth.person import is_the_owner, wrong_person
from core.oauth.renewal import forget_what_was_left, renew, save_what_was_left
from core.oauth.signer import Signer, signer_of
from core.oauth.to_its_end import to_its_end
from core.oauth.turn import Turn, is_row, is_taken, make_row, take_turn
from core.secret import Secret
from core.vault.owner import Owner

PATIENCE = 40.0
"""Seconds that others wait for the one who renews."""

LOOK = 0.05
"""Seconds between two looks whether that one is done."""

_token = table_of(Token)
_pause = threading.Event()


def keep_grant(handles: Handles, owner: Owner, profile_id: int, grant: Grant) -> None:
    """Keep what a person got by signing in; the account is due at once.

    Raises:
        OAuthRefused: somebody else signed in than the one the account or mailbox belongs to, or only for an hour.
        SecretUnreadable: there is no key to seal it with.
    """
    signer, now = signer_of(handles, owner), clock.utcnow()
    if signer.profile_id != profile_id:
        raise OAuthRefused(f"The profile of {signer.title} was changed meanwhile. Begin the sign-in again.")
    if not is_the_owner(grant.names, signer.username, signer.address):
        raise OAuthRefused(wrong_person(grant.signed_in_as, signer))
    if grant.refresh_token is None:
        raise OAuthRefused(
            f"The provider gave no refresh token, so the sign-in would end within the hour: add what it wants for one "
            f"(often offline_access) to the scopes of profile {signer.app.profile}."
        )
    kept = Held(profile_id=profile_id, basis=signer.basis, seed=digest_of(signer.seed))

    def write(session: Session) -> None:
        make_row(session, signer.owner)
        fresh = with_grant(kept, grant, now)
        keeping.write_signed_in(handles, session, signer, fresh, signed_in_at=now, refused_token="")
        revival.revive(session, signer.owner, now)

    handles.database.writing(write)
    forget_what_was_left(handles, signer)
    handles.changes.moved("account", "mailbox", "token")
    alarms.tell_sign_ins(handles)


def access_token(handles: Handles, owner: Owner) -> str:
    """An access token that is good for some minutes at least.

    Raises:
        NeedsSignIn: a person must sign in again.
        OAuthRefused: the provider refuses the app; a person must mend the profile.
        OAuthUnavailable: the provider cannot be asked now.
    """
    return get_token(handles, signer_of(handles, owner)).token


def get_token(handles: Handles, signer: Signer, *, by_hand: bool = False) -> Given:
    """As `access_token`, with what is known of it.

    Args:
        handles: what this process holds open.
        signer: whose it is.
        by_hand: a person tests it: a new one is got, also from a provider that refused, as that may be mended there.

    Raises:
        NeedsSignIn, OAuthRefused, OAuthUnavailable: as `access_token`.
    """
    deadline = Deadline(PATIENCE)
    save_what_was_left(handles, signer)
    while True:
        with handles.database.reading() as session:
            held = keeping.read(handles, session, signer)
            is_busy = is_taken(session, signer.owner, clock.utcnow())
        held = as_asked_by_hand(held, signer) if by_hand else held
        step = next_step(held, signer, clock.utcnow())
        if step is not Step.RENEW:
            return given_or_not(handles, signer, held, step)
        turn = None if is_busy else _turn(handles, signer)
        if turn is not None and (got := to_its_end(partial(renew, handles, signer, turn, by_hand=by_hand))) is not None:
            return got
        if deadline.is_over():
            raise OAuthUnavailable(f"Another worker has been renewing the token of {signer.title} for too long.")
        _pause.wait(LOOK)


def refuse_token(handles: Handles, signer: Signer, token: str) -> None:
    """A mail server refused this access token: it is not offered again."""
    refused = update(_token).where(is_row(signer.owner)).values(refused_token=digest_of(Secret(token)))
    handles.database.writing(lambda session: session.connection().execute(refused))


def _turn(handles: Handles, signer: Signer) -> Turn | None:
    def take(session: Session) -> Turn | None:
        # What could not be sealed is not asked for: the provider may take the old refresh token back.
        handles.vault.claim_key(session)
        return take_turn(session, signer.owner, handles.worker_id, clock.utcnow())

    return handles.database.writing(take)
