"""Delivery status notifications (RFC 3464): what became of a message we sent, as another server tells it."""

import re
from dataclasses import dataclass
from enum import StrEnum
from textwrap import dedent

from core.mail.delivery_words import enhanced_status, status_in
from core.mail.headers import Headers, read_header_block, read_headers_and_body_start
from core.mail.message_ids import read_message_ids
from core.mail.parameters import read_parameterized
from core.mail.parts import MimePart, read_parts
from core.mail.refusal_words import is_about_address
from core.mail.returned_message import RETURNED_TYPES, message_id_after
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
        """Whether the address is why, as far as is known; else it is the message, its sender or the hour."""
        return is_about_address(self.status, self.diagnostic)


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


_OWN_CODE = re.compile(r"\b[45]\d\d[- ]'?([45]\.[1-7]\.\d{1,3})(?!\.?\d)")
"""A reply with its enhanced code: what the other server itself has said."""

_FIRST_FIELD = re.compile(
    r"^[ \t]*(?:Reporting-MTA|Original-Recipient|Final-Recipient):[ \t]", re.IGNORECASE | re.MULTILINE
)
_WHOM = ("original-recipient", "final-recipient")
_WHAT = ("action", "status", "diagnostic-code")
_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_CODE_POINT = re.compile(r"\\x\{(0?[0-9A-Fa-f]{2,5}|10[0-9A-Fa-f]{4})\}")
_LONGEST_REPORT = 256 * 1024
_MOST_RECIPIENTS = 1000
_MOST_REPORTS = 8
"""One is the rule; Netscape's server writes one for each recipient."""
_LONGEST_DIAGNOSTIC = 998


def read_bounce(headers: Headers, raw: bytes) -> Bounce | None:
    """The delivery status notification that a message is, or `None` when it is none (RFC 3464, RFC 6522)."""
    return read_report(raw) if read_parameterized(headers.raw("content-type")).value == "multipart/report" else None


def read_report(raw: bytes) -> Bounce | None:
    """The report that lies in a message, whatever that claims to be."""
    parts = read_parts(raw)
    reports = [part for part in parts if part.content_type.value in _STATUS_TYPES][:_MOST_REPORTS]
    groups = [group for part in reports for group in _field_groups(part.content(raw, _LONGEST_REPORT))]
    recipients = _recipients(groups)
    if not recipients:
        return None
    original = next((part for part in parts if part.content_type.value in RETURNED_TYPES), None)
    message_id = _original_message_id(raw, original) or message_id_after(raw, reports[-1].start)
    return Bounce(recipients, message_id, _envelope_id(groups))


def read_fields(text: str) -> tuple[BouncedRecipient, ...]:
    """The recipients of a report that stands in a text, after whatever else that says."""
    start = _FIRST_FIELD.search(text)
    lines = text[start.start() : start.start() + _LONGEST_REPORT].splitlines() if start else []
    return _recipients(_field_groups(dedent("\n".join(lines)).encode()))


def _recipients(groups: list[Headers]) -> tuple[BouncedRecipient, ...]:
    return tuple(filter(None, map(_recipient, groups)))[:_MOST_RECIPIENTS]


def _field_groups(report: bytes) -> list[Headers]:
    """The blocks of fields between blank lines: one on the message, then one for each recipient."""
    groups: list[Headers] = []
    rest = report.lstrip(b"\r\n")
    while rest and len(groups) <= _MOST_RECIPIENTS:
        fields, end = read_headers_and_body_start(rest)
        groups += _split(fields)
        if end == 0:
            break
        rest = rest[end:].lstrip(b"\r\n")
    return groups


def _split(fields: Headers) -> list[Headers]:
    """The block of each recipient, where no blank line stands between them, as in AOL's reports.

    Whom it names in two ways before it says what became of him is one.
    """
    blocks: list[list[tuple[str, str]]] = [[]]
    named: dict[str, str] = {}
    is_told = False
    for name, value in fields.raw_items():
        lowered = name.lower()
        if lowered in _WHOM and named.setdefault(lowered, value) != value and is_told:
            blocks.append([])
            named, is_told = {lowered: value}, False
        is_told = is_told or lowered in _WHAT
        blocks[-1].append((name, value))
    return [Headers(block) for block in blocks] if len(blocks) > 1 else [fields]


def _recipient(group: Headers) -> BouncedRecipient | None:
    named = [_address(group.get(name)) for name in _WHOM]
    # Of local users Postfix names what was typed, Exim the program or the file that took the place of the mailbox.
    address = next(filter(is_mailbox, named), "") or next(filter(None, named), "")
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
    # SendGrid's word for a message that it has given up.
    return Action.FAILED if said == "expired" else Action(said) if said in set(Action) else None


def is_mailbox(address: str) -> bool:
    """Whether what a report names has the form of an address; it may be a program or a file."""
    local, _, domain = address.rpartition("@")
    return bool(local and domain) and local[0] not in "|/" and " " not in domain


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
    """The status code; where servers leave it out or say 5.0.0, the diagnostic knows better.

    So it does where it quotes a code of the other server's: Sendmail makes 5.1.1 of each 550, IronPort 5.1.0.
    """
    found = enhanced_status(declared)
    if found.startswith("2"):
        return found
    quoted = [code for code in _OWN_CODE.findall(diagnostic) if code[0] == (found or code)[0] and code[-2:] != ".0"]
    if quoted and found not in quoted:
        return str(quoted[0])
    if found and not found.endswith(".0.0"):
        return found
    said = status_in(diagnostic)
    if said and found.startswith("4") and not enhanced_status(diagnostic):
        return f"4{said[1:]}"
    return said or found


def _original_message_id(raw: bytes, original: MimePart | None) -> str:
    if original is None:
        return ""
    returned = read_header_block(original.content(raw, _LONGEST_REPORT).lstrip(b"\r\n"))
    return next(iter(read_message_ids(returned.get("message-id"))), "")


def _envelope_id(groups: list[Headers]) -> str:
    found = (group.get("original-envelope-id") for group in groups)
    return bounded(next(filter(None, found), ""), _LONGEST_DIAGNOSTIC)
