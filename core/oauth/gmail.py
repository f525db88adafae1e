"""Google: its addresses, and google-auth for the refreshing.

Source: Google, "Using OAuth 2.0 for Mobile & Desktop Apps" and the Gmail documentation's "OAuth 2.0 Mechanism".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core import clock
from core.oauth.answers import grant_from
from core.oauth.exchange import Answer, place_of
from core.oauth.grant import Grant
from core.oauth.problems import refusal_from
from core.oauth.standard import Standard
from core.oauth.web import Web
from core.secret import Secret

AUTHORIZATION = "https://accounts.google.com/o/oauth2/v2/auth"
TOKEN = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
DEVICE = "https://oauth2.googleapis.com/device/code"


class Gmail(Standard):
    """Google's way of the standards."""

    @property
    def _auth_url(self) -> str:
        return AUTHORIZATION

    @property
    def _token_url(self) -> str:
        return TOKEN

    def _scope(self) -> dict[str, str]:
        # With these two the answer says who signed in.
        return {"scope": " ".join(("openid", "email", *self.app.scopes))}

    def _extras(self) -> dict[str, str]:
        # Only so a refresh token comes, and comes again when the same person signs in once more.
        return {"access_type": "offline", "prompt": "consent select_account"}

    def by_refresh_token(self, token: Secret) -> Grant:
        """A token for the refresh token; Google keeps to the scopes that were granted."""
        from google.auth.exceptions import GoogleAuthError
        from google.oauth2.credentials import Credentials

        credentials = Credentials(  # type: ignore[no-untyped-call]
            token=None,
            refresh_token=token.reveal(),
            token_uri=TOKEN,
            client_id=self.app.client_id,
            client_secret=self.app.client_secret.reveal() if self.app.client_secret else "",
        )
        try:
            credentials.refresh(_request_through(self.web))  # type: ignore[no-untyped-call]
        except (GoogleAuthError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
            self._refuse()
        # What it keeps of the answer lacks the words we want: who signed in, and how long the refresh token lasts.
        return grant_from(self.web.last.document(), clock.utcnow(), place_of(TOKEN))

    def begin_device(self, login_hint: str) -> dict[str, Any]:
        """Google gives no mail by device code; its own refusal says so."""
        answer = self.web.post(DEVICE, data=self._client() | self._scope()).document()
        if "error" in answer:
            raise refusal_from(answer, skew=self.web.skew)
        return answer

    def _refuse(self) -> None:
        answer = self.web.last.document()
        if "error" in answer:
            # Not chained: the library's exception may hold the answer.
            raise refusal_from(answer, skew=self.web.skew) from None


@dataclass(frozen=True)
class _Response:
    """An answer as google-auth reads it."""

    status: int
    headers: Mapping[str, str]
    data: bytes


def _request_through(web: Web) -> Any:
    def request(
        url: str, method: str = "GET", body: Any = None, headers: Mapping[str, str] | None = None, **_: Any
    ) -> _Response:
        answer: Answer = (
            web.post(url, data=body, headers=headers) if method == "POST" else web.get(url, headers=headers)
        )
        return _Response(answer.status_code, answer.headers, answer.text.encode())

    return request
