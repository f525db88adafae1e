"""Any provider by its addresses: the grants as the standards have them (RFC 6749, RFC 7636, RFC 8628)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from core import clock
from core.errors import OAuthRefused
from core.oauth.answers import grant_from
from core.oauth.app import App
from core.oauth.exchange import place_of
from core.oauth.grant import Grant
from core.oauth.pkce import challenge_of, new_verifier
from core.oauth.problems import Refusal, refusal_from
from core.oauth.web import Web
from core.resources.checks import web_address
from core.secret import Secret

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True)
class Standard:
    """A provider as the profile names its addresses; each call is one request."""

    app: App
    web: Web

    def for_application(self) -> Grant:
        """A token for the application itself (RFC 6749 §4.4)."""
        return self._granted({"grant_type": "client_credentials", **self._scope()})

    def by_password(self, username: str, password: Secret) -> Grant:
        """A token for user name and password (RFC 6749 §4.3)."""
        form = {"grant_type": "password", "username": username, "password": password.reveal(), **self._scope()}
        return self._granted(form)

    def by_refresh_token(self, token: Secret) -> Grant:
        """A token for what an earlier sign-in left (RFC 6749 §6); the scopes stay those of the sign-in."""
        return self._granted({"grant_type": "refresh_token", "refresh_token": token.reveal()})

    def begin_device(self, login_hint: str) -> dict[str, Any]:
        """The answer of the device address (RFC 8628 §3.2)."""
        url = self._checked(self.app.device_url, "device address")
        return _refused_or(self.web.post(url, data=self._client() | self._scope()).document(), self.web)

    def poll_device(self, state: Mapping[str, Any]) -> Grant:
        """One question whether the person is done (RFC 8628 §3.4); pending is a refusal too."""
        return self._granted({"grant_type": DEVICE_GRANT, "device_code": str(state.get("device_code", ""))})

    def begin_code(self, login_hint: str, redirect_uri: str) -> dict[str, Any]:
        """The address for a browser, and what the answer is checked with."""
        verifier, state = new_verifier(), secrets.token_urlsafe(24)
        query = {
            "response_type": "code",
            "client_id": self.app.client_id,
            "redirect_uri": redirect_uri,
            "state": state,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
            **self._scope(),
            **({"login_hint": login_hint} if login_hint else {}),
            **self._extras(),
        }
        url = self._checked(self._auth_url, "authorization address")
        address = f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
        return {"auth_uri": address, "state": state, "code_verifier": verifier, "redirect_uri": redirect_uri}

    def finish_code(self, flow: Mapping[str, Any], answer: Mapping[str, str]) -> Grant:
        """Tokens for the code that a browser brought back (RFC 6749 §4.1.3)."""
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": str(flow["redirect_uri"]),
            "code_verifier": str(flow["code_verifier"]),
        }
        return self._granted(form)

    @property
    def _auth_url(self) -> str:
        return self.app.auth_url

    @property
    def _token_url(self) -> str:
        return self.app.token_url

    def _extras(self) -> dict[str, str]:
        """What this provider wants in the address for a browser beyond the standard."""
        return {}

    def _granted(self, form: Mapping[str, str]) -> Grant:
        url = self._checked(self._token_url, "token address")
        answer = self.web.post(url, data={**self._client(), **form})
        if answer.status_code == 404:
            raise OAuthRefused(
                f"There is no token address at {url} (HTTP 404): check it in profile {self.app.profile}."
            )
        return grant_from(_refused_or(answer.document(), self.web, answer.status_code), clock.utcnow(), place_of(url))

    def _client(self) -> dict[str, str]:
        secret = {"client_secret": self.app.client_secret.reveal()} if self.app.client_secret else {}
        return {"client_id": self.app.client_id, **secret}

    def _scope(self) -> dict[str, str]:
        return {"scope": " ".join(self.app.scopes)} if self.app.scopes else {}

    def _checked(self, url: str, what: str) -> str:
        problem = web_address(url) if url else "is missing."
        if problem:
            raise OAuthRefused(f"The {what} of profile {self.app.profile} {problem}")
        return url


def _refused_or(answer: dict[str, Any], web: Web, status: int = 200) -> dict[str, Any]:
    if "error" in answer:
        raise refusal_from(answer, skew=web.skew)
    if status >= 400:
        raise Refusal("", f"The provider answered HTTP {status}.", skew=web.skew)
    return answer
