"""A provider's refusal, translated: what is wrong, in one sentence that says what to do.

Sources: RFC 6749 §5.2, RFC 8628 §3.5; Google, "Using OAuth 2.0 for Web Server Applications" (its errors and why a
refresh token stops working); for Microsoft `aadsts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import NeedsSignIn, OAuthRefused, OAuthUnavailable, PostroomError
from core.oauth.aadsts import CODES
from core.oauth.app import App
from core.oauth.remedies import Kind, Remedy
from core.protocols.sasl import scrubbed
from core.secret import Secret
from core.text import bounded, clean, counted, ended

MUCH_SKEW = 300.0
"""Seconds between the provider's clock and ours from which on it is worth a word; Microsoft allows five minutes."""

_APP, _PERSON, _LATER = Kind.APP, Kind.PERSON, Kind.LATER
_AADSTS = re.compile(r"AADSTS(\d{4,8})")


class Refusal(Exception):
    """A provider's error answer; never leaves this package."""

    def __init__(self, error: str, description: str = "", subtype: str = "", *, skew: float = 0.0) -> None:
        super().__init__(error)
        self.error = error
        """The word for programs: invalid_grant, invalid_client …"""
        self.description = description
        """Its own words."""
        self.subtype = subtype
        self.skew = skew
        """Seconds by which the provider's clock is ahead of ours."""


@dataclass(frozen=True)
class Whom:
    """Who was to sign in, as sentences name it."""

    name: str = "the account"
    """`account support`."""
    user: str = ""
    """The user name."""
    cure: str = "Begin the sign-in again."
    """How it signs in again."""
    secrets: tuple[Secret | None, ...] = ()
    """What the provider must not make us repeat, beside the client's secret."""


def refusal_from(answer: Mapping[str, Any], *, skew: float = 0.0) -> Refusal:
    """The refusal in an answer; whatever it holds."""
    error: Any = answer.get("error")
    description: Any = answer.get("error_description")
    subtype = answer.get("error_subtype") or answer.get("suberror")
    if isinstance(error, Mapping):  # the way of Google's other interfaces
        error, description = error.get("status"), error.get("message")
    return Refusal(
        bounded(clean(error), 60) if isinstance(error, str) else "",
        clean(description) if isinstance(description, str) else "",
        subtype if isinstance(subtype, str) else "",
        skew=skew,
    )


def translated(refusal: Refusal, app: App, whom: Whom = Whom()) -> PostroomError:
    """Our error for a refusal: `NeedsSignIn`, `OAuthRefused` or `OAuthUnavailable`."""
    label, remedy = _remedy(refusal, app)
    secrets = [secret.reveal() for secret in (app.client_secret, *whom.secrets) if secret]
    words = {
        "profile": app.profile,
        "client": app.client_id,
        "tenant": app.tenant_id,
        "method": app.method,
        "scopes": ", ".join(one.rpartition("/")[2] for one in app.scopes) or "the permissions",
        "name": whom.name,
        "user": whom.user,
        "cure": whom.cure,
        "said": _said(refusal, secrets),
    }
    text = f"{scrubbed(label, secrets)}: {_about_the_clock(refusal.skew)}{remedy.told(words)}"
    if remedy.kind is _LATER:
        return OAuthUnavailable(text)
    return NeedsSignIn(text) if remedy.kind is _PERSON else OAuthRefused(text)


def _remedy(refusal: Refusal, app: App) -> tuple[str, Remedy]:
    found = _AADSTS.search(refusal.description)
    if found is not None:
        return found[0], CODES.get(found[1], _by_word(refusal.error, _MICROSOFT_UNKNOWN))
    if app.provider == "gmail":
        special = GOOGLE_SUBTYPES.get(refusal.subtype) or GOOGLE.get(refusal.error)
        if special is not None:
            return refusal.error, special
    return refusal.error or "refused", _by_word(refusal.error, _UNKNOWN)


def _by_word(error: str, default: Remedy) -> Remedy:
    known = WORDS.get(error)
    # The words of the standard say less than the provider does, but they do say whose turn it is.
    if known is not None and default is _MICROSOFT_UNKNOWN:
        return Remedy(known.kind, "{said} {cure}" if known.kind is _PERSON else "{said}")
    return known or default


