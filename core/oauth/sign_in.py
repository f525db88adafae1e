"""Signing in, as a person does it: with a code on another screen, or with a browser that comes back with a code."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from core import clock
from core.errors import BadInput, OAuthRefused, OAuthUnavailable, PostroomError
from core.oauth import web
from core.oauth.app import App
from core.oauth.grant import Grant
from core.oauth.problems import Refusal, refusal_from, translated
from core.oauth.providers import provider_of
from core.resources.checks import web_address
from core.text import clean

VALID_FOR = timedelta(minutes=15)
"""How long an address for a browser may be used."""

_PENDING = frozenset({"authorization_pending", "slow_down"})
_SLOWER = 5.0
"""Seconds added when the provider asks for it (RFC 8628 §3.5)."""
_USUAL_INTERVAL, _LONGEST_INTERVAL = 5.0, 60.0
_LONGEST_CODE = 64


@dataclass
class DeviceSignIn:
    """A device code that waits for a person (RFC 8628)."""

    user_code: str
    """What the person types."""
    verification_uri: str
    """Where."""
    expires_at: datetime
    interval: float
    """Seconds to wait before each poll; grows when the provider asks for it."""
    state: dict[str, Any] = field(repr=False)
    """What polling needs; nobody else's business."""
    verification_uri_complete: str = ""
    """The address with the code in it, for a QR code, where the provider gives one."""


@dataclass(frozen=True)
class CodeSignIn:
    """An address for a browser, and what the answer is checked with (RFC 7636)."""

    url: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str
    expires_at: datetime
    flow: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What finishing needs; nobody else's business."""


def begin_device(app: App, login_hint: str = "") -> DeviceSignIn:
    """Ask for a code that a person enters on any other screen.

    Raises:
        OAuthRefused: the provider does not want this app.
        OAuthUnavailable: the provider cannot be asked now.
    """
    try:
        answer = provider_of(app, web.Web()).begin_device(login_hint)
    except Refusal as refusal:
        raise _told(refusal, app) from None
    address = answer.get("verification_uri") or answer.get("verification_url")  # Google's name for it
    code, device_code = answer.get("user_code"), answer.get("device_code")
    if not (_is_short(code) and isinstance(device_code, str) and _is_https(address)):
        raise OAuthUnavailable(
            f"The provider of profile {app.profile} gave no device code that makes sense. Try again."
        )
    complete = answer.get("verification_uri_complete")
    return DeviceSignIn(
        user_code=clean(str(code)),
        verification_uri=str(address),
        expires_at=clock.utcnow() + timedelta(seconds=_number(answer.get("expires_in"), 900.0, 3600.0)),
        interval=_number(answer.get("interval"), _USUAL_INTERVAL, _LONGEST_INTERVAL),
        state=answer,
        verification_uri_complete=str(complete) if _is_https(complete) else "",
    )


def poll_device(app: App, begun: DeviceSignIn) -> Grant | None:
    """Whether the person is done: the grant, or `None` while it is to be waited for. Wait `interval` before each call.

    Raises:
        OAuthRefused: the person declined, or the code has run out.
        OAuthUnavailable: the provider cannot be asked now; poll again.
    """
    if clock.utcnow() >= begun.expires_at:
        raise OAuthRefused("The code has run out before anybody signed in. Begin the sign-in again.")
    try:
        return provider_of(app, web.Web()).poll_device(begun.state)
    except Refusal as refusal:
        if refusal.error not in _PENDING:
            raise _told(refusal, app) from None
        if refusal.error == "slow_down":
            begun.interval = min(begun.interval + _SLOWER, _LONGEST_INTERVAL)
        return None


def begin_code(app: App, login_hint: str, redirect_uri: str) -> CodeSignIn:
    """The address that a person opens in a browser; what comes back to `redirect_uri` goes to `finish_code`.

    Raises:
        OAuthRefused: the provider does not want this app.
        OAuthUnavailable: the provider cannot be asked now.
    """
    try:
        flow = provider_of(app, web.Web()).begin_code(login_hint, redirect_uri)
    except Refusal as refusal:
        raise _told(refusal, app) from None
    return CodeSignIn(
        url=str(flow["auth_uri"]),
        state=str(flow["state"]),
        verifier=str(flow["code_verifier"]),
        redirect_uri=redirect_uri,
        expires_at=clock.utcnow() + VALID_FOR,
        flow=flow,
    )


def finish_code(app: App, begun: CodeSignIn, query: str) -> Grant:
    """Turn what came back into tokens; good once, for 15 minutes.

    Args:
        app: the same as before.
        begun: what `begin_code` gave.
        query: the address that the browser was sent to, pasted, or its query string.

    Raises:
        BadInput: it is no such address, or it belongs to another sign-in.
        OAuthRefused: the person declined, it was used before or has run out.
        OAuthUnavailable: the provider cannot be asked now.
    """
    answer = answer_in(query)
    if answer.get("state") != begun.state:
        raise BadInput(
            "This address belongs to another sign-in. Paste the one that the browser shows at the end of this."
        )
    if clock.utcnow() >= begun.expires_at:
        raise OAuthRefused("The sign-in took more than 15 minutes. Begin it again.")
    _use_up(begun)
    if "error" in answer:
        raise _told(refusal_from(answer), app)
    try:
        return provider_of(app, web.Web()).finish_code(begun.flow, answer)
    except Refusal as refusal:
        raise _told(refusal, app) from None


def answer_in(query: str) -> dict[str, str]:
    """What a browser brought back, from the whole address or its query.

    Raises:
        BadInput: there is neither a code nor an error in it.
    """
    text = query.strip()
    try:
        parts = urlsplit(text)
        found = parse_qs(parts.query if parts.scheme else text.lstrip("?"), max_num_fields=50)
    except ValueError:
        found = {}
    answer = {name: values[0] for name, values in found.items()}
    if not answer.get("code") and not answer.get("error"):
        raise BadInput(
            "This is not the address the browser was sent to: it holds no code. Copy all of it from the address bar."
        )
    return answer


_used: dict[str, datetime] = {}
_using = threading.Lock()


def _use_up(begun: CodeSignIn) -> None:
    """A state is good once; what has run out need not be remembered."""
    now = clock.utcnow()
    with _using:
        for state in [state for state, until in _used.items() if until < now]:
            del _used[state]
        if begun.state in _used:
            raise OAuthRefused("This sign-in was finished already. Begin another one.")
        _used[begun.state] = begun.expires_at


def _told(refusal: Refusal, app: App) -> PostroomError:
    """Whoever signs in is here: nothing is to be remembered as dead."""
    error = translated(refusal, app)
    return error if isinstance(error, OAuthUnavailable) else OAuthRefused(str(error))


def _is_short(code: object) -> bool:
    return isinstance(code, str) and 0 < len(code) <= _LONGEST_CODE


def _is_https(address: object) -> bool:
    return isinstance(address, str) and web_address(address) is None and len(address) < 2000


def _number(value: object, usual: float, most: float) -> float:
    try:
        number = float(value) if isinstance(value, int | float | str) else usual
    except (ValueError, OverflowError):
        return usual
    return min(number, most) if number >= 1 else usual
