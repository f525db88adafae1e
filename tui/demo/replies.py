"""What the demo sends: a friendly answer to each record."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from core.mail.addresses import bare_addresses
from core.mail.envelope import OutgoingEnvelope
from core.text import clean
from tui.demo.configuration import SENDERS

_UNFOLDED = SMTP.clone(max_line_length=998)
"""CPython 3.11 loses the spaces between encoded words where it folds a subject (gh-92081)."""


def reply_to(record: Mapping[str, Any]) -> tuple[OutgoingEnvelope, bytes] | None:
    """An answer to whoever a record came from; none where nobody is to be answered."""
    recipients = bare_addresses(str(record["customer"]))
    # Junk and automatic mail are not answered (RFC 3834 §2).
    if not recipients or record["queue"] == "Junk" or str(record["title"]).startswith("Out of office"):
        return None
    sender = SENDERS[record["queue"] == "Sales"]
    message = EmailMessage()
    message["From"] = sender
    message["To"] = recipients[0]
    message["Subject"] = f"[{record['type']}#{record['number']}] {clean(str(record['title']))}"
    message["Auto-Submitted"] = "auto-replied"
    message.set_content(f"Thank you for your mail. It is here as {record['type']} {record['number']}.\n")
    return OutgoingEnvelope(recipients=recipients[:1], sender=sender, notify=False), message.as_bytes(policy=_UNFOLDED)
