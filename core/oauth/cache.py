"""The tokens of accounts and mailboxes: kept sealed, shared by all workers, renewed by one at a time."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from sqlalchemy import update
from sqlmodel import Session

from core import clock
from core.clock import Deadline
from core.db.bulk import table_of
from core.errors import NeedsSignIn, OAuthRefused, OAuthUnavailable, PostroomError, StoreError
from core.failpoints import fp
from core.handles import Handles
from core.models import Token
from core.oauth import alarms, keeping, revival
from core.oauth.grant import Grant
from core.oauth.held import Held, Step, digest_of, next_step, with_grant
from core.oauth.person import is_the_owner, wrong_person
from core.oauth.renewal import after_failure, nobody_yet, not_yet, renewed
from core.oauth.signer import Signer, signer_of
from core.oauth.to_its_end import to_its_end
from core.oauth.turn import Turn, give_back, is_row, is_taken, make_row, take_turn
from core.secret import Secret

PATIENCE = 40.0
"""Seconds that others wait for the one who renews."""

LOOK = 0.05
"""Seconds between two looks whether that one is done."""

_token = table_of(Token)
_pause = threading.Event()

_unsaved: dict[tuple[str, str, int], tuple[Turn, Held]] = {}
"""What a provider gave and the database would not take, by database and owner: the next who asks here writes it."""


def keep_grant(handles: Handles, kind: str, owner_id: int, profile_id: int, grant: Grant) -> None:
    """Keep what a person got by signing in; the account is due at once.

    Raises:
        OAuthRefused: somebody else signed in than the one the account or mailbox belongs to, or only for an hour.
        SecretUnreadable: there is no key to seal it with.
    """
    signer, now = signer_of(handles, kind, owner_id), clock.utcnow()
    if signer.profile_id != profile_id:
        raise OAuthRefused(f"The profile of {signer.title} was changed meanwhile. Begin the sign-in again.")
    if not is_the_owner(grant.names, signer.username, signer.address):
        raise OAuthRefused(wrong_person(grant.signed_in_as, signer.kind, signer.name, signer.username))
    if grant.refresh_token is None:
        raise OAuthRefused(
            f"The provider gave no refresh token, so the sign-in would end within the hour: add what it wants for one "
            f"(often offline_access) to the scopes of profile {signer.app.profile}."
        )
    kept = Held(profile_id=profile_id, basis=signer.basis, seed=digest_of(signer.seed))

    def write(session: Session) -> None:
        make_row(session, signer.kind, signer.owner_id)
        fresh = with_grant(kept, grant, now)
        keeping.write_signed_in(handles, session, signer, fresh, signed_in_at=now, refused_token="")
        revival.revive(session, signer.kind, signer.owner_id, now)

    handles.database.writing(write)
    _unsaved.pop(_key(handles, signer), None)
    handles.changes.moved("account", "mailbox", "token")
    alarms.tell_sign_ins(handles)


def access_token(handles: Handles, kind: str, owner_id: int) -> str:
    """An access token that is good for some minutes at least.

    Raises:
        NeedsSignIn: a person must sign in again.
        OAuthRefused: the provider refuses the app; a person must mend the profile.
        OAuthUnavailable: the provider cannot be asked now.
    """
    return get_token(handles, signer_of(handles, kind, owner_id)).token


@dataclass(frozen=True)
class Given:
    """An access token, handed out."""

    token: str = field(repr=False)
    is_new: bool
    """Whether the provider gave it just now, so that another one would not help."""
    signed_in_as: str
    expires_at: datetime | None


def get_token(handles: Handles, signer: Signer, *, by_hand: bool = False) -> Given:
    """As `access_token`, with what is known of it.

    Args:
        handles: what this process holds open.
        signer: whose it is.
        by_hand: a person tests it: a new one is got, also from a provider that refused, as that may be mended there.
    """
    deadline = Deadline(PATIENCE)
    _save_what_was_left(handles, signer)
    while True:
        with handles.database.reading() as session:
            held = keeping.read(handles, session, signer)
            is_busy = is_taken(session, signer.kind, signer.owner_id, clock.utcnow())
        held = _asked_by_hand(held, signer) if by_hand else held
        step = next_step(held, signer, clock.utcnow())
        if step is not Step.RENEW:
            return _settled(handles, signer, held, step)
        turn = None if is_busy else _turn(handles, signer)
        if turn is not None:
            return to_its_end(partial(_with_turn, handles, signer, turn, by_hand=by_hand))
        if deadline.is_over():
            raise OAuthUnavailable(f"Another worker has been renewing the token of {signer.title} for too long.")
        _pause.wait(LOOK)


def refuse_token(handles: Handles, signer: Signer, token: str) -> None:
    """A mail server refused this access token: it is not offered again."""
    refused = update(_token).where(is_row(signer.kind, signer.owner_id)).values(refused_token=digest_of(Secret(token)))
    handles.database.writing(lambda session: session.connection().execute(refused))


def _settled(handles: Handles, signer: Signer, held: Held, step: Step) -> Given:
    if step is Step.USE:
        return _given(held, is_new=False)
    if step is Step.WAIT:
        raise not_yet(held)
    text = held.needs_sign_in or nobody_yet(signer)
    if text != held.told_need:
        _note_need(handles, signer, replace(held, needs_sign_in=text))
    raise NeedsSignIn(text)


def _given(held: Held, *, is_new: bool) -> Given:
    assert held.access is not None
    return Given(held.access.reveal(), is_new, held.signed_in_as, held.expires_at)


def _asked_by_hand(held: Held, signer: Signer) -> Held:
    held = replace(held, renew_at=None)
    if signer.app.asks_a_person or not (held.needs_sign_in or held.is_refused):
        return held
    # Nobody can sign in for these methods: whatever was wrong may be mended at the provider without our knowing.
    return replace(held, needs_sign_in="", retry_after=None)


def _turn(handles: Handles, signer: Signer) -> Turn | None:
    return handles.database.writing(
        lambda session: take_turn(session, signer.kind, signer.owner_id, handles.worker_id, clock.utcnow())
    )


def _with_turn(handles: Handles, signer: Signer, turn: Turn, *, by_hand: bool) -> Given:
    try:
        with handles.database.reading() as session:
            held = keeping.read(handles, session, signer)
        asked = _asked_by_hand(held, signer) if by_hand else held
        # Somebody may have renewed it between our look and our turn.
        step = next_step(asked, signer, clock.utcnow())
        grant = renewed(signer, asked) if step is Step.RENEW else None
    except (NeedsSignIn, OAuthRefused, OAuthUnavailable) as error:
        return _failed(handles, signer, turn, held, error)
    except BaseException:
        _let_go(handles, turn)
        raise
    if grant is None:
        _let_go(handles, turn)
        return _settled(handles, signer, asked, step)
    # From here to the commit a kill costs a rotated refresh token: nothing stands between.
    fp("K15")
    return _granted(handles, signer, turn, with_grant(held, grant, clock.utcnow()))


def _granted(handles: Handles, signer: Signer, turn: Turn, held: Held) -> Given:
    try:
        handles.database.writing(lambda session: keeping.write_granted(handles, session, signer, turn, held))
    except StoreError:
        _unsaved[_key(handles, signer)] = (turn, held)
        raise
    alarms.tell_sign_ins(handles)
    return _given(held, is_new=True)


def _failed(handles: Handles, signer: Signer, turn: Turn, held: Held, error: PostroomError) -> Given:
    now = clock.utcnow()
    if isinstance(error, NeedsSignIn) and turn.is_inherited:
        error = NeedsSignIn(f"A worker died while it renewed the token; the provider's answer to it is lost. {error}")
    failed = after_failure(held, error, now)
    handles.database.writing(lambda session: keeping.write_refused(handles, session, signer, turn, failed))
    # A token is renewed some minutes before its end, so that there is time for this.
    if next_step(failed, signer, now) is Step.USE:
        return _given(held, is_new=False)
    handles.changes.moved("token")
    alarms.tell_sign_ins(handles)
    raise error


def _let_go(handles: Handles, turn: Turn) -> None:
    handles.database.writing(lambda session: give_back(session, turn))


def _note_need(handles: Handles, signer: Signer, held: Held) -> None:
    def write(session: Session) -> None:
        make_row(session, signer.kind, signer.owner_id)
        keeping.write_unasked(handles, session, signer, held)

    handles.database.writing(write)
    alarms.tell_sign_ins(handles)


def _save_what_was_left(handles: Handles, signer: Signer) -> None:
    left = _unsaved.pop(_key(handles, signer), None)
    if left is not None:
        _granted(handles, signer, *left)


def _key(handles: Handles, signer: Signer) -> tuple[str, str, int]:
    return (handles.database.url, signer.kind, signer.owner_id)
