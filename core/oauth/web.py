"""A conversation with a provider: one deadline over all of it, JSON or nothing.

What passes by itself (out of reach, slow, throttling, a web page in place of an answer) is told apart here, once for
all providers: msal, google-auth and our own requests all go through a `Web`.
"""

from __future__ import annotations

import email.utils
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from core import clock
from core.clock import Deadline
from core.oauth.exchange import Answer, exchange, unavailable
from core.resources.checks import web_address

SECONDS = 30.0
"""For a whole conversation: one request to most providers, three for a password at Microsoft."""

LONGEST_WAIT = timedelta(hours=24)
"""The longest that a provider may ask us to wait."""


class Web:
    """One conversation with a provider; made for it and used by one thread."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._deadline = Deadline(seconds)
        self.last = Answer(0, "")
        """The last answer, for libraries that keep it to themselves."""
        self.reads_xml = False
        """Whether XML is an answer too, also with a 500: so speak the federation services of domains (WS-Trust)."""
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
        if web_address(url):  # a document may have named it
            raise unavailable(url, "would have to be asked in clear. Check the address, and look for a proxy.")
        self.last = exchange(method, url, parts, self._deadline)
        return self.last

    def _judged(self, url: str, answer: Answer) -> Answer:
        self.skew = _skew(answer.headers) or self.skew
        if answer.status_code == 429 or (answer.status_code >= 500 and not self._is_xml(answer)):
            what = "asks to come back later" if answer.status_code == 429 else "is out of order"
            after = _retry_after(answer.headers)
            raise unavailable(url, f"{what} (HTTP {answer.status_code}). It is asked again later.", retry_after=after)
        if 300 <= answer.status_code < 400:
            raise unavailable(url, "answers with a redirect, which is not followed. Check the address.")
        if answer.status_code != 404 and not self._is_xml(answer) and not _is_object(answer):
            raise unavailable(url, "answers with something else than JSON. Check the address, and look for a proxy.")
        return answer

    def _is_xml(self, answer: Answer) -> bool:
        return self.reads_xml and answer.is_xml


def _is_object(answer: Answer) -> bool:
    try:
        return isinstance(json.loads(answer.text), dict)
    except (ValueError, RecursionError):
        return False


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait (RFC 9110 §10.2.3), a number or a date."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdecimal() and len(said) < 10:
        wait = float(said)
    elif (moment := _moment(said)) is not None:
        wait = max(0.0, (moment - clock.utcnow()).total_seconds())
    else:
        return None
    return min(wait, LONGEST_WAIT.total_seconds())


def _skew(headers: Mapping[str, str]) -> float:
    moment = _moment(headers.get("date", ""))
    return 0.0 if moment is None else (moment - clock.utcnow()).total_seconds()


def _moment(text: str) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
