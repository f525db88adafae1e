"""Logging in to a mail server with a token: once more with a new one when the server refuses the one that was kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from core.errors import LoginRefused, TokenRefused
from core.handles import Handles
from core.oauth.cache import get_token, refuse_token
from core.oauth.permits import what_to_permit
from core.oauth.scopes import Use
from core.oauth.signer import Signer, signer_of
from core.protocols.server import Login
from core.vault.owner import Owner

Opened = TypeVar("Opened")


def logged_in(handles: Handles, owner: Owner, use: Use, open_with: Callable[[Login], Opened]) -> Opened:
    """Open a connection as this account or mailbox, with a token.

    Args:
        handles: what this process holds open.
        owner: the account or mailbox.
        use: what the connection is for.
        open_with: connects and logs in.

    Raises:
        NeedsSignIn: a person must sign in again.
        OAuthRefused: the provider refuses the app; a person must mend the profile.
        TokenRefused: the server refuses a good token; its operator has to permit something.
        WireError: provider or server cannot be reached, or refuse.
    """
    signer = signer_of(handles, owner)
    # Got before the connection is made: no server likes to wait while we ask somebody else.
    given = get_token(handles, signer)
    try:
        return open_with(_login(signer, given.token))
    except LoginRefused as refused:
        refuse_token(handles, signer, given.token)
        if given.is_new:
            raise _explained(refused, signer, use, given.signed_in_as) from None
    given = get_token(handles, signer)
    try:
        return open_with(_login(signer, given.token))
    except LoginRefused as refused:
        refuse_token(handles, signer, given.token)
        raise _explained(refused, signer, use, given.signed_in_as) from None


def _login(signer: Signer, token: str) -> Login:
    return Login(signer.username, token=lambda: token)


def _explained(error: LoginRefused, signer: Signer, use: Use, signed_in_as: str) -> TokenRefused:
    text = f"{str(error).rstrip('.')}. {what_to_permit(signer, use, signed_in_as)}"
    return TokenRefused(text, host=error.host, phase=error.phase, reply=error.reply)
