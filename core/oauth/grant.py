"""What a provider gave: an access token, until when, and who signed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.secret import Secret


@dataclass(frozen=True)
class Grant:
    """The answer of a token endpoint (RFC 6749 §5.1), read."""

    access_token: Secret
    expires_at: datetime
    refresh_token: Secret | None = None
    """None: the one that was used stays good."""
    refresh_expires_at: datetime | None = None
    """As far as the provider says so."""
    signed_in_as: str = ""
    """Who signed in, as the provider says (id token or userinfo); empty when it says nothing."""
    also_known_as: tuple[str, ...] = ()
    """Other names the provider gives the same person: an alias, the address beside the user name."""

    @property
    def names(self) -> tuple[str, ...]:
        """All names of who signed in; none when the provider says nothing."""
        return tuple(name for name in (self.signed_in_as, *self.also_known_as) if name)
