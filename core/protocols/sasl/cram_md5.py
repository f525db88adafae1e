"""CRAM-MD5 (RFC 2195): a digest of the server's challenge, keyed with the password.

Whoever hears both can try passwords against them, the server proves nothing, and it must keep the password itself. It
is better than a password in clear, and than no way in.
"""

from __future__ import annotations

import hmac

from core.protocols.sasl.mechanism import Unproven
from core.protocols.sasl.text import refuse_breaks


class CramMd5:
    """One try to sign in by it."""

    name = "CRAM-MD5"
    speaks_first = False
    is_settled = True

    def __init__(self, username: str, password: str) -> None:
        self.has_shown = False
        self._username = refuse_breaks("user name", username)
        self._password = password

    def answer(self, challenge: bytes) -> bytes:
        """User name and digest.

        Raises:
            Unproven: the challenge is empty, so that anybody could have reckoned the digests beforehand.
        """
        if not challenge:
            raise Unproven("The server's challenge (CRAM-MD5) is empty; nothing was answered.")
        self.has_shown = True
        digest = hmac.new(self._password.encode(), challenge, "md5").hexdigest()
        return f"{self._username} {digest}".encode()
