"""A provider in this process: every grant, rotation and introspection, and whatever a real one does only on bad days.

It answers as Microsoft, Google or a plain server by the path it is asked under; `reaching` has our client find it
under their real addresses.
"""

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from core.oauth import web
from core.oauth.exchange import Answer
from tui.demo.certificates import ServerCertificate

_ELSEWHERE = {"login.microsoftonline.com", "oauth2.googleapis.com", "accounts.google.com", "adfs.contoso.example"}

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True)
class Said:
    """An answer that is given instead of the right one."""

    status: int = 200
    body: str | bytes = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: float = 0.0
    """Seconds of silence before it."""
    drip: bool = False
    """A byte of the head now and then, without an end."""


def refusal(error: str, description: str = "", **more: Any) -> Said:
    """A refusal as RFC 6749 §5.2 has it."""
    return Said(400, json.dumps({"error": error, "error_description": description, **more}))


HTML = Said(200, "<html><body>Please log in to the hotel's network</body></html>", {"Content-Type": "text/html"})
DOWN = Said(503, '{"error": "temporarily_unavailable"}')
THROTTLED = Said(429, '{"error": "too_many"}', {"Retry-After": "120"})
FAULT = Said(
    500,
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Reason><s:Text>ID3242: The '
    "security token could not be authenticated.</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>",
    {"Content-Type": "application/soap+xml; charset=utf-8"},
)
"""How a federation service refuses a password (WS-Trust)."""
GONE = refusal("invalid_grant", "Token has been expired or revoked.")


def as_microsoft(code: int, text: str = "It went wrong.", error: str = "invalid_grant") -> Said:
    """A refusal as Microsoft words it."""
    description = f"AADSTS{code}: {text} Trace ID: 0-1 Correlation ID: 2-3 Timestamp: 2026-11-21 10:00:00Z"
    return Said(400, json.dumps({"error": error, "error_description": description, "error_codes": [code]}))


