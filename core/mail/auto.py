"""Whether a message was sent by a machine, so that no machine answers it (RFC 3834 2)."""

import re

from core.mail.addresses import bare_addresses
from core.mail.headers import Headers
from core.text import clean

_DAEMONS = re.compile(
    r"(?:mailer-daemon|postmaster|daemon|mdaemon|mail-system|microsoftexchange[0-9a-f]{8,}|owner-[^@]+|"
    r"[^@]+-(?:owner|request|bounces?))@",
    re.IGNORECASE,
)
"""Mail systems and the keepers of lists (RFC 3834 2)."""

MOST_HOPS = 50
"""Servers a message passes at most before it is taken for one that goes round in circles (RFC 5321 6.3)."""

_WORDS_OF_DAEMONS = ("daemon", "postmaster", "owner", "request@", "bounce", "mail-system@", "microsoftexchange")
"""One of them stands in each of these; nearly every sender ends here, and plain words cost a tenth of an expression."""

_END_OF_WORD = re.compile(r"[;(\s]")
_QUIET_PRECEDENCE = frozenset({"bulk", "junk", "list", "auto_reply"})
_MARKS = frozenset(
    {
        "list-archive", "list-help", "list-id", "list-owner", "list-post", "list-subscribe", "list-unsubscribe",
        "x-autoreply", "x-autorespond", "x-mailing-list",
    }
)  # fmt: skip
"""Fields that only lists (RFC 2369, RFC 2919) and answering machines set.

X-Auto-Response-Suppress is none: it asks other machines not to answer ([MS-OXCMAIL] §2.1.3.2.20), and Exchange writes
it into what people send.
"""


def is_automatic(headers: Headers) -> str | None:
    """Why the message must not be answered by a machine, in a few words; `None` for a person's mail."""
    submitted = _first_word(headers.raw("auto-submitted"))
    if submitted and submitted != "no":
        return f"Auto-Submitted: {submitted}"
    precedence = _first_word(headers.raw("precedence"))
    if precedence in _QUIET_PRECEDENCE:
        return f"Precedence: {precedence}"
    if (return_path := headers.raw("return-path")) is not None and return_path.replace(" ", "") in ("<>", ""):
        return "null return path"
    if not _MARKS.isdisjoint(headers.names()):
        return f"{min(_MARKS & headers.names())} is set"
    return _report_or_loop(headers) or _daemon(headers)


def is_daemon(address: str) -> bool:
    """Whether an address is a mail system's or a list keeper's, whom nobody answers."""
    return _DAEMONS.match(address) is not None


def _report_or_loop(headers: Headers) -> str | None:
    if (headers.raw("content-type") or "")[:64].lower().startswith("multipart/report"):
        return "it is a report"
    if len(headers.raw_all("received")) > MOST_HOPS:
        return f"it came through more than {MOST_HOPS} servers"
    return None


def _daemon(headers: Headers) -> str | None:
    for name in ("from", "sender"):
        value = headers.raw(name)
        if value and _may_be_daemon(value.lower()) and any(map(is_daemon, bare_addresses(value))):
            return f"{name} is a mail system"
    return None


def _may_be_daemon(lowered: str) -> bool:
    for word in _WORDS_OF_DAEMONS:  # noqa: SIM110 - half the time of a generator, and asked of every message
        if word in lowered:
            return True
    return False


def _first_word(value: str | None) -> str:
    """The keyword of a field that may go on with parameters or comments."""
    return clean(_END_OF_WORD.split(value.strip(), maxsplit=1)[0].lower()[:40]) if value else ""
