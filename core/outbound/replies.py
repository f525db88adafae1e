"""What an SMTP reply means for the message: whose fault it is, and whether it is for good."""

from __future__ import annotations

import re
from enum import StrEnum

from core.protocols.smtp_reply import is_too_many_recipients


class Fault(StrEnum):
    """Who is to blame for a refusal, and so what comes next."""

    MAILBOX = "mailbox"
    """The sending mailbox cannot send this now: it cools down, its failover is tried."""
    RECIPIENT_PERMANENT = "recipient, permanent"
    """This recipient has failed; the others go on."""
    RECIPIENT_TRANSIENT = "recipient, transient"
    """This recipient is deferred and tried again by the same mailbox: greylisting remembers who asked."""
    TOO_LARGE = "too large"
    """The message is larger than this mailbox takes: another may take it, and this one does not cool down."""
    MESSAGE_PERMANENT = "message, permanent"
    """The message was refused for good: all its recipients have failed."""


_ABOUT_THE_SENDER = frozenset({"5.1.7", "5.1.8", "5.2.252", "5.7.60"})
"""Enhanced codes that say the sender may not send (RFC 3463 §3.2; the last two are Exchange's)."""

# "5.7.1" says only "not allowed": it is about the sender when its text says so.
_NAMES_THE_SENDER = re.compile(
    r"\b(?:sender|send[\s-]?as|send on behalf|(?:mail|envelope)[\s-]?from|from[\s-](?:address|header)|return[\s-]path)",
    re.IGNORECASE,
)
_EXCHANGE_SENDER = re.compile(
    r"SendAsDenied|does not have permissions? to send as|not allowed to send as", re.IGNORECASE
)
"""Exchange says "5.2.252 SendAsDenied" also behind another code, within its text."""
_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_AFTER_DATA = frozenset({"data", "dot"})


def judge_reply(code: int, enhanced: str, text: str, phase: str, *, sender: str = "") -> Fault:
    """Whose fault a refusal is (RFC 5321 §4.2.1).

    `phase` is where the dialogue stood: `rcpt`, `data` (the command), `dot` (the message handed over); anything else
    comes before there is a recipient. `sender` is the envelope sender, to see whether the reply names it.
    """
    enhanced = enhanced or _enhanced_in(text)
    if phase == "mail" and _is_about_size(code, enhanced):
        return Fault.TOO_LARGE
    if phase not in ("rcpt", "data", "dot") or code == 421 or not 400 <= code < 600:
        return Fault.MAILBOX
    if _is_about_the_sender(enhanced, text, sender):
        return Fault.MAILBOX
    is_permanent = code >= 500
    if phase in _AFTER_DATA:
        return Fault.MESSAGE_PERMANENT if is_permanent else Fault.MAILBOX
    if is_permanent and not is_too_many_recipients(code, enhanced, text):
        return Fault.RECIPIENT_PERMANENT
    return Fault.RECIPIENT_TRANSIENT


def _is_about_size(code: int, enhanced: str) -> bool:
    # At MAIL 552 can only mean the size that was announced there (RFC 1870 §6.1); later it may mean a full mailbox.
    return 500 <= code < 600 and (enhanced == "5.3.4" or (code == 552 and enhanced in ("", "5.2.3")))


def _is_about_the_sender(enhanced: str, text: str, sender: str) -> bool:
    if enhanced in _ABOUT_THE_SENDER or _EXCHANGE_SENDER.search(text):
        return True
    if enhanced != "5.7.1":
        return False
    return _NAMES_THE_SENDER.search(text) is not None or _names(sender, text)


def _names(sender: str, text: str) -> bool:
    """Whether a reply names the sender, and not as the recipient of a message to himself."""
    lowered = text.lower()
    return bool(sender) and sender.lower() in lowered and "recipient" not in lowered


def _enhanced_in(text: str) -> str:
    found = _ENHANCED.match(text)
    return found[1] if found else ""
