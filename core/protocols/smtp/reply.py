"""Replies of an SMTP server (RFC 5321 §4.2), with their enhanced codes (RFC 3463), as values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from core.text import bounded, clean

CLOSING = 421
"""The code of a reply that ends the session, to whatever command (RFC 5321 §3.8)."""

_LONGEST_TEXT = 500
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")


@dataclass(frozen=True)
class Reply:
    """One reply."""

    code: int
    """The three digits."""
    enhanced: str
    """`5.7.1`, or empty."""
    text: str
    """The rest, cleaned, its lines joined by spaces."""
    is_ours: bool = False
    """Whether no server said it: we refused by ourselves, knowing what the server cannot."""

    @property
    def is_positive(self) -> bool:
        """2yz: done."""
        return 200 <= self.code < 300

    @property
    def asks_for_more(self) -> bool:
        """3yz: go on, the message or the answer to a challenge is awaited."""
        return 300 <= self.code < 400

    @property
    def is_transient(self) -> bool:
        """4yz: may work later."""
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        """5yz: will not work."""
        return 500 <= self.code < 600

    @property
    def is_too_many(self) -> bool:
        """To RCPT: this transaction has its most recipients."""
        return is_too_many_recipients(self.code, self.enhanced, self.text)

    @property
    def is_too_many_messages(self) -> bool:
        """To MAIL: this connection has had its most messages, as OpenSMTPD says after a hundred (`max-mails`)."""
        return self.is_transient and (self.enhanced == "4.5.3" or "too many messages" in self.text.lower())

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced, self.text) if part)


def is_too_many_recipients(code: int, enhanced: str, text: str) -> bool:
    """Whether a reply to RCPT says that this transaction has its most recipients: the rest goes in another one.

    Old servers say 552 where 452 is meant; it is to be read as 452 (RFC 5321 §4.5.3.1.10).
    """
    if enhanced in ("4.5.3", "5.5.3"):  # RFC 3463 §3.6
        return code in (450, 451, 452, 550, 552)
    return code in (452, 552) and "too many" in text.lower() and not enhanced


@lru_cache(maxsize=512)
def parse_reply(lines: tuple[bytes, ...]) -> Reply | None:
    """A reply of these lines; None if they are none. Cached: most replies of a relay are a few, over and over."""
    code = lines[0][:3] if lines else b""
    if not code.isdigit() or not 200 <= int(code) < 600 or any(line[:3] != code for line in lines):
        return None
    texts = [clean(line[4:].decode(errors="replace").strip()) for line in lines]
    enhanced = ""
    if found := _ENHANCED.match(texts[0]):
        # Servers repeat the enhanced code on each line; once is enough.
        enhanced = found.group(1)
        texts = [text.removeprefix(enhanced).lstrip() for text in texts]
    return Reply(int(code), enhanced, bounded(" ".join(text for text in texts if text), _LONGEST_TEXT))
