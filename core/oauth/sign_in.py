"""Signing in, as a person does it: with a code on another screen, or with a browser that comes back with a code."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.oauth.app import App
from core.oauth.grant import Grant


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


def begin_device(app: App, login_hint: str = "") -> DeviceSignIn:
    """Ask for a code that a person enters on any other screen.

    Raises:
        OAuthRefused: the provider does not want this app.
        OAuthUnavailable: the provider cannot be asked now.
    """
    raise NotImplementedError


def poll_device(app: App, begun: DeviceSignIn) -> Grant | None:
    """Whether the person is done: the grant, or `None` while it is to be waited for. Wait `interval` before each call.

    Raises:
        OAuthRefused: the person declined, or the code has run out.
        OAuthUnavailable: the provider cannot be asked now; poll again.
    """
    raise NotImplementedError


def begin_code(app: App, login_hint: str, redirect_uri: str) -> CodeSignIn:
    """The address that a person opens in a browser; what comes back to `redirect_uri` goes to `finish_code`.

    Raises:
        OAuthRefused: the provider does not want this app.
        OAuthUnavailable: the provider cannot be asked now.
    """
    raise NotImplementedError


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
    raise NotImplementedError
