"""What a mail tells of one that we sent: by the fields of a report, in a server's own words, or by both."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.mail.body import read_own_body
from core.mail.bounce_signs import RETURNED
from core.mail.bounces import Action, Bounce, BouncedRecipient, is_mailbox, read_bounce, read_fields, read_report
from core.mail.free_text_bounces import LONGEST_NOTICE, is_from_mail_system, read_free_text_bounce
from core.mail.headers import Headers
from core.mail.returned_message import returned_message_id


def read_nondelivery(headers: Headers, raw: bytes) -> Bounce | None:
    """The bounce that a message is; `None` when it is none.

    Fields are believed before words. Words are asked where there are no fields, where these give no reason (Exim says
    5.0.0 whatever it was, also when it only gave up waiting), and to know a report that is not declared as one.
    """
    told = read_bounce(headers, raw)
    if told is not None and not any(map(_is_unexplained, told.recipients)):
        return told
    words = read_free_text_bounce(headers, raw)
    if told is not None:
        return _explained(told, words) if words is not None else told
    report = _undeclared_report(headers, raw) if words is not None or is_from_mail_system(headers) else None
    if words is None or report is None:
        return words or report
    # OpenSMTPD sends its reports as multipart/mixed, and that it has given up as a delay.
    return _explained(words, report)


def _undeclared_report(headers: Headers, raw: bytes) -> Bounce | None:
    """A report that is not declared as one, or whose fields stand in the text since the MIME around them is broken."""
    report = read_report(raw)
    if report is not None or not _has_fields(raw):
        return report
    body = read_own_body(raw, LONGEST_NOTICE)
    returned = RETURNED.search(body.text)
    end = returned.start() if returned else len(body.text)
    recipients = read_fields(body.text[:end])
    return Bounce(recipients, returned_message_id(headers, body, raw, end), "") if recipients else None


def _has_fields(raw: bytes) -> bool:
    return b"final-recipient:" in raw[: 4 * LONGEST_NOTICE].lower()


def _explained(told: Bounce, other: Bounce) -> Bounce:
    said = _by_address(told.recipients, other.recipients)
    recipients = tuple(
        _with_reason(one, said[one.address.lower()]) if one.address.lower() in said else one for one in told.recipients
    )
    return Bounce(
        recipients,
        told.original_message_id or other.original_message_id,
        told.original_envelope_id or other.original_envelope_id,
    )


def _by_address(told: Sequence[BouncedRecipient], other: Sequence[BouncedRecipient]) -> Mapping[str, BouncedRecipient]:
    """What the other one says of each; where both are about one recipient alone, they mean the same."""
    if len(told) == len(other) == 1:
        return {told[0].address.lower(): other[0]}
    return {one.address.lower(): one for one in other}


def _with_reason(told: BouncedRecipient, other: BouncedRecipient) -> BouncedRecipient:
    if not _is_unexplained(told):
        return told
    address = told.address if is_mailbox(told.address) else other.address
    status = told.status
    if _is_vague(status) and other.status:
        # A server that goes on trying has not taken the refusal for final.
        status = f"4{other.status[1:]}" if told.action is Action.DELAYED else other.status
    diagnostic = other.diagnostic if _is_mute(told) else told.diagnostic
    return replace(told, address=address, status=status, diagnostic=diagnostic)


def _is_unexplained(told: BouncedRecipient) -> bool:
    return told.is_failure and (_is_vague(told.status) or _is_mute(told) or not is_mailbox(told.address))


def _is_vague(status: str) -> bool:
    """Whether a status says no more than "for now" or "for good" (RFC 3463 §3.1)."""
    return not status or status.endswith(".0.0")


def _is_mute(told: BouncedRecipient) -> bool:
    # Of a program it started, Sendmail gives the exit status alone.
    return not told.diagnostic or told.diagnostic.isdigit()
