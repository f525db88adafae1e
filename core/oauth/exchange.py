"""One request and its answer: over verified TLS, within a deadline, without redirects, of bounded size."""

from __future__ import annotations

import contextlib
import json
import queue
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from core.clock import Deadline
from core.errors import OAuthUnavailable
from core.text import bounded, clean

if TYPE_CHECKING:
    import requests

LARGEST = 256 * 1024
"""Bytes of an answer; a token has two thousand."""


@dataclass(frozen=True)
class Answer:
    """What a provider said; the names are those that msal asks for."""

    status_code: int
    text: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def raise_for_status(self) -> None:
        """Of no use here: what is not to be read was refused before."""

    @property
    def is_xml(self) -> bool:
        """Whether it says that it is XML."""
        kind = self.headers.get("content-type", "").lower()
        return "xml" in kind and "html" not in kind

    def document(self) -> dict[str, Any]:
        """The JSON object it holds; empty when it holds none."""
        try:
            found = json.loads(self.text)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def exchange(method: str, url: str, parts: Mapping[str, Any], deadline: Deadline) -> Answer:
    """Ask, and read the whole answer; `parts` are params, data and headers.

    Raises:
        OAuthUnavailable: there is none, or no end of it.
    """
    # The timeouts of requests are per read, and of a name server there is none: a thread is left behind then.
    answered: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()
    arguments = (method, url, parts, deadline, answered)
    threading.Thread(target=_ask, args=arguments, name="oauth", daemon=True).start()
    try:
        answer = answered.get(timeout=deadline.remaining())
    except queue.Empty:
        raise unavailable(url, "is too slow. Try again later.") from None
    if isinstance(answer, Exception):
        # Not chained: what requests raises holds the request, and that holds our secrets.
        raise _failure(url, answer) from None
    return answer


def place_of(url: str) -> str:
    """The host of an address, for sentences."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or url
    except ValueError:
        return url


def unavailable(url: str, what: str, retry_after: float | None = None) -> OAuthUnavailable:
    """The error for a provider that could not be asked, whatever the reason."""
    place = place_of(url)
    return OAuthUnavailable(f"No token for now: {place} {what}", host=place, retry_after=retry_after)


def _ask(
    method: str,
    url: str,
    parts: Mapping[str, Any],
    deadline: Deadline,
    answered: queue.SimpleQueue[Answer | Exception],
) -> None:
    try:
        answered.put(_answer(method, url, parts, deadline))
    except Exception as error:  # noqa: BLE001 - handed to the thread that waits
        answered.put(error)


def _answer(method: str, url: str, parts: Mapping[str, Any], deadline: Deadline) -> Answer:
    with _session(url) as session:
        headers = {"User-Agent": "postroom", "Accept": "application/json", **(parts.get("headers") or {})}
        response = session.request(
            method,
            url,
            params=parts.get("params"),
            data=parts.get("data"),
            headers={**headers, "Accept-Encoding": "identity"},
            timeout=max(deadline.remaining(), 0.001),
            allow_redirects=False,
            stream=True,
            auth=lambda request: request,  # else a .netrc would sign in for us
        )
        with contextlib.closing(response):
            text = _body(response, deadline).decode("utf-8", "replace")
            return Answer(response.status_code, text, {name.lower(): value for name, value in response.headers.items()})


def _session(url: str) -> requests.Session:
    import requests
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        """Trusts what this machine trusts, beside the authorities that come with requests or REQUESTS_CA_BUNDLE."""

        def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
            super().init_poolmanager(*arguments, ssl_context=_system_trust(), **options)

        def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
            return super().proxy_manager_for(*arguments, ssl_context=_system_trust(), **options)

    session = requests.Session()
    # In clear only on this machine: no proxy is to see that.
    session.trust_env = url.startswith("https:")
    if session.trust_env:
        session.mount("https://", Adapter())
    return session


def _system_trust() -> ssl.SSLContext:
    # A new one each time: requests adds its authorities to it, which must not let mail servers in.
    return ssl.create_default_context()


def _body(response: requests.Response, deadline: Deadline) -> bytes:
    gathered = bytearray()
    while part := response.raw.read1(16 * 1024, decode_content=True):
        gathered += part
        if len(gathered) > LARGEST:
            raise _Nonsense(f"answers with more than {LARGEST // 1024} kB, which is no token")
        if deadline.is_over():
            raise TimeoutError
    return bytes(gathered)


class _Nonsense(Exception):
    """An answer that is not worth reading to its end."""


def _failure(url: str, error: Exception) -> OAuthUnavailable:
    import requests
    from urllib3.exceptions import ReadTimeoutError

    match error:
        case _Nonsense():
            return unavailable(url, f"{error}. Check the address, and look for a proxy in between.")
        case requests.exceptions.SSLError():
            why = _first_line(error.args[0] if error.args else error)
            return unavailable(url, f"has no certificate that this machine trusts ({why}). Is a proxy in between?")
        case requests.exceptions.Timeout() | TimeoutError() | ReadTimeoutError():
            return unavailable(url, "is too slow. Try again later.")
        case requests.exceptions.ProxyError():
            return unavailable(url, "cannot be reached through the proxy (HTTPS_PROXY). Check that setting.")
        case requests.exceptions.ConnectionError() | OSError():
            return unavailable(url, "cannot be reached. Is this machine's network up, and is the address right?")
        case _:
            return unavailable(url, f"could not be asked ({type(error).__name__}). Try again later.")


def _first_line(error: object) -> str:
    reason = getattr(error, "reason", error)
    return bounded(clean(str(reason).splitlines()[0] if str(reason) else type(reason).__name__), 120)
