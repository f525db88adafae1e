"""Whether a message was sent by a machine, so that no machine answers it (RFC 3834 2)."""

import re

from core.mail.addresses import bare_addresses
from core.mail.headers import Headers

_DAEMONS = re.compile(
    r"(?:mailer-daemon|postmaster|daemon|mdaemon|mail-system|microsoftexchange[0-9a-f]{8,}|owner-[^@]+|"
    r"[^@]+-(?:owner|request|bounces?))@",
    re.IGNORECASE,
)
"""Mail systems and the keepers of lists (RFC 3834 2)."""

MOST_HOPS = 50
"""Servers a message passes at most before it is taken for one that goes round in circles (RFC 5321 6.3)."""

_MAY_BE_DAEMON = re.compile(r"(?:daemon|postmaster|system|owner|request|bounces?|[0-9a-f]{8})@|owner-", re.IGNORECASE)
"""Found in each of these; nearly every sender ends here."""

_QUIET_PRECEDENCE = frozenset({"bulk", "junk", "list", "auto_reply"})
_MARKS = frozenset(
    {
        "list-archive", "list-help", "list-id", "list-owner", "list-post", "list-subscribe", "list-unsubscribe",
        "x-auto-response-suppress", "x-autoreply", "x-autorespond", "x-mailing-list",
    }
)  # fmt: skip
"""Fields that only lists (RFC 2369, RFC 2919) and answering machines set."""


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
    if marks := _MARKS & headers.names():
        return f"{min(marks)} is set"
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
        if value and _MAY_BE_DAEMON.search(value) and any(_DAEMONS.match(address) for address in bare_addresses(value)):
            return f"{name} is a mail system"
    return None


def _first_word(value: str | None) -> str:
    """The keyword of a field that may go on with parameters or comments."""
    return re.split(r"[;(\s]", value.strip(), maxsplit=1)[0].lower()[:40] if value else ""