def _said(refusal: Refusal, secrets: Iterable[str]) -> str:
    # Microsoft puts trace and correlation ids behind its sentence.
    text = re.split(r"\s+Trace ID:|[\r\n]", _AADSTS.sub("", refusal.description).lstrip(": "))[0]
    return ended(bounded(scrubbed(text, secrets).strip(), 300))


def _about_the_clock(skew: float) -> str:
    if abs(skew) < MUCH_SKEW:
        return ""
    behind = "behind" if skew > 0 else "ahead of"
    return f"this machine's clock is {counted(round(abs(skew) / 60), 'minute')} {behind} the provider's, set it right; "


_MICROSOFT_UNKNOWN = Remedy(_APP, "{said} Check profile {profile}.")
_UNKNOWN = Remedy(_APP, "the provider refuses profile {profile}. {said}")

WORDS = {
    "invalid_grant": Remedy(_PERSON, "the provider no longer takes the sign-in of {name}. {said} {cure}"),
    "invalid_client": Remedy(
        _APP, "the provider does not accept client id and client secret of profile {profile}. {said}"
    ),
    "unauthorized_client": Remedy(
        _APP, "the client of profile {profile} may not use the method {method}. {said} Allow it at the provider."
    ),
    "unsupported_grant_type": Remedy(
        _APP, "the provider does not offer the method {method}: choose another in profile {profile}. {said}"
    ),
    "invalid_scope": Remedy(_APP, "the provider does not give the scopes of profile {profile}. {said}"),
    "invalid_request": Remedy(_APP, "the provider finds the request of profile {profile} incomplete. {said}"),
    "access_denied": Remedy(_PERSON, "the sign-in was declined. {said} {cure}"),
    "authorization_declined": Remedy(_PERSON, "the sign-in was declined. {cure}"),
    "expired_token": Remedy(_PERSON, "the code has run out. Begin the sign-in again."),
    "code_expired": Remedy(_PERSON, "the code has run out. Begin the sign-in again."),
    "bad_verification_code": Remedy(_PERSON, "the provider does not know the code. Begin the sign-in again."),
    **dict.fromkeys(
        ("interaction_required", "login_required", "consent_required", "account_selection_required"),
        Remedy(_PERSON, "the provider wants somebody to sign in again. {said} {cure}"),
    ),
    **dict.fromkeys(
        ("server_error", "temporarily_unavailable", "internal_failure"),
        Remedy(_LATER, "the provider is out of order for now. It is asked again later."),
    ),
}
"""The error codes of the standards, and what to do about each."""

GOOGLE = {
    "invalid_grant": Remedy(
        _PERSON,
        "Google no longer takes the refresh token of {name}: it was revoked, the password has changed, it was not used "
        "for six months, it belongs to another client id, or the app's publishing status is Testing, where tokens "
        "live for seven days. {cure}",
    ),
    "invalid_client": Remedy(
        _APP,
        "Google does not accept client id and client secret of profile {profile}: copy both anew from Credentials in "
        "the Google Cloud console.",
    ),
    "deleted_client": Remedy(_APP, "the OAuth client of profile {profile} was deleted at Google: make a new one."),
    "disabled_client": Remedy(_APP, "the OAuth client of profile {profile} is disabled at Google: enable it there."),
    "unauthorized_client": Remedy(
        _APP,
        "the refresh token of {name} was given to another client id than that of profile {profile}: enter the client "
        "id it was made with, or sign in anew.",
    ),
    "invalid_scope": Remedy(
        _APP, "Google does not give the scopes of profile {profile}: leave them empty for https://mail.google.com/."
    ),
    "redirect_uri_mismatch": Remedy(
        _APP,
        "the OAuth client of profile {profile} does not know the redirect address: use a client of the type Desktop "
        "app, or add http://localhost with its port to the client.",
    ),
    "admin_policy_enforced": Remedy(
        _APP, "the Google Workspace administrator blocks the app of profile {profile}: ask to have it trusted."
    ),
    "org_internal": Remedy(
        _APP, "the app of profile {profile} is for its own organization only, and {user!r} is not of it."
    ),
}
GOOGLE_SUBTYPES = {
    "invalid_rapt": Remedy(
        _PERSON, "Google Workspace wants {user!r} to sign in anew (session control for cloud services). {cure}"
    ),
    "rapt_required": Remedy(
        _PERSON, "Google Workspace wants {user!r} to sign in anew (session control for cloud services). {cure}"
    ),
}