class TokenServer:
    """A provider with one client and some users; all it was asked stands in `asked`."""

    def __init__(self, certificate: ServerCertificate | None = None) -> None:
        self.client_id, self.client_secret = "client-1", "client secret of the tests"
        self.passwords: dict[str, str] = {}
        self.rotates = False
        """Whether a refresh token is good once, and a new one comes with each answer."""
        self.lasts: Any = 3600
        """Seconds an access token is said to last."""
        self.application_user = ""
        """As whom a token without a person lets in: the mail servers of the tests know no applications."""
        self.thinks = 0.0
        """Seconds it takes for a grant, which it gives then, whether anybody waits or not."""
        self.more: dict[str, Any] = {}
        """What every grant holds besides."""
        self.access: dict[str, tuple[str, float]] = {}
        """User and end by access token; who takes one out here has it refused by mail servers."""
        self.refresh: dict[str, str] = {}
        """User by refresh token."""
        self.devices: dict[str, str | None] = {}
        """By device code: the user who has signed in, none while nobody has."""
        self.asked: list[dict[str, str]] = []
        """The forms that were posted for tokens."""
        self.instead: list[Said] = []
        """What the next questions for a token get."""
        self.always: Said | None = None
        self.realm: dict[str, Any] = {"account_type": "Managed", "ver": "1.0"}
        """What Microsoft says of a user's domain."""
        self._codes: dict[str, tuple[str, str, str]] = {}
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = False
        self._is_tls = certificate is not None
        if certificate is not None:
            self._http.socket = certificate.server_context().wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def address(self) -> str:
        """Where it is."""
        return f"{'https' if self._is_tls else 'http'}://127.0.0.1:{self._http.server_address[1]}"

    @property
    def grants(self) -> list[str]:
        """The grants that were asked for, in their order."""
        return [form.get("grant_type", "") for form in self.asked]

    def profile(self, method: str, **values: Any) -> dict[str, Any]:
        """The values of a profile that leads here by its addresses."""
        addresses = {"auth_url": "/authorize", "token_url": "/token", "device_url": "/device"}
        return {
            "provider": "custom",
            "method": method,
            "client_id": self.client_id,
            **{name: self.address + path for name, path in addresses.items()},
            **values,
        }

    def sign_in(self, user: str) -> str:
        """What a person's sign-in leaves: a refresh token."""
        token = f"refresh-{secrets.token_hex(8)}"
        with self._lock:
            self.refresh[token] = user
        return token

    def browse(self, url: str, user: str) -> str:
        """Be the person with a browser; gives back where it was sent to."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{secrets.token_hex(8)}"
        self._codes[code] = (user, query["code_challenge"], query["redirect_uri"])
        self.nonce = query.get("nonce", "")
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def enter_code(self, user: str) -> None:
        """Be the person with another screen."""
        for code in self.devices:
            self.devices[code] = user

    def lets_in(self, user: str, token: str) -> bool:
        """Whether a mail server should let this user in with this token."""
        owner, ends = self.access.get(token, ("", 0.0))
        return owner == user and ends > time.time()

    # -- answers ----------------------------------------------------------------------------------------------------

    def answer(self, path: str, form: dict[str, str]) -> Said:
        """What it says to a question."""
        if path.endswith("/.well-known/openid-configuration"):
            return self.always or self._configuration(path)
        if "/userrealm/" in path:
            return _json(self.realm)
        if "/trust/" in path:
            self.asked.append({"grant_type": "ws-trust"})
            return FAULT
        if path.endswith("/introspect"):
            return self._introspected(form.get("token", ""))
        if path.endswith(("/device", "/devicecode", "/device/code")):
            return self._device()
        if not path.endswith("/token"):
            return Said(404, "There is nothing here.")
        with self._lock:
            self.asked.append(form)
            instead = self.instead.pop(0) if self.instead else self.always
            self.closing.wait(self.thinks)
            return instead or self._granted(form)

    def _granted(self, form: dict[str, str]) -> Said:
        if form.get("client_id") != self.client_id or form.get("client_secret", self.client_secret) != (
            self.client_secret
        ):
            return refusal("invalid_client", "AADSTS7000215: Invalid client secret provided.")
        match form.get("grant_type"):
            case "client_credentials":
                return self._grant(self.application_user, with_refresh=False, with_person=False)
            case "password":
                user = form["username"]
                if self.passwords.get(user) != form["password"]:
                    return as_microsoft(50126, "Error validating credentials.")
                return self._grant(user)
            case "refresh_token":
                user = self.refresh.get(form["refresh_token"], "")
                if not user:
                    return GONE
                if self.rotates:
                    del self.refresh[form["refresh_token"]]
                return self._grant(user, with_refresh=self.rotates)
            case "authorization_code":
                user, challenge, redirect = self._codes.pop(form["code"], ("", "", ""))
                proof = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
                if not user or proof.rstrip(b"=").decode() != challenge or redirect != form["redirect_uri"]:
                    return refusal("invalid_grant", "The code is not good.")
                return self._grant(user, nonce=self.nonce)
            case grant if grant == DEVICE_GRANT:
                user = self.devices.get(form["device_code"]) or ""
                return self._grant(user) if user else refusal("authorization_pending")
        return refusal("unsupported_grant_type")

    def _grant(self, user: str, *, with_refresh: bool = True, with_person: bool = True, nonce: str = "") -> Said:
        token = f"access-{secrets.token_hex(12)}"
        lasts = self.lasts if isinstance(self.lasts, int | float) else 3600
        self.access[token] = (user, time.time() + lasts)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": self.lasts, **self.more}
        if with_refresh:
            answer["refresh_token"] = f"refresh-{secrets.token_hex(8)}"
            self.refresh[answer["refresh_token"]] = user
        if with_person and "@" in user:
            answer["id_token"] = _id_token(
                {"preferred_username": user, "sub": user, "aud": self.client_id, "nonce": nonce}
            )
        return _json(answer)

    def _introspected(self, token: str) -> Said:
        user, ends = self.access.get(token, ("", 0.0))
        if not user or ends < time.time():
            return _json({"active": False})
        return _json({"active": True, "username": user, "scope": "mail"})

    def _device(self) -> Said:
        code = f"device-{secrets.token_hex(8)}"
        self.devices[code] = None
        return _json(
            {
                "device_code": code,
                "user_code": "WXYZ-1234",
                "verification_uri": "https://example.org/device",
                "expires_in": 900,
                "interval": 1,
            }
        )

    def _configuration(self, path: str) -> Said:
        base = f"https://login.microsoftonline.com/{path.split('/')[2]}"
        return _json(
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            }
        )


@contextlib.contextmanager
def reaching(server: TokenServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    """Our client finds the server under Microsoft's and Google's real addresses."""
    exchanged = web.Web._exchanged

    def elsewhere(self: web.Web, method: str, url: str, **parts: Any) -> Answer:
        split = urlsplit(url)
        if split.scheme == "https" and split.hostname in _ELSEWHERE:
            url = f"{server.address}/{split.hostname}{split.path}"
        return exchanged(self, method, url, **parts)

    with monkeypatch.context() as patch:
        patch.setattr(web.Web, "_exchanged", elsewhere)
        yield server


def _json(document: Mapping[str, Any]) -> Said:
    return Said(200, json.dumps(document))


def _id_token(claims: Mapping[str, Any]) -> str:
    now = int(time.time())
    parts = [{"alg": "none"}, {"iat": now, "exp": now + 3600, **claims}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in parts) + ".x"


def _handler(server: TokenServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            self._answer({name: values[0] for name, values in parse_qs(body).items()})

        def _answer(self, form: dict[str, str]) -> None:
            split = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(split.query).items()}
            said = server.answer(split.path, {**query, **form})
            with contextlib.suppress(OSError):
                if said.drip:
                    while not server.closing.wait(0.05):
                        self.wfile.write(b"X")
                    return
                server.closing.wait(said.hang)
                self.send_response_only(said.status)
                for name, value in {"Content-Type": "application/json", **said.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said.body if isinstance(said.body, bytes) else said.body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
