"""A mechanism as the dialogues see it, and those that hand over password or token as they are."""

from __future__ import annotations

from typing import Protocol

from core.protocols.sasl.messages import by_token, plain
from core.protocols.sasl.text import refuse_breaks


class Unproven(Exception):
    """The server's messages are not those of somebody who knows the password; the text says how that shows."""


class Mechanism(Protocol):
    """One try to sign in: our side of a dialogue of challenges and answers (RFC 4422 §3)."""

    name: str
    """As servers announce it."""

    speaks_first: bool
    """Whether it needs no challenge to begin with."""

    has_shown: bool
    """Whether the password was used: a refusal is then about that, and not about the mechanism."""

    is_settled: bool
    """Whether the server may say yes now: it has proved what it has to prove."""

    def answer(self, challenge: bytes) -> bytes:
        """What to say to a challenge, the empty one to begin with.

        Raises:
            Unproven: the server is none that knows the password.
        """


class _Handed:
    """Says what it has, in so many messages, whatever the challenges are."""

    def __init__(self, name: str, *messages: bytes, speaks_first: bool, at_last: bytes = b"") -> None:
        self.name = name
        self.speaks_first = speaks_first
        self.has_shown = False
        self.is_settled = True
        self._messages = messages
        self._count = 0
        self._at_last = at_last

    def answer(self, challenge: bytes) -> bytes:
        """The next message."""
        self._count += 1
        self.has_shown = self._count >= len(self._messages)
        return self._messages[self._count - 1] if self._count <= len(self._messages) else self._at_last


def by_password(username: str, password: str) -> Mechanism:
    """PLAIN (RFC 4616)."""
    return _Handed("PLAIN", plain(username, password), speaks_first=True)


def by_two_answers(username: str, password: str) -> Mechanism:
    """LOGIN: first the user name, then the password. Never a standard; relays that know nothing else are many."""
    user, secret = refuse_breaks("user name", username), refuse_breaks("password", password)
    return _Handed("LOGIN", user.encode(), secret.encode(), speaks_first=False)


def with_token(name: str, username: str, token: str, host: str, port: int) -> Mechanism:
    """XOAUTH2 or OAUTHBEARER (RFC 7628).

    A refused token is told in a challenge, and the refusal itself follows our answer: an empty line for XOAUTH2;
    OAUTHBEARER has a byte for it (RFC 7628 §3.2.3).
    """
    message = by_token(name, username, token, host, port)
    return _Handed(name, message, speaks_first=True, at_last=b"\x01" if name == "OAUTHBEARER" else b"")
