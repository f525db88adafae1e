"""From a person's sign-in to kept tokens: the same whether it is done at a terminal or by a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from core import clock
from core.errors import OAuthUnavailable
from core.handles import Handles
from core.oauth.cache import keep_grant
from core.oauth.grant import Grant
from core.oauth.sign_in import CodeSignIn, begin_device, finish_code, poll_device
from core.oauth.signer import Signer, signer_of
from core.vault.owner import Owner


@dataclass(frozen=True)
class Prompt:
    """What a person is to do on another screen."""

    code: str
    """What is typed there."""
    address: str
    """Where."""
    link: str
    """The same with the code in it, where the provider knows such a thing: for a QR code."""
    expires_at: datetime


@dataclass(frozen=True)
class SignedIn:
    """A sign-in that is kept."""

    kind: str
    """`account` or `mailbox`: whose tokens they are; an inbox has those of its mailbox."""
    name: str
    as_whom: str
    """Who signed in, as the provider says; empty if it says nothing."""


Pause = Callable[[float], bool]
"""Waits that many seconds; false: the person has given up."""


def by_device(handles: Handles, owner: Owner, pause: Pause) -> Iterator[Prompt | SignedIn]:
    """First the code that a person is to enter, then, once it is kept, what was; nothing more if given up.

    Raises:
        OAuthRefused: the provider refuses, the person declined, somebody else signed in, or the code has run out.
        OAuthUnavailable: the provider cannot be asked, from the start or until the code has run out.
        SecretUnreadable: this process may not read the key.
    """
    signer = signer_of(handles, owner)
    begun = begin_device(signer.app, signer.username)
    link = begun.verification_uri_complete or begun.verification_uri
    yield Prompt(begun.user_code, begun.verification_uri, link, begun.expires_at)
    while pause(begun.interval):
        try:
            grant = poll_device(signer.app, begun)
        except OAuthUnavailable:
            if clock.utcnow() >= begun.expires_at:
                raise
            continue
        if grant is not None:
            yield _kept(handles, signer, grant)
            return


def by_code(handles: Handles, owner: Owner, begun: CodeSignIn, query: str) -> SignedIn:
    """Keep what the address that a browser came back to is good for.

    Raises:
        BadInput: it is no such address, or belongs to another sign-in.
        OAuthRefused: the provider refuses, the person declined, somebody else signed in, or it has run out.
        OAuthUnavailable: the provider cannot be asked now.
        SecretUnreadable: this process may not read the key.
    """
    signer = signer_of(handles, owner)
    return _kept(handles, signer, finish_code(signer.app, begun, query))


def _kept(handles: Handles, signer: Signer, grant: Grant) -> SignedIn:
    keep_grant(handles, signer.owner, signer.profile_id, grant)
    return SignedIn(signer.kind, signer.name, grant.signed_in_as)
