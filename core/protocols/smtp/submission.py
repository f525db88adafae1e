"""Handing one message to a relay: what is sent, and what came of it. Values only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from core.errors import UnsafeMessage, WireError
from core.mail.canonical import has_bare_ends
from core.protocols.smtp.reply import Reply


class Phase(StrEnum):
    """How far a submission came."""

    MAIL = "mail_from"
    """The sender."""
    RCPT = "rcpt_to"
    """The recipients."""
    DATA = "data"
    """The relay's leave to send the message."""
    DOT = "dot"
    """The message and its final dot."""


class SubmitResult(NamedTuple):
    """What became of one message; replies and broken connections are values, not exceptions."""

    phase: Phase
    """The step that decided."""
    reply: Reply | None
    """The reply that decided; None when the connection broke before it."""
    recipients: tuple[tuple[str, Reply | None], ...]
    """What was said to each recipient, in the order given; None: no answer came, or he was not asked, since the relay
    wanted no more."""
    taken: bool
    """The relay took the message for every recipient whose reply is positive."""
    dot_sent: bool
    """The final dot was handed to the network: the relay may have the message."""
    error: WireError | None = None
    """How the connection broke."""

    @property
    def uncertain(self) -> bool:
        """Nobody can know whether the relay took it: the connection broke between the dot and its reply."""
        return self.dot_sent and self.reply is None

    @property
    def answers(self) -> tuple[Reply, ...]:
        """What the relay itself said to recipients, in their order."""
        return tuple(reply for _, reply in self.recipients if reply is not None and not reply.is_ours)

    @property
    def accepted(self) -> tuple[str, ...]:
        """The recipients for whom the relay took it."""
        if not self.taken:
            return ()
        return tuple(address for address, reply in self.recipients if reply is not None and reply.is_positive)


_NO_XTEXT = re.compile(r"[^!-*,-<>-~]")
_DOT_FIRST = re.compile(rb"\n\.")
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0<>\u2028\u2029\ud800-\udfff]")


def checked_address(address: str) -> str:
    """Give an envelope address back, or refuse what could end the command or name somebody else.

    Raises:
        UnsafeMessage: it could.
    """
    if _UNSAFE.search(address):
        raise UnsafeMessage(f"The address {address!r} holds a space, an angle bracket or a control character.")
    return address


def checked_envelope(sender: str, recipients: Sequence[str]) -> None:
    """Refuse an envelope that cannot be said; an empty sender is the null sender (RFC 5321 §4.5.5).

    Raises:
        UnsafeMessage: it has no recipient, or an address could end the command.
    """
    if not recipients:
        raise UnsafeMessage("The message has no recipient.")
    checked_address(sender)
    for recipient in recipients:
        if not checked_address(recipient):
            raise UnsafeMessage("A recipient's address is empty.")


def xtext(text: str) -> str:
    """ASCII text as a parameter's value (RFC 3461 §4)."""
    if _NO_XTEXT.search(text) is None:
        return text  # as nearly all
    return _NO_XTEXT.sub(lambda found: f"+{ord(found.group()):02X}", text)


def stuffed(raw: bytes) -> bytes:
    """The message as DATA sends it (RFC 5321 §4.5.2): dots doubled, ended by a line with a dot.

    A CR or LF alone is refused: relays disagree on whether it ends a line, and what follows could become a second
    message (SMTP smuggling, CVE-2023-51764).

    Raises:
        UnsafeMessage: it holds one.
    """
    if has_bare_ends(raw):
        raise UnsafeMessage("The message holds a bare CR or LF; it must be made canonical before it is sent.")
    if _DOT_FIRST.search(raw) is not None:
        raw = raw.replace(b"\r\n.", b"\r\n..")
    if raw.startswith(b"."):
        raw = b"." + raw
    return raw + (b".\r\n" if raw.endswith(b"\r\n") or not raw else b"\r\n.\r\n")
