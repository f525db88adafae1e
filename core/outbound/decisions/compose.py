"""What leaves: the message as its mailbox sends it, and the envelope it travels in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import NamedTuple

from core.errors import UnsafeMessage
from core.mail.addresses import address_of, bare_addresses
from core.mail.canonical import canonical_crlf
from core.mail.charsets import decode
from core.mail.encoded_words import decode_words
from core.mail.header_block import HeaderBlock, encode_text
from core.mail.strict_address import ascii_domain, strict_address
from core.text import clean

LOOP_MARK = b"X-Postroom-Loop"
"""Names the host a message left through, so that its loop guard knows it when it comes back."""

_LOOP_MARK = LOOP_MARK.lower()

LAST_RESORT, DAEMON = "postroom", "mailer-daemon"
"""Who mail is from on this machine that nobody else is named for; the second with the null sender."""

TOKEN = "{token}"  # noqa: S105
"""Stands in a return path for what tells messages apart."""

# "Re", "Fwd" and their sisters, as mail programs write them in other languages; perhaps counted, as in "Re[2]:".
_ANSWER = re.compile(
    r"(?:(?:re|fwd?|aw|wg|antw|sv|vs|vb|rv|res|enc|tr|rif|odp|pd|ynt|回复|答复|转发)(?:\[\d{1,3}\]|\(\d{1,3}\))?\s*[:：]\s*)+",
    re.IGNORECASE,
)
_BCC = (b"bcc", b"resent-bcc")
_RETURN_PATH = b"return-path"
"""Only the last server writes it (RFC 5321 §4.4); one that is there is of the way a forwarded message came."""
_SAFE_MARK = re.compile(r"[!-~]{1,200}")


class Envelope(NamedTuple):
    """Who a message is from and for as the relay is told (RFC 5321 §3.3), never read from header fields."""

    sender: str | None
    """Empty: the null sender; `None`: whatever the mailbox says."""
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a mailbox puts on the messages it sends."""

    name: str = ""
    default_sender: str = ""
    """An address, perhaps with a name: `Support <support@example.org>`."""
    force_from: bool = False
    subject_prefix: str = ""
    bcc: tuple[str, ...] = ()
    return_path: str = ""
    """The envelope sender of all that leaves but the null sender's; may hold `{token}`."""
    mime_script: str = ""
    """The file in the scripts folder that may change each message; see `core.outbound.scripts`."""


class Composed(NamedTuple):
    """A message ready to be submitted."""

    raw: bytes
    """In canonical CRLF; dots are not stuffed."""
    envelope: Envelope
    """With its sender decided, and without `bcc`."""
    bcc: tuple[str, ...] = ()
    """The mailbox's Bcc addresses that are no recipients anyway: in the envelope, never in a header."""
    warnings: tuple[str, ...] = ()
    envelope_id: str = ""
    """What reports of its delivery name (RFC 3461)."""


def compose(
    raw: bytes,
    identity: Identity,
    envelope: Envelope,
    *,
    message_id: str,
    dated: datetime,
    host_mark: str,
    replace_from: bool = False,
    token: str = "",
) -> Composed:
    """Dress a message as its mailbox sends it. `replace_from`: no mailbox is for its From, so it gets this one's.

    `dated` is its Date, if it has none: when it was handed in, or was to leave first; the same at every try.

    Raises:
        UnsafeMessage: an address or header holds what must not leave.
    """
    block = HeaderBlock.cut(canonical_crlf(raw))
    block.remove(*_BCC, _RETURN_PATH)
    own_address = address_of(identity.default_sender)
    warnings = _dress_from(block, identity, envelope, own_address, replace=replace_from)
    warnings += _fill_in_from(block, identity, envelope, host_mark)
    sender = _envelope_sender(block, identity, envelope, own_address, token)
    _prefix_subject(block, identity.subject_prefix)
    if not block.holds(b"date"):
        block.replace(b"Date", _date_of(dated.replace(microsecond=0)))
    if not block.holds(b"message-id"):
        block.replace(b"Message-ID", message_id.encode("ascii", "replace"))
    _mark(block, host_mark)
    recipients = tuple(dict.fromkeys([_strict(recipient) for recipient in envelope.recipients]))
    bcc = _bcc_beside(recipients, identity.bcc) if identity.bcc else ()
    return Composed(block.assemble(), Envelope(sender, recipients), bcc, warnings, token)


def with_script_applied(composed: Composed, raw: bytes, *, host_mark: str) -> Composed:
    """What a script made of a composed message, with what no script decides: no Bcc field, our mark, what must be."""
    block = HeaderBlock.cut(canonical_crlf(raw))
    block.remove(*_BCC)
    before = HeaderBlock.cut(composed.raw)
    for name in (b"From", b"Date", b"Message-ID"):
        value = before.first(name.lower())
        if value is not None and not (block.first(name.lower()) or b"").strip():
            block.replace(name, value.strip())
    _mark(block, host_mark)
    return composed._replace(raw=block.assemble())


def from_address(raw_from: str | None, envelope_sender: str | None) -> str:
    """The address that picks the mailbox: the first in From, without one the envelope sender."""
    return next(iter(bare_addresses(raw_from)), "") if raw_from else (envelope_sender or "")


