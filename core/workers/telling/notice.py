"""What people and programs are told of alerts: one mail for all of a moment, a document each; values in, bytes out."""

from __future__ import annotations

import json
import quopri
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from core.mail.canonical import canonical_crlf
from core.mail.header_block import encode_text
from core.mail.strict_address import strict_address
from core.outbox.probe_mark import ALERT_HEADER
from core.text import bounded, clean

_LONGEST_SUBJECT = 120
_LONGEST_TEXT = 2000


@dataclass(frozen=True)
class Told:
    """One alert as it is told."""

    id: int
    subject: str
    """What it is about: `account:support`."""
    text: str
    opened_at: datetime
    closed_at: datetime | None

    @classmethod
    def of(cls, row: Any) -> Told:
        """As its row has it."""
        return cls(row.id, row.subject, row.text, row.opened_at, row.closed_at)


def notice(alerts: Sequence[Told], *, to: Sequence[str], host: str, now: datetime, mark: str) -> bytes:
    """One mail about all of these, those that are open first; without From, which the sending mailbox has.

    It says that it is automatic (RFC 3834 §5), so that no answer comes back and no loop begins; by `mark` we know it
    again, should we fetch the mail of one of these addresses.

    Raises:
        ValueError: an address cannot stand in a header.
    """
    opened = [one for one in alerts if one.closed_at is None]
    closed = [one for one in alerts if one.closed_at is not None]
    lines = [_paragraph(one) for one in [*opened, *closed]]
    lines.append(f"Postroom on {clean(host)}. What is open now: postroom list alert")
    fields = [
        "To: " + ",\r\n ".join(strict_address(one) for one in to),
        "Subject: " + encode_text(_headline(opened, closed, host), len("Subject: ")).decode("ascii"),
        f"Date: {format_datetime(now)}",
        "Auto-Submitted: auto-generated",
        f"{ALERT_HEADER}: {mark}",
        "MIME-Version: 1.0",
        'Content-Type: text/plain; charset="utf-8"',
        "Content-Transfer-Encoding: quoted-printable",
    ]
    body = quopri.encodestring("\n\n".join(lines).encode("utf-8", "replace") + b"\n")
    return canonical_crlf("\r\n".join([*fields, "", ""]).encode("ascii") + body)


def document(alert: Told, host: str) -> bytes:
    """What the command reads on its input: the alert as it is now."""
    told = {
        "event": "opened" if alert.closed_at is None else "closed",
        "id": alert.id,
        "subject": alert.subject,
        "text": alert.text,
        "opened_at": alert.opened_at.isoformat(),
        "closed_at": alert.closed_at.isoformat() if alert.closed_at is not None else None,
        "host": host,
    }
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"


def _headline(opened: Sequence[Told], closed: Sequence[Told], host: str) -> str:
    if len(opened) + len(closed) == 1:
        (only,) = [*opened, *closed]
        what = only.text if opened else f"passed: {only.text}"
    else:
        counts = ((len(opened), "new"), (len(closed), "passed"))
        what = "alerts: " + ", ".join(f"{count} {how}" for count, how in counts if count)
    return bounded(clean(f"[Postroom {host}] {what}"), _LONGEST_SUBJECT)


def _paragraph(alert: Told) -> str:
    text = bounded(clean(alert.text), _LONGEST_TEXT)
    if alert.closed_at is None:
        return f"Since {_moment(alert.opened_at)}: {text}"
    return f"Passed at {_moment(alert.closed_at)}, after it began at {_moment(alert.opened_at)}: {text}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
