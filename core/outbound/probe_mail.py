"""The message of a round trip: small, plain, and nothing that anyone would answer."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime

from core.outbox.probe_mark import HEADER

_TEXT = "A probe of Postroom's, sent to see whether mail arrives here. It makes no record and may be deleted."


def probe_mail(sender: str, recipient: str, mark: str, *, host: str, now: datetime) -> bytes:
    """Its bytes, canonical; sender and recipient must be strict addresses.

    Automatic replies are asked not to come (RFC 3834 §5).
    """
    lines = (
        f"From: <{sender}>",
        f"To: <{recipient}>",
        f"Subject: {subject_of(mark)}",
        f"Date: {format_datetime(now)}",
        f"Message-ID: <probe.{word_of(mark)}@{host}>",
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: All",
        f"{HEADER}: {mark}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        _TEXT,
        "",
    )
    return "\r\n".join(lines).encode("ascii")


def subject_of(mark: str) -> str:
    """The subject of the probe with this mark."""
    return f"Postroom round trip {word_of(mark)}"


def word_of(mark: str) -> str:
    """What the probe is looked for by on a server: one word, which stands in its subject."""
    return mark.partition("-")[0]
