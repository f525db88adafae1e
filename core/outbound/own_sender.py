"""Whether a message bears its mailbox's own addresses: to refuse those is to refuse the mailbox."""

from __future__ import annotations

from core.errors import UnsafeMessage
from core.mail.addresses import address_of, bare_addresses
from core.mail.charsets import decode
from core.mail.header_block import HeaderBlock
from core.outbound.decisions.compose import Composed
from core.outbound.route import Route


def bears_own_addresses(composed: Composed, route: Route, *, is_read: bool) -> bool:
    """Whether the senders that a relay knows of are the mailbox's own; `is_read`: it has the message, and its From."""
    own = {address_of(route.identity.default_sender).lower(), route.username.lower()} - {""}
    envelope_sender = composed.envelope.sender or ""
    # With a return path whatever the mailbox sends has that envelope sender; the null sender is the message's own.
    if envelope_sender.lower() not in own and not (envelope_sender and route.identity.return_path):
        return False
    return not is_read or all(address.lower() in own for address in _header_from(composed.raw))


def _header_from(raw: bytes) -> tuple[str, ...]:
    try:
        value = HeaderBlock.cut(raw).first(b"from") or b""
    except UnsafeMessage:
        return ()
    return bare_addresses(decode(value.replace(b"\r\n", b"")))