def prefixed(subject: str, prefix: str) -> str:
    """A decoded subject with the prefix before it, after any Re:, Fwd:, AW:, unless it stands there already."""
    prefix = clean(prefix).strip()
    answers = _ANSWER.match(subject)
    lead = answers.group() if answers else ""
    rest = subject[len(lead) :]
    if not prefix or rest.startswith(prefix):
        return subject
    return f"{lead.rstrip()} {prefix} {rest}".strip()


def _dress_from(
    block: HeaderBlock, identity: Identity, envelope: Envelope, own_address: str, *, replace: bool
) -> tuple[str, ...]:
    """Put the mailbox's own From in the place of what is there; that becomes Reply-To."""
    if not (identity.force_from or replace) or not block.holds(b"from"):
        return ()
    value, own = block.first(b"from") or b"", identity.default_sender
    if not own_address:
        text = f"From was not replaced: mailbox {identity.name} has no default sender."
        return (clean(text),)
    old = [address.lower() for address in bare_addresses(_text_of(value))]
    if old != [own_address.lower()]:
        if old and not (block.first(b"reply-to") or b"").strip():
            block.replace(b"Reply-To", value.strip())
        block.replace(b"From", _address_field(own))
        # It would name a sender that this mailbox is not, and relays compare it with the login too.
        block.remove(b"sender")
    if replace:
        shown = clean(", ".join(old))
        return (f"From {shown} was replaced by {own_address}: no mailbox is for that address.",)
    return ()


def _fill_in_from(block: HeaderBlock, identity: Identity, envelope: Envelope, host_mark: str) -> tuple[str, ...]:
    """A message without From gets one (RFC 5322 §3.6 wants it): the mailbox's own, else the envelope sender.

    Where there is neither, it is this machine's, as with other mail servers: what is refused for it comes back with the
    reason, while a message that is not sent at all is missed by nobody.
    """
    if block.holds(b"from"):
        return ()
    if filling := identity.default_sender or envelope.sender:
        block.replace(b"From", _address_field(filling))
        return ()
    filling = f"{LAST_RESORT if envelope.sender is None else DAEMON}@{_domain_of(host_mark)}"
    block.replace(b"From", filling.encode())
    text = f"From was missing, and mailbox {identity.name} has no default sender: it is {filling}."
    return (clean(text),)


def _envelope_sender(block: HeaderBlock, identity: Identity, envelope: Envelope, own_address: str, token: str) -> str:
    if envelope.sender == "":
        return ""
    if identity.return_path:
        return _strict(identity.return_path.replace(TOKEN, token))
    sender = envelope.sender or own_address or from_address(_text_of(block.first(b"from") or b""), "")
    return _strict(sender) if sender else ""


def _prefix_subject(block: HeaderBlock, prefix: str) -> None:
    if not prefix.strip():
        return
    subject = clean(decode_words(_text_of(block.first(b"subject") or b""))).strip()
    changed = prefixed(subject, prefix)
    if changed != subject:
        block.replace(b"Subject", encode_text(changed, len("Subject: ")))


def _bcc_beside(recipients: tuple[str, ...], addresses: tuple[str, ...]) -> tuple[str, ...]:
    """A mailbox's Bcc addresses that are no recipients anyway."""
    known = {recipient.lower() for recipient in recipients}
    bcc = dict.fromkeys(_strict(address) for address in addresses)
    return tuple(address for address in bcc if address.lower() not in known)


@lru_cache(maxsize=16)
def _date_of(second: datetime) -> bytes:
    return format_datetime(second).encode()


def _mark(block: HeaderBlock, host_mark: str) -> None:
    """Leave our mark once; other hosts' marks are theirs to find."""
    mark = _mark_of(host_mark)
    block.remove(_LOOP_MARK, value=mark)
    block.add(LOOP_MARK, mark)


@lru_cache(maxsize=4)
def _mark_of(host_mark: str) -> bytes:
    if not _SAFE_MARK.fullmatch(host_mark):
        raise UnsafeMessage("The message was not sent: this host's mark is empty or holds other than printable ASCII.")
    return host_mark.encode("ascii")


def _address_field(text: str) -> bytes:
    """An address, perhaps with a name, as the value of a field."""
    address = address_of(text)
    name = clean(text.rpartition("<")[0]).strip().strip('"').strip() if "<" in text else ""
    if not name:
        return _strict(address).encode()
    if name.isascii() and "=?" not in name:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{_strict(address)}>'.encode()
    return encode_text(name, len("From: ")) + f"\r\n <{_strict(address)}>".encode()


def _strict(address: str) -> str:
    try:
        return strict_address(address, allow_utf8=True)
    except ValueError as error:
        raise UnsafeMessage(f"The message was not sent: {error}") from error


def _domain_of(host_mark: str) -> str:
    try:
        return ascii_domain(host_mark)
    except ValueError:
        return "localhost"


def _text_of(value: bytes) -> str:
    """A field's value unfolded, in the charset it seems to be in."""
    return decode(value.replace(b"\r\n", b"")).strip()
