"""What tells a sender that his message has failed: a report of RFC 3464, from the null sender."""

from __future__ import annotations

import quopri
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from secrets import token_hex

from core.mail.canonical import canonical_crlf
from core.mail.header_block import encode_text
from core.mail.headers import read_header_block
from core.mail.strict_address import strict_address
from core.text import bounded, clean

_MOST_HEADER = 16 * 1024
_HEADER_END = re.compile(rb"\r*\n\r*\n")
_NO_STATUS = "5.0.0"
_LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class FailedRecipient:
    """One recipient that the message did not reach, and why."""

    address: str
    reply_code: int | None
    enhanced_code: str
    text: str


def failure_notice(
    *,
    to: str,
    sent_from: str,
    host: str,
    message_id: str,
    failed: Sequence[FailedRecipient],
    original_id: str,
    raw: bytes,
    created_at: datetime,
    now: datetime,
) -> bytes:
    """The notice as it is put into the outbox; `raw` is the message, of which the header is returned.

    Raises:
        ValueError: an address cannot stand in a header.
    """
    subject = read_header_block(raw).get("subject") or "(no subject)"
    boundary = token_hex(16)
    fields = [
        f"From: Mail Delivery System <{strict_address(sent_from, allow_utf8=True)}>",
        f"To: {strict_address(to, allow_utf8=True)}",
        "Subject: " + encode_text(f"Not delivered: {bounded(subject, 200)}", len("Subject: ")).decode("ascii"),
        f"Date: {format_datetime(now)}",
        f"Message-ID: {message_id}",
        f"In-Reply-To: {_ascii(original_id)}",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{boundary}"',
    ]
    parts = (
        _part('text/plain; charset="utf-8"', _quoted(_words(subject, failed, created_at)), "quoted-printable"),
        _part("message/delivery-status", _status(host, failed, created_at, now)),
        _part("text/rfc822-headers", _original_header(raw)),
    )
    body = "".join(f"--{boundary}\n{part}\n" for part in parts) + f"--{boundary}--\n"
    return canonical_crlf(("\n".join(fields) + "\n\n" + body).encode())


def _part(content_type: str, content: str, encoding: str = "") -> str:
    field = f"Content-Transfer-Encoding: {encoding}\n" if encoding else ""
    return f"Content-Type: {content_type}\n{field}\n{content}"


def _words(subject: str, failed: Sequence[FailedRecipient], created_at: datetime) -> str:
    lines = [
        f'Your message "{clean(subject)}" of {created_at:%Y-%m-%d %H:%M} UTC was not delivered to:',
        "",
    ]
    lines += [f"  {one.address}\n    {_reason(one)}" for one in failed]
    lines += ["", "It is not tried again. Its header is returned below."]
    return "\n".join(lines) + "\n"


def _reason(one: FailedRecipient) -> str:
    parts = (str(one.reply_code or ""), one.enhanced_code, one.text)
    return bounded(clean(" ".join(part for part in parts if part)), _LONGEST_TEXT) or "no reason was given"


def _quoted(words: str) -> str:
    return quopri.encodestring(words.encode("utf-8", "replace")).decode("ascii")


def _status(host: str, failed: Sequence[FailedRecipient], created_at: datetime, now: datetime) -> str:
    """The part for machines (RFC 3464 §2.2, §2.3)."""
    groups = [f"Reporting-MTA: dns; {_ascii(host)}\nArrival-Date: {format_datetime(created_at)}\n"]
    for one in failed:
        lines = [
            f"Final-Recipient: {_typed(one.address)}",
            "Action: failed",
            f"Status: {one.enhanced_code or _status_of(one.reply_code)}",
            f"Last-Attempt-Date: {format_datetime(now)}",
        ]
        if one.reply_code is not None:
            lines.append(f"Diagnostic-Code: smtp; {_ascii(_reason(one))}")
        groups.append("\n".join(lines) + "\n")
    return "\n".join(groups)


def _typed(address: str) -> str:
    """An address with its type, in ASCII (RFC 3464 §2.1.2; RFC 6533 §3 for those beyond it)."""
    if address.isascii():
        return f"rfc822; {address}"
    return "utf-8; " + "".join(sign if sign.isascii() else f"\\x{{{ord(sign):X}}}" for sign in address)


def _status_of(reply_code: int | None) -> str:
    # Without a reply it was never taken until its lifetime was over: "delivery time expired" (RFC 3463 §3.5).
    return "4.4.7" if reply_code is None else _NO_STATUS


def _original_header(raw: bytes) -> str:
    end = _HEADER_END.search(raw, 0, _MOST_HEADER)
    header = canonical_crlf(raw[: end.start() if end else _MOST_HEADER]).replace(b"\r\n", b"\n")
    return header.decode("ascii", "replace").replace("\ufffd", "?").replace("\0", "?")


def _ascii(text: str) -> str:
    return clean(text).encode("ascii", "replace").decode("ascii")
