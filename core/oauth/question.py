"""One question to the provider for a new access token, and what is to be kept of the answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from core.errors import ConfigurationError, NeedsSignIn, OAuthRefused, OAuthUnavailable, PostroomError
from core.oauth import web
from core.oauth.grant import Grant
from core.oauth.held import Held
from core.oauth.person import is_the_owner, wrong_person
from core.oauth.problems import Refusal, translated
from core.oauth.providers import provider_of
from core.oauth.signer import Signer

AFTER_REFUSAL = timedelta(minutes=1)
"""So long an app that was refused is not tried again, unless its profile changes or a person asks for it."""

AFTER_FAILURE = timedelta(seconds=30)
"""So long a provider that cannot be asked is left alone, unless it asks for more."""


def asked(signer: Signer, held: Held) -> Grant:
    """Ask the provider, by the profile's method.

    Raises:
        NeedsSignIn: the grant is dead.
        OAuthRefused: the provider refuses the app.
        OAuthUnavailable: it cannot be asked now.
    """
    try:
        grant = _answer(signer, held)
    except Refusal as refusal:
        whom = replace(signer.whom, secrets=(signer.password, signer.seed, held.refresh))
        raise translated(refusal, signer.app, whom) from None
    if signer.app.method == "client_secret":
        return replace(grant, signed_in_as="", also_known_as=())  # nobody did
    if not is_the_owner(grant.names, signer.username, signer.address):
        raise NeedsSignIn(wrong_person(grant.signed_in_as, signer))
    # With the password at hand there is no need for another key to the mailbox.
    is_needless = signer.app.method == "password"
    return replace(grant, refresh_token=None, refresh_expires_at=None) if is_needless else grant


def after_failure(held: Held, error: PostroomError, now: datetime) -> Held:
    """What is to be kept when there was no grant: who must do something, or when to try again."""
    if isinstance(error, NeedsSignIn):
        return replace(
            held, access=None, expires_at=None, renew_at=None, needs_sign_in=str(error), last_error=str(error)
        )
    wait = AFTER_REFUSAL
    if isinstance(error, OAuthUnavailable):
        wait = max(AFTER_FAILURE, timedelta(seconds=error.retry_after or 0.0))
    is_refused = isinstance(error, ConfigurationError)
    return replace(held, retry_after=now + wait, last_error=str(error), is_refused=is_refused)


def not_yet(held: Held) -> PostroomError:
    """The error while the provider is not to be asked again."""
    if held.is_refused:
        return OAuthRefused(held.last_error)
    return OAuthUnavailable(held.last_error)


def _answer(signer: Signer, held: Held) -> Grant:
    provider = provider_of(signer.app, web.Web())
    match signer.app.method:
        case "client_secret":
            return provider.for_application()
        case "password":
            if not signer.password:
                raise OAuthRefused(
                    f"{signer.title.capitalize()} has no password, which its profile needs. {signer.cure}"
                )
            return provider.by_password(signer.username, signer.password)
    if held.refresh is None:
        raise NeedsSignIn(nobody_yet(signer))
    try:
        return provider.by_refresh_token(held.refresh)
    except Refusal as refusal:
        if refusal.error != "invalid_grant" or signer.seed is None or signer.seed == held.refresh:
            raise
    # The one that came after the seed is dead; the seed itself may be good still.
    return provider_of(signer.app, web.Web()).by_refresh_token(signer.seed)


def nobody_yet(signer: Signer) -> str:
    """What to say when there was no sign-in yet."""
    return f"Nobody has signed in for {signer.title} yet. {signer.cure.replace('Sign in again', 'Sign in')}"
