"""The tokens of accounts and mailboxes: kept sealed, shared by all workers, refreshed by one at a time."""

from __future__ import annotations

from core.handles import Handles
from core.oauth.grant import Grant


def keep_grant(handles: Handles, kind: str, owner_id: int, profile_id: int, grant: Grant) -> None:
    """Keep what a person got by signing in; the account is due at once.

    Raises:
        OAuthRefused: somebody else signed in than the one the account or mailbox belongs to.
        SecretUnreadable: there is no key to seal it with.
    """
    raise NotImplementedError


def access_token(handles: Handles, kind: str, owner_id: int) -> str:
    """An access token that is good for some minutes at least.

    Raises:
        NeedsSignIn: a person must sign in again.
        OAuthRefused: the provider refuses the app; a person must mend the profile.
        OAuthUnavailable: the provider cannot be asked now.
    """
    raise NotImplementedError


def refuse_token(handles: Handles, kind: str, owner_id: int, token: str) -> None:
    """A mail server refused this access token: it is not offered again."""
    raise NotImplementedError
