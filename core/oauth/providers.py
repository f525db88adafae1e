"""Which provider an app belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from core.oauth.app import App
from core.oauth.gmail import Gmail
from core.oauth.grant import Grant
from core.oauth.office365 import Office365
from core.oauth.standard import Standard
from core.oauth.web import Web
from core.secret import Secret


class Provider(Protocol):
    """What can be asked of a provider; a refusal is raised as `Refusal`, what passes as `OAuthUnavailable`."""

    def for_application(self) -> Grant:
        """A token without a person."""

    def by_password(self, username: str, password: Secret) -> Grant:
        """A token for user name and password."""

    def by_refresh_token(self, token: Secret) -> Grant:
        """A token for what an earlier sign-in left."""

    def begin_device(self, login_hint: str) -> dict[str, Any]:
        """A device code (RFC 8628 §3.2)."""

    def poll_device(self, state: Mapping[str, Any]) -> Grant:
        """One question whether the person is done."""

    def begin_code(self, login_hint: str, redirect_uri: str) -> dict[str, Any]:
        """`auth_uri`, `state` and what else finishing needs."""

    def finish_code(self, flow: Mapping[str, Any], answer: Mapping[str, str]) -> Grant:
        """Tokens for the code in the answer."""


def provider_of(app: App, web: Web) -> Provider:
    """The provider of an app, for one conversation."""
    if app.provider == "gmail":
        return Gmail(app, web)
    return Office365(app, web) if app.provider == "office365" else Standard(app, web)
