"""Microsoft, by msal, under its real addresses.

Source: Microsoft, "Authenticate an IMAP, POP or SMTP connection using OAuth". msal gives errors back as dicts and
raises ValueError for what it finds before it asks; what it asks goes through our `Web`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core import clock
from core.errors import OAuthRefused, OAuthUnavailable, PostroomError
from core.oauth.answers import grant_from
from core.oauth.app import App
from core.oauth.grant import Grant
from core.oauth.problems import Refusal, refusal_from
from core.oauth.web import Web
from core.secret import Secret

HOST = "login.microsoftonline.com"

_ADDED_BY_MSAL = frozenset({"openid", "profile", "offline_access"})


@dataclass(frozen=True)
class Office365:
    """Microsoft's identity platform for one tenant."""

    app: App
    web: Web

    def for_application(self) -> Grant:
        """A token for the application itself, for every mailbox it was given."""
        return self._granted(lambda client: client.acquire_token_for_client(self._scopes))

    def by_password(self, username: str, password: Secret) -> Grant:
        """A token for user name and password; Microsoft retires this, and it fails with a second factor."""
        self.web.reads_xml = True
        return self._granted(
            lambda client: client.acquire_token_by_username_password(username, password.reveal(), self._scopes)
        )

    def by_refresh_token(self, token: Secret) -> Grant:
        """A token for what an earlier sign-in left; Microsoft gives a new refresh token each time."""
        return self._granted(lambda client: client.acquire_token_by_refresh_token(token.reveal(), self._scopes))

    def begin_device(self, login_hint: str) -> dict[str, Any]:
        """What a person types, and where."""
        flow = self._asked(lambda client: client.initiate_device_flow(self._scopes), is_public=True)
        if "user_code" not in flow:
            raise refusal_from(flow, skew=self.web.skew)
        return dict(flow)

    def poll_device(self, state: Mapping[str, Any]) -> Grant:
        """One question whether the person is done; pending is a refusal too."""
        return self._granted(
            lambda client: client.acquire_token_by_device_flow(
                dict(state, interval=1), exit_condition=lambda flow: True
            ),
            is_public=True,
        )

    def begin_code(self, login_hint: str, redirect_uri: str) -> dict[str, Any]:
        """The address for a browser, and what the answer is checked with."""
        flow: dict[str, Any] = self._asked(
            lambda client: client.initiate_auth_code_flow(
                self._scopes, redirect_uri=redirect_uri, login_hint=login_hint or None, prompt="select_account"
            )
        )
        return flow

    def finish_code(self, flow: Mapping[str, Any], answer: Mapping[str, str]) -> Grant:
        """Tokens for the code that a browser brought back."""
        return self._granted(
            lambda client: client.acquire_token_by_auth_code_flow(dict(flow), dict(answer)), is_checked=True
        )

    @property
    def _scopes(self) -> list[str]:
        return [scope for scope in self.app.scopes if scope not in _ADDED_BY_MSAL]

    def _granted(self, ask: Any, *, is_public: bool = False, is_checked: bool = False) -> Grant:
        answer = self._asked(ask, is_public=is_public, is_checked=is_checked)
        if "error" in answer:
            raise refusal_from(answer, skew=self.web.skew)
        return grant_from(answer, clock.utcnow(), HOST)

    def _asked(self, ask: Any, *, is_public: bool = False, is_checked: bool = False) -> Any:
        """Ask by msal; with `is_checked` what comes beside the tokens matters (the nonce of a sign-in)."""
        try:
            return ask(self._client(is_public))
        except (PostroomError, Refusal):
            raise
        except Exception as error:  # noqa: BLE001 - msal stumbles over odd answers in many ways, each means the same
            # Its exceptions may hold the answer, so they are not chained.
            said = self.web.last.document()
            if "error" in said:
                raise refusal_from(said, skew=self.web.skew) from None
            if "access_token" in said and not is_checked:
                return said  # a rotated refresh token must not be lost for what came beside it
            if self.web.reads_xml and self.web.last.is_xml:
                # Asked again and again, a wrong password would lock the user out.
                raise Refusal("invalid_grant", "The domain's federation service refused the password.") from None
            raise _nonsense(error) from None

    def _client(self, is_public: bool) -> Any:
        import msal

        # It warns of its own grants and defaults on stderr, which on a console is the screen.
        warnings.filterwarnings("ignore", module=r"msal\.")
        options = {
            "authority": f"https://{HOST}/{self.app.tenant_id or 'organizations'}",
            "http_client": self.web,
            # The host is Microsoft's for sure; asking whether it is costs a request.
            "instance_discovery": False,
        }
        if is_public or self.app.client_secret is None:
            if self.app.method == "client_secret":
                raise OAuthRefused(
                    f"Profile {self.app.profile} has no client secret, which its method needs: enter its value."
                )
            return msal.PublicClientApplication(self.app.client_id, **options)
        return msal.ConfidentialClientApplication(
            self.app.client_id, client_credential=self.app.client_secret.reveal(), **options
        )


def _nonsense(error: Exception) -> OAuthUnavailable:
    return OAuthUnavailable(
        f"No token for now: {HOST} gave an answer that makes no sense ({type(error).__name__}). Is a proxy in between?",
        host=HOST,
    )
