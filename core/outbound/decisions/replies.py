"""What an SMTP reply means for the message: whose fault it is, and whether it is for good."""

from __future__ import annotations

import re
from enum import StrEnum

from core.outbound.decisions.provider_words import (
    is_about_its_domain,
    is_about_the_account,
    is_about_the_sender,
    is_greylisting,
)
from core.protocols.smtp.reply import CLOSING, is_too_many_recipients


class Blame(StrEnum):
    """Who is to blame for a refusal, and so what comes next."""

    MAILBOX = "mailbox"
    """The sending mailbox cannot send this now: it cools down, its failover is tried."""
    SENDER = "sender"
    """This mailbox may not send for this message's sender: another may, and this one goes on with its other mail."""
    RECIPIENT_PERMANENT = "recipient, permanent"
    """This recipient has failed; the others go on."""
    RECIPIENT_TRANSIENT = "recipient, transient"
    """This recipient is deferred and tried again by the same mailbox: greylisting remembers who asked."""
    TOO_LARGE = "too large"
    """The message is larger than this mailbox takes: another may take it, and this one does not cool down."""
    MESSAGE_PERMANENT = "message, permanent"
    """The message was refused for good: all its recipients have failed."""


_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_TRANSACTION = ("mail", "rcpt", "data", "dot")


def judge_reply(
    code: int, enhanced: str, text: str, phase: str, *, sender: str = "", is_own_sender: bool = False
) -> Blame:
    """Whose fault a refusal is (RFC 5321 §4.2.1).

    `phase` is where the dialogue stood: `mail`, `rcpt`, `data` (the command), `dot` (the message handed over); anything
    else comes before there is a message. `sender` is the envelope sender, to see whether the reply names it;
    `is_own_sender`: the message bears the mailbox's own addresses alone, so that a refusal of them meets all its mail.
    """
    enhanced = enhanced or _enhanced_in(text)
    is_about_this_message = phase in _TRANSACTION and code != CLOSING and 400 <= code < 600
    if not is_about_this_message:
        return Blame.MAILBOX
    if phase == "mail" and _is_about_size(code, enhanced):
        return Blame.TOO_LARGE
    return _by_words(code, enhanced, text, phase, sender, is_own_sender=is_own_sender) or _by_phase(code, phase)


def _by_words(code: int, enhanced: str, text: str, phase: str, sender: str, *, is_own_sender: bool) -> Blame | None:
    """Of a reply that tells more than its code."""
    if code < 500 and is_greylisting(text):
        return Blame.RECIPIENT_TRANSIENT  # wherever: some wait for the whole message
    if is_about_the_account(code, enhanced, text):
        return Blame.MAILBOX
    if phase == "rcpt" and (code < 500 or is_too_many_recipients(code, enhanced, text)):
        return Blame.RECIPIENT_TRANSIENT  # though it names the sender: so does greylisting
    if is_about_its_domain(enhanced):
        return Blame.SENDER
    if is_about_the_sender(enhanced, text, sender) or (phase == "mail" and _is_about_an_address(code)):
        return Blame.MAILBOX if is_own_sender else Blame.SENDER
    return None


def _by_phase(code: int, phase: str) -> Blame:
    """Of a reply that says no more than its code."""
    if phase == "mail" or code < 500:
        return Blame.MAILBOX
    return Blame.RECIPIENT_PERMANENT if phase == "rcpt" else Blame.MESSAGE_PERMANENT


def _is_about_size(code: int, enhanced: str) -> bool:
    # At MAIL 552 can only mean the size that was announced there (RFC 1870 §6.1); later it may mean a full mailbox.
    return 500 <= code < 600 and (enhanced == "5.3.4" or (code == 552 and enhanced in ("", "5.2.3")))


def _is_about_an_address(code: int) -> bool:
    # 553 is "mailbox name not allowed" (RFC 5321 §4.2.3); at MAIL the sender's is the only one known.
    return code == 553


def _enhanced_in(text: str) -> str:
    found = _ENHANCED.match(text)
    return found[1] if found else ""
