"""A renewal by whoever has the turn: the provider is asked, and what it says is written down at once."""

from __future__ import annotations

from sqlmodel import Session

from core import clock
from core.errors import NeedsSignIn, OAuthRefused, OAuthUnavailable, PostroomError, StoreError
from core.failpoints import fp
from core.handles import Handles
from core.oauth import alarms, keeping, revival
from core.oauth.given import Given, as_asked_by_hand, given, given_or_not
from core.oauth.held import Held, Step, next_step, with_grant
from core.oauth.question import after_failure, asked
from core.oauth.signer import Signer
from core.oauth.turn import Turn, give_back
from core.vault.owner import Owner

_unsaved: dict[tuple[str, Owner], tuple[Turn, Held]] = {}
"""What a provider gave and the database would not take, by database and owner: the next who asks here writes it."""


def renew(handles: Handles, signer: Signer, turn: Turn, *, by_hand: bool = False) -> Given | None:
    """Get a new token and keep it; `None` when somebody else kept something newer meanwhile, so look again.

    Raises:
        NeedsSignIn: the grant is dead.
        OAuthRefused: the provider refuses the app.
        OAuthUnavailable: it cannot be asked now, and no token that was kept is good still.
        StoreError: the answer could not be written; it is kept in mind until it can.
    """
    try:
        with handles.database.reading() as session:
            kept = keeping.read(handles, session, signer)
        held = as_asked_by_hand(kept, signer) if by_hand else kept
        # Somebody may have renewed it between our look and our turn.
        step = next_step(held, signer, clock.utcnow())
        grant = asked(signer, held) if step is Step.RENEW else None
    except (NeedsSignIn, OAuthRefused, OAuthUnavailable) as error:
        return _failed(handles, signer, turn, kept, error)
    except BaseException:
        _let_go(handles, turn)
        raise
    if grant is None:
        _let_go(handles, turn)
        return given_or_not(handles, signer, held, step)
    # From here to the commit a kill costs a rotated refresh token: nothing stands between.
    fp("K15")
    return _granted(handles, signer, turn, with_grant(kept, grant, clock.utcnow()))


def save_what_was_left(handles: Handles, signer: Signer) -> None:
    """Write what the database would not take before.

    Raises:
        StoreError: it still does not.
    """
    left = _unsaved.pop(_key(handles, signer), None)
    if left is not None:
        _granted(handles, signer, *left)


def forget_what_was_left(handles: Handles, signer: Signer) -> None:
    """Somebody has signed in since."""
    _unsaved.pop(_key(handles, signer), None)


def _granted(handles: Handles, signer: Signer, turn: Turn, held: Held) -> Given:
    def write(session: Session) -> bool:
        if keeping.write_granted(handles, session, signer, turn, held):
            return False
        is_mended = keeping.write_over_failure(handles, session, signer, held)
        if is_mended:
            revival.revive(session, signer.owner, clock.utcnow())
        return is_mended

    try:
        is_mended = handles.database.writing(write)
    except StoreError:
        _unsaved[_key(handles, signer)] = (turn, held)
        raise
    if held.told_need or is_mended:
        handles.changes.moved("token")
        alarms.tell_sign_ins(handles)
    return given(held, is_new=True)


def _failed(handles: Handles, signer: Signer, turn: Turn, held: Held, error: PostroomError) -> Given | None:
    now = clock.utcnow()
    if isinstance(error, NeedsSignIn) and turn.is_inherited:
        error = NeedsSignIn(f"A worker died while it renewed the token; the provider's answer to it is lost. {error}")
    failed = after_failure(held, error, now)
    if not handles.database.writing(lambda session: keeping.write_refused(handles, session, signer, turn, failed)):
        return None
    # A token is renewed some minutes before its end, so that there is time for this.
    if next_step(failed, signer, now) is Step.USE:
        return given(held, is_new=False)
    handles.changes.moved("token")
    alarms.tell_sign_ins(handles)
    raise error


def _let_go(handles: Handles, turn: Turn) -> None:
    handles.database.writing(lambda session: give_back(session, turn))


def _key(handles: Handles, signer: Signer) -> tuple[str, Owner]:
    return (handles.database.url, signer.owner)
