"""Delivery status notifications (RFC 3464): what became of a message we sent, as another server tells it."""

import re
from dataclasses import dataclass
from enum import StrEnum

from core.mail.delivery_words import enhanced_status, status_in
from core.mail.headers import Headers, read_header_block, read_headers_and_body_start
from core.mail.message_ids import read_message_ids
from core.mail.parameters import read_parameterized
from core.mail.parts import MimePart, read_parts
from core.text import bounded, clean


class Action(StrEnum):
    """What the reporting server did for a recipient (RFC 3464 2.3.3)."""

    FAILED = "failed"
    """Given up: it was not delivered and will not be."""

    DELAYED = "delayed"
    """Not delivered yet; the server goes on trying."""

    DELIVERED = "delivered"
    """In the recipient's mailbox."""

    RELAYED = "relayed"
    """Passed on to a server that sends no such reports."""

    EXPANDED = "expanded"
    """Passed on to the members of a list."""


@dataclass(frozen=True, slots=True)
class BouncedRecipient:
    """What a report says of one recipient."""

    address: str
    """Who it is about; the address it was sent to, where the report names it."""

    action: Action
    """What was done."""

    status: str
    """The enhanced status code (RFC 3463), such as 5.1.1; empty if the report holds none."""

    diagnostic: str
    """The other server's words, cleaned and bounded; may be empty."""

    @property
    def is_failure(self) -> bool:
        """Whether it went wrong, for now or for good."""
        return self.action in (Action.FAILED, Action.DELAYED)

    @property
    def is_hard(self) -> bool:
        """Whether trying again is pointless: failed, with a permanent status."""
        return self.action is Action.FAILED and self.status.startswith("5")

    @property
    def is_about_the_address(self) -> bool:
        """Whether the address is why, as far as is known; else the message, or who sent it: the next may arrive."""
        return _NOT_THE_ADDRESS.match(self.status) is None


@dataclass(frozen=True, slots=True)
class Bounce:
    """A report on one message of ours."""

    recipients: tuple[BouncedRecipient, ...]
    """At least one."""

    original_message_id: str
    """Of the message it is about, with angle brackets; empty if the report does not return it."""

    original_envelope_id: str
    """The ENVID it was sent with (RFC 3461); empty if none."""

    @property
    def is_failure(self) -> bool:
        """Whether something went wrong: a report may also say that all was delivered."""
        return any(recipient.is_failure for recipient in self.recipients)

    @property
    def is_hard(self) -> bool:
        """Whether some recipient can never be reached."""
        return any(recipient.is_hard for recipient in self.recipients)


_NOT_THE_ADDRESS = re.compile(r"[45]\.(?:1\.[78]|2\.3|3\.4|6\.\d+|7\.\d+)$")
"""The sender's address, the message's size, its content, policy and authentication (RFC 3463 §3)."""

_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_ORIGINAL_TYPES = ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers")
_CODE_POINT = re.compile(r"\\x\{(0?[0-9A-Fa-f]{2,5}|10[0-9A-Fa-f]{4})\}")
_LONGEST_REPORT = 256 * 1024
_MOST_RECIPIENTS = 1000
_LONGEST_DIAGNOSTIC = 998


def read_bounce(headers: Headers, raw: bytes) -> Bounce | None:
    """The delivery status notification that a message is, or `None` when it is none (RFC 3464, RFC 6522)."""
    return read_report(raw) if read_parameterized(headers.raw("content-type")).value == "multipart/report" else None


def read_report(raw: bytes) -> Bounce | None:
    """The report that lies in a message, whatever that claims to be."""
    parts = read_parts(raw)
    status = next((part for part in parts if part.content_type.value in _STATUS_TYPES), None)
    if status is None:
        return None
    groups = _field_groups(status.content(raw, _LONGEST_REPORT))
    recipients = tuple(filter(None, map(_recipient, groups)))[:_MOST_RECIPIENTS]
    if not recipients:
        return None
    original = next((part for part in parts if part.content_type.value in _ORIGINAL_TYPES), None)
    return Bounce(recipients, _original_message_id(raw, original), _envelope_id(groups))


def _field_groups(report: bytes) -> list[Headers]:
    """The blocks of fields between blank lines: one on the message, then one for each recipient."""
    groups: list[Headers] = []
    rest = report.lstrip(b"\r\n")
    while rest and len(groups) <= _MOST_RECIPIENTS:
        fields, end = read_headers_and_body_start(rest)
        groups.append(fields)
        if end == 0:
            break
        rest = rest[end:].lstrip(b"\r\n")
    return groups


def _recipient(group: Headers) -> BouncedRecipient | None:
    address = _address(group.get("original-recipient")) or _address(group.get("final-recipient"))
    # Where a field is folded, Postfix indents it.
    diagnostic = " ".join(_typed(group.get("diagnostic-code")).split())
    status = _status(group.get("status") or "", diagnostic)
    action = _action(group.get("action") or "", status)
    return BouncedRecipient(address, action, status, diagnostic) if address and action is not None else None


def _action(declared: str, status: str) -> Action | None:
    """What was done; Haraka leaves it out where it reports on several recipients."""
    said = declared.partition(" ")[0].partition(";")[0].lower()
    if not said:
        return Action.DELIVERED if status.startswith("2") else Action.FAILED
    return Action(said) if said in set(Action) else None


def _address(value: str | None) -> str:
    """An address; of the type utf-8 its letters beyond ASCII may be written as `\\x{FC}` (RFC 6533 §3)."""
    address = _typed(value)
    if not (value or "").lstrip().lower().startswith("utf-8"):
        return address
    return _CODE_POINT.sub(lambda found: clean(chr(int(found[1], 16))), address)


def _typed(value: str | None) -> str:
    """What follows the type in `rfc822; user@example.org`."""
    kind, semicolon, text = (value or "").partition(";")
    return bounded((text if semicolon else kind).strip().strip("<>"), _LONGEST_DIAGNOSTIC)


def _status(declared: str, diagnostic: str) -> str:
    """The status code; where servers leave it out or say 5.0.0, the diagnostic knows better."""
    found = enhanced_status(declared)
    if found and (found.startswith("2") or not found.endswith(".0.0")):
        return found
    said = status_in(diagnostic)
    if said and found.startswith("4") and not enhanced_status(diagnostic):
        return f"4{said[1:]}"
    return said or found


def _original_message_id(raw: bytes, original: MimePart | None) -> str:
    if original is None:
        return ""
    returned = read_header_block(original.content(raw, _LONGEST_REPORT))
    return next(iter(read_message_ids(returned.get("message-id"))), "")


def _envelope_id(groups: list[Headers]) -> str:
    found = (group.get("original-envelope-id") for group in groups)
    return bounded(next(filter(None, found), ""), _LONGEST_DIAGNOSTIC)
