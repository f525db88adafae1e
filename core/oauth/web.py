"""Asking a provider by HTTP: one deadline over a whole conversation, no redirects, JSON or nothing.

What passes by itself (out of reach, slow, throttling, a web page in place of an answer) is told apart here, once for
all providers: msal, google-auth and our own requests all go through a `Web`.
"""

from __future__ import annotations

import contextlib
import email.utils
import json
import queue
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from core import clock
from core.clock import Deadline
from core.errors import OAuthUnavailable, WireError
from core.text import bounded, clean

if TYPE_CHECKING:
    import requests

SECONDS = 30.0
"""For a whole conversation: one request to most providers, three for a password at Microsoft."""

LARGEST = 256 * 1024
"""Bytes of an answer; a token has two thousand."""

_LONGEST_WAIT = 24 * 3600.0


@dataclass(frozen=True)
class Answer:
    """What a provider said; the names are those that msal asks for."""

    status_code: int
    text: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def raise_for_status(self) -> None:
        """Of no use here: what is not to be read was refused before."""

    def document(self) -> dict[str, Any]:
        """The JSON object it holds; empty when it holds none."""
        try:
            found = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class Web:
    """One conversation with a provider; made for it and used by one thread."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._deadline = Deadline(seconds)
        self._seconds = seconds
        self.last = Answer(0, "")
        """The last answer, for libraries that keep it to themselves."""
        self.skew = 0.0
        """Seconds by which the provider's clock is ahead of ours, as far as it says."""

    def get(self, url: str, params: Any = None, headers: Mapping[str, str] | None = None, **_: Any) -> Answer:
        """Fetch a document.

        Raises:
            OAuthUnavailable: there is no answer that can be read, for now.
        """
        return self._judged(url, self._exchanged("GET", url, params=params, headers=headers))

    def post(
        self, url: str, params: Any = None, data: Any = None, headers: Mapping[str, str] | None = None, **_: Any
    ) -> Answer:
        """Send a form.

        Raises:
            OAuthUnavailable: there is no answer that can be read, for now.
        """
        return self._judged(url, self._exchanged("POST", url, params=params, data=data, headers=headers))

    def close(self) -> None:
        """Nothing stays open."""

    def _exchanged(self, method: str, url: str, **parts: Any) -> Answer:
        # The timeouts of requests are per read, and of a name server there is none: a thread is left behind then.
        answered: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()
        arguments = (method, url, parts, self._deadline, answered)
        threading.Thread(target=_ask, args=arguments, name="oauth", daemon=True).start()
        try:
            answer = answered.get(timeout=self._deadline.remaining())
        except queue.Empty:
            raise _unavailable(url, f"did not answer within {self._seconds:g} seconds. Try again later.") from None
        if isinstance(answer, Exception):
            # Not chained: what requests raises holds the request, and that holds our secrets.
            raise _failure(url, answer) from None
        self.last = answer
        return answer

    def _judged(self, url: str, answer: Answer) -> Answer:
        self.skew = _skew(answer.headers) or self.skew
        if answer.status_code == 429 or answer.status_code >= 500:
            what = "asks to come back later" if answer.status_code == 429 else "is out of order"
            after = _retry_after(answer.headers)
            raise _unavailable(url, f"{what} (HTTP {answer.status_code}). It is asked again later.", retry_after=after)
        if 300 <= answer.status_code < 400:
            raise _unavailable(url, "answers with a redirect, which is not followed. Check the address.")
        if answer.status_code != 404 and not _is_readable(answer):
            raise _unavailable(url, "answers with something else than JSON. Check the address, and look for a proxy.")
        return answer


def place_of(url: str) -> str:
    """The host of an address, for sentences."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or url
    except ValueError:
        return url


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


def _failure(url: str, error: Exception) -> WireError:
    import requests
    from urllib3.exceptions import ReadTimeoutError

    match error:
        case _Nonsense():
            return _unavailable(url, f"{error}. Check the address, and look for a proxy in between.")
        case requests.exceptions.SSLError():
            why = _first_line(error.args[0] if error.args else error)
            return _unavailable(url, f"has no certificate that this machine trusts ({why}). Is a proxy in between?")
        case requests.exceptions.Timeout() | TimeoutError() | ReadTimeoutError():
            return _unavailable(url, "is too slow. Try again later.")
        case requests.exceptions.ProxyError():
            return _unavailable(url, "cannot be reached through the proxy (HTTPS_PROXY). Check that setting.")
        case requests.exceptions.ConnectionError() | OSError():
            return _unavailable(url, "cannot be reached. Is this machine's network up, and is the address right?")
        case _:
            return _unavailable(url, f"could not be asked ({type(error).__name__}). Try again later.")


def _first_line(error: object) -> str:
    reason = getattr(error, "reason", error)
    return bounded(clean(str(reason).splitlines()[0] if str(reason) else type(reason).__name__), 120)


def _unavailable(url: str, what: str, retry_after: float | None = None) -> OAuthUnavailable:
    place = place_of(url)
    return OAuthUnavailable(f"No token for now: {place} {what}", host=place, retry_after=retry_after)


def _is_readable(answer: Answer) -> bool:
    if "xml" in answer.headers.get("content-type", "") and "html" not in answer.headers.get("content-type", ""):
        return True  # the way of federated domains to a password (WS-Trust)
    try:
        return isinstance(json.loads(answer.text), dict)
    except (ValueError, RecursionError):
        return False


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait (RFC 9110 §10.2.3), a number or a date."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdecimal() and len(said) < 10:
        return min(float(said), _LONGEST_WAIT)
    moment = _moment(said)
    return None if moment is None else min(max(0.0, (moment - clock.utcnow()).total_seconds()), _LONGEST_WAIT)


def _skew(headers: Mapping[str, str]) -> float:
    moment = _moment(headers.get("date", ""))
    return 0.0 if moment is None else (moment - clock.utcnow()).total_seconds()


def _moment(text: str) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
