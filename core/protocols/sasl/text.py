"""What stands around SASL's messages: how they go over the wire, and what must neither enter nor leave them."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from core.errors import BadInput
from core.secret import MASK


def encoded(message: bytes) -> bytes:
    """As it goes over the wire."""
    return base64.b64encode(message)


def decoded(challenge: bytes) -> bytes:
    """A server's challenge; what is no base64 is empty, as it is where a mechanism needs none."""
    try:
        return base64.b64decode(challenge.strip(), validate=True)
    except ValueError:
        return b""


def refuse_breaks(what: str, value: str) -> str:
    """Give the value back, or refuse it: CR, LF and NUL would end the command and begin another.

    Raises:
        BadInput: it holds one of them.
    """
    if "\r" in value or "\n" in value or "\0" in value:
        raise BadInput(f"The {what} holds a line break or NUL, which cannot be sent to a server.")
    return value


def refuse_nul(*values: str) -> None:
    """PLAIN separates its parts by NUL, so none may hold one."""
    for value in values:
        refuse_breaks("user name or password", value)


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """A server's words without the secrets it may repeat, also in base64."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK).replace(base64.b64encode(secret.encode()).decode(), MASK)
    return text
