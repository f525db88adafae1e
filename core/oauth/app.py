"""An app registration as it is used: the profile, its secret, and the scopes for what it is used for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from core.models import Profile
from core.oauth.scopes import EVERY_USE, Use, default_scopes
from core.secret import Secret


@dataclass(frozen=True)
class App:
    """A profile, ready to ask its provider for tokens."""

    profile: str
    """The profile's name, for sentences."""
    provider: str
    """gmail, office365 or custom."""
    method: str
    """client_secret, password, refresh_token, authorization_code or device_code."""
    client_id: str
    client_secret: Secret | None = None
    """None for a public client, which has none."""
    tenant_id: str = ""
    auth_url: str = ""
    token_url: str = ""
    device_url: str = ""
    scopes: tuple[str, ...] = ()
    """The profile's, else the usual ones of provider and method."""

    @property
    def asks_a_person(self) -> bool:
        """Whether somebody must sign in before there are tokens."""
        return self.method in {"authorization_code", "device_code"}


def app_of(profile: Profile, client_secret: Secret | None, uses: Collection[Use] = EVERY_USE) -> App:
    """The app of a profile.

    Args:
        profile: the row.
        client_secret: its secret, if one is kept.
        uses: what the token is for; asked for is no more than that.
    """
    return App(
        profile=profile.name,
        provider=profile.provider,
        method=profile.method,
        client_id=profile.client_id,
        client_secret=client_secret or None,
        tenant_id=profile.tenant_id,
        auth_url=profile.auth_url,
        token_url=profile.token_url,
        device_url=profile.device_url,
        scopes=tuple(profile.scopes) or default_scopes(profile.provider, profile.method, uses),
    )
