"""Offering by a signed POST."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from core.errors import WireError
from core.handoff.receiver import SECONDS, TAKEN, Reception, out_of_reach, refused
from core.protocols.https_post import post, read_web_address
from core.protocols.tls import TlsTrust
from core.secret import Secret

_BUSY = frozenset({429, 502, 503, 504})
"""Statuses that speak of the receiver as a whole, not of this offer (RFC 9110 §15, RFC 6585 §4)."""


def signature(secret: Secret, timestamp: str, document: bytes) -> str:
    """`sha256=` and the HMAC-SHA256, in hex, of timestamp, a dot and the document."""
    signed = hmac.new(secret.reveal().encode(), f"{timestamp}.".encode() + document, hashlib.sha256)
    return f"sha256={signed.hexdigest()}"


def offer_by_post(
    url: str,
    secret: Secret | None,
    document: bytes,
    now: datetime,
    *,
    delivery_id: int = 0,
    event: str = "",
    seconds: float = SECONDS,
    trust: TlsTrust | None = None,
) -> Reception:
    """Post a document, signed; taken when the receiver answers 2xx."""
    if not secret:
        return out_of_reach("It has no secret, and what is posted is signed with one. Set it.")
    timestamp = str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "X-Postroom-Delivery": str(delivery_id),
        "X-Postroom-Event": event,
        "X-Postroom-Timestamp": timestamp,
        "X-Postroom-Signature": signature(secret, timestamp, document),
    }
    try:
        answer = post(read_web_address(url), document, headers, seconds=seconds, trust=trust)
    except ValueError as error:
        return out_of_reach(f"Its address {error}")
    except WireError as error:
        return out_of_reach(str(error))
    if answer.is_taken:
        return TAKEN
    moved = " Redirects are not followed." if 300 <= answer.status < 400 else ""
    text = f"The receiver answered {answer}.{moved}"
    return out_of_reach(text) if answer.status in _BUSY else refused(text)
