"""How one message is said to one relay: the commands of its envelope and its bytes, by what the relay offers.

Pure: nothing is sent here. What follows from the replies is `exchange`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.mail.fitting import fitted, has_plain_header, is_fit, without_utf8_recipients
from core.mail.strict_address import needs_smtputf8
from core.protocols.smtp.submission import stuffed, xtext


class Wording:
    """A message that a relay with these features can take.

    Raises:
        UnsafeMessage: it must not leave as it is.
    """

    def __init__(
        self,
        offers: Callable[[str], bool],
        sender: str,
        recipients: Sequence[str],
        raw: bytes,
        envelope_id: str = "",
    ) -> None:
        self._offers = offers
        self._sender = sender
        self._envelope_id = envelope_id
        self._takes_utf8 = offers("SMTPUTF8")
        self.recipients = [one for one in recipients if self.can_name(one)]
        """Those who can be named here; the others fail alone."""
        self._needs_utf8 = needs_smtputf8(sender) or any(map(needs_smtputf8, self.recipients))
        self._is_ascii = raw.isascii()
        if not self._is_ascii or not is_fit(raw, takes_8bit=True):
            raw = self._fitting(raw)
            self._is_ascii = raw.isascii()
            # What is left are addresses, which have no other form.
            self._needs_utf8 = self._needs_utf8 or not has_plain_header(raw)
        self.data = stuffed(raw)
        """The message as DATA sends it, up to its final dot."""
        # Without the dots that only the way needs (RFC 1870 §5).
        self._size = len(raw)

    @property
    def can_be_said(self) -> bool:
        """Whether anybody can be named, and the sender too."""
        return bool(self.recipients) and (not self._needs_utf8 or self._takes_utf8)

    def can_name(self, address: str) -> bool:
        """Whether the relay understands such an address."""
        return self._takes_utf8 or not needs_smtputf8(address)

    def mail(self) -> bytes:
        """MAIL, without its line end."""
        line = f"MAIL FROM:<{self._sender}>"
        if self._offers("SIZE"):
            line += f" SIZE={self._size}"
        if not self._is_ascii and self._offers("8BITMIME"):
            line += " BODY=8BITMIME"
        if self._needs_utf8:
            line += " SMTPUTF8"
        if self._asks_for_reports:
            line += " RET=HDRS"
            if self._envelope_id:
                line += f" ENVID={xtext(self._envelope_id)}"
        return line.encode()

    def rcpt(self, recipient: str) -> bytes:
        """RCPT for one of them, without its line end."""
        line = f"RCPT TO:<{recipient}>"
        if self._asks_for_reports and recipient.isascii():
            # So that a report names the recipient as we do, wherever its mail is passed on to.
            line += f" ORCPT=rfc822;{xtext(recipient)}"
        return line.encode()

    @property
    def _asks_for_reports(self) -> bool:
        # Reports go to the sender; to the null sender there are none (RFC 3461 §4).
        return bool(self._sender) and self._offers("DSN")

    def _fitting(self, raw: bytes) -> bytes:
        """The message as this relay, and those behind it, can take it.

        A header in UTF-8 would bounce at the first relay on the way that knows no SMTPUTF8: it is asked for only where
        an address needs it anyway.
        """
        takes_8bit = self._offers("8BITMIME")
        fit = fitted(raw, takes_8bit=takes_8bit, takes_utf8=self._needs_utf8 and takes_8bit)
        return fit if self._takes_utf8 or has_plain_header(fit) else without_utf8_recipients(fit)
