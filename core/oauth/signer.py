"""Who signs in with a profile: an account or a mailbox, and what it brings along."""

from __future__ import annotations

from dataclasses import dataclass

from core.handles import Handles
from core.oauth.app import App
from core.secret import Secret


@dataclass(frozen=True)
class Signer:
    """An account or mailbox that signs in with a profile."""

    kind: str
    """`account` or `mailbox`."""
    owner_id: int
    name: str
    profile_id: int
    app: App
    username: str
    """As whom the mail server is to know it; also the hint for the provider's sign-in page."""
    address: str = ""
    """The account's address, or the mailbox's default sender."""
    password: Secret | None = None
    """For the method `password`."""
    seed: Secret | None = None
    """The refresh token that a person entered, for the method `refresh_token`."""


def signer_of(handles: Handles, kind: str, owner_id: int) -> Signer:
    """Who signs in for this account or mailbox; the inbox of a mailbox signs in as its mailbox does.

    Raises:
        NotFound: there is no such account or mailbox any more.
        ConfigurationError: it has no profile.
        SecretUnreadable: a secret cannot be opened here.
    """
    raise NotImplementedError
