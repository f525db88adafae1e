"""What a return path holds for each message, so that a bounce leads back to it even when it quotes nothing.

A token is the message's number in base 36 and twelve letters that only this outbox can reckon: `2s-k3v7qxa5ml2e`. It is
all lower case and has no sign that servers treat specially, because some change the case of addresses on their way.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable
from functools import lru_cache
from hmac import compare_digest
from typing import Any

from sqlalchemy import Select, select
from sqlmodel import Session

from core.db.bulk import insert_missing, table_of
from core.models import Setting

SECRET = "system.return_token"  # noqa: S105 - the name of a setting
"""The setting that holds what tokens are reckoned with, in hexadecimal; made when the first is needed."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MAC_LETTERS = 12
"""Of five bits each: nobody guesses one by sending mail."""
_MAC_BYTES = 8
_NOT_SAID = 8 * _MAC_BYTES - 5 * _MAC_LETTERS
"""Bits of those that no letter is left for."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"  # base 32 (RFC 4648 §6), in lower case
_PAIRS = [one + other for one in _LETTERS for other in _LETTERS]
_PLACES = range(5 * _MAC_LETTERS - 10, -1, -10)
"""Where each two letters stand."""
_MOST_DIGITS = 13
# Bounded: whoever writes 16 kB of letters into an address would have each of them looked at once for each.
_TOKEN = re.compile(rf"([0-9a-z]{{1,{_MOST_DIGITS}}})-([a-z2-7]{{{_MAC_LETTERS}}})(?![0-9a-z])", re.IGNORECASE)


def token_of(secret: bytes, outgoing_id: int) -> str:
    """The token of a message by its row."""
    return f"{_base36(outgoing_id)}-{_mac(secret, outgoing_id)}"


def outgoing_id_in(secret: bytes, texts: Iterable[str]) -> int | None:
    """The row of the message whose token stands in one of these addresses or header values; `None`: none does."""
    for text in texts:
        for digits, mac in _TOKEN.findall(text.lower()):
            # Letters of the return path may stand right before it.
            for start in range(len(digits)):
                outgoing_id = int(digits[start:], 36)
                if compare_digest(_mac(secret, outgoing_id), mac):
                    return outgoing_id
    return None


def secret_of(session: Session) -> bytes | None:
    """What tokens are reckoned with; `None`: there never was a token."""
    value = session.connection().scalar(_stored())
    return bytes.fromhex(str(value)) if value else None


@lru_cache(maxsize=1)
def _stored() -> Select[Any]:
    table = table_of(Setting)
    return select(table.c.value).where(table.c.name == SECRET)


def made_secret(session: Session) -> bytes:
    """The same, made if it is not there yet."""
    insert_missing(session, Setting, [{"name": SECRET, "value": secrets.token_hex(32)}])
    secret = secret_of(session)
    assert secret is not None
    return secret


def _mac(secret: bytes, outgoing_id: int) -> str:
    reckoned = _keyed(secret).copy()
    reckoned.update(b"return path %d" % outgoing_id)
    bits = int.from_bytes(reckoned.digest()[:_MAC_BYTES], "big") >> _NOT_SAID
    return "".join([_PAIRS[bits >> place & 0x3FF] for place in _PLACES])


@lru_cache(maxsize=2)
def _keyed(secret: bytes) -> hmac.HMAC:
    """The MAC as it stands before any number: to begin with the secret each time takes longer than all the rest."""
    return hmac.new(secret, digestmod="sha256")


def _base36(number: int) -> str:
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
        if not number:
            return text
