"""From a person's sign-in to kept tokens: the same whether it is done at a terminal or by a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from core import clock
from core.errors import OAuthUnavailable
from core.handles import Handles
from core.oauth.cache import keep_grant
from core.oauth.grant import Grant
from core.oauth.sign_in import CodeSignIn, DeviceSignIn, begin_device, finish_code, poll_device
from core.oauth.signer import Signer, signer_of

Pause = Callable[[float], bool]
"""Waits that many seconds; false: the person has given up."""


def by_device(handles: Handles, kind: str, owner_id: int, pause: Pause) -> Iterator[DeviceSignIn | Signer]:
    """First the code that a person is to enter, then, once it is kept, for whom it was; nothing more if given up.

    Raises:
        OAuthRefused: the provider refuses, the person declined, somebody else signed in, or the code has run out.
        OAuthUnavailable: the provider cannot be asked, from the start or until the code has run out.
        SecretUnreadable: this process may not read the key.
    """
    signer = signer_of(handles, kind, owner_id)
    begun = begin_device(signer.app, signer.username)
    yield begun
    while pause(begun.interval):
        try:
            grant = poll_device(signer.app, begun)
        except OAuthUnavailable:
            if clock.utcnow() >= begun.expires_at:
                raise
            continue
        if grant is not None:
            _keep(handles, signer, grant)
            yield signer
            return


def by_code(handles: Handles, kind: str, owner_id: int, begun: CodeSignIn, query: str) -> Signer:
    """Keep what the address that a browser came back to is good for.

    Raises:
        BadInput: it is no such address, or belongs to another sign-in.
        OAuthRefused: the provider refuses, the person declined, somebody else signed in, or it has run out.
        OAuthUnavailable: the provider cannot be asked now.
        SecretUnreadable: this process may not read the key.
    """
    signer = signer_of(handles, kind, owner_id)
    _keep(handles, signer, finish_code(signer.app, begun, query))
    return signer


def _keep(handles: Handles, signer: Signer, grant: Grant) -> None:
    keep_grant(handles, signer.kind, signer.owner_id, signer.profile_id, grant)
