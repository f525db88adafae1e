"""Bounces in a server's own words: those that come without a report for machines (RFC 3464)."""

import re
from dataclasses import replace

from core.mail.body import Body, read_own_body
from core.mail.bounce_forms import FORMS, UNKNOWN, BounceForm
from core.mail.bounce_signs import FAILURE, RECEIPT, REQUESTED, RETURNED
from core.mail.bounces import Bounce
from core.mail.headers import Headers
from core.mail.notice_recipients import only_recipient_in, recipients_in
from core.mail.parameters import read_parameterized
from core.mail.returned_message import RETURNED_TYPES, only_recipient, returned_message_id

LONGEST_NOTICE = 64 * 1024
"""Characters of a message that are read; what a server says comes before what it returns."""

_LINES_BEFORE = 15
"""Non-blank lines that may stand before a mail system's own words: greetings, banners, the name of the host."""

_HEADING = 3
"""As many where sender and subject say what it is, though the sender may be a person."""

_LIST_MARKS = frozenset({"list-id", "list-post", "list-unsubscribe", "x-mailman-version", "mailing-list"})
_OTHER_REPORTS = ("disposition-notification", "feedback-report")
_SYSTEM = re.compile(
    r"\b(?:mail(?:er)?[-_.]?daemon|mdaemon|microsoftexchange[0-9a-f]{8}|MMDF|mail[-_]?system)\S{0,80}@|"
    r"\bmailer-daemon\b|mail delivery (?:sub)?system|delivery subsystem",
    re.IGNORECASE,
)
"""Senders that are never persons."""

_POSTMASTER = re.compile(
    r"\bpostmaster\b|system administrator|mail (?:administrator|router|system)|undeliver", re.IGNORECASE
)
"""Senders that may be persons."""

_WORDS_OF_SYSTEMS = (
    "daemon",
    "postmaster",
    "system",
    "microsoftexchange",
    "mmdf",
    "undeliver",
    "administrator",
    "router",
)
"""One of them stands in each of these senders."""

_FAILURE_SUBJECT = re.compile(
    r"undeliver|unzustellbar|delivery (?:status|fail|has|notif|problem|error)|deliver(?:y|ed)? ?fail|"
    r"returned (?:mail|to)|failure notice|mail (?:delivery|system|failure|could)|(?:not|n't) (?:be )?deliver|"
    r"returning message|message status|non remis|no entregad|delayed|could not send",
    re.IGNORECASE,
)
_ANSWER_SUBJECT = re.compile(
    r"(?:re|aw|sv|antw|fwd?|wg|tr|rv)\s?:|(?:auto(?:matic)?|out|abwesen|absen|away)", re.IGNORECASE
)
_REJECTED = re.compile(r"\s*auto-replied\s*\(rejected\)", re.IGNORECASE)
_WORDS_OF_A_LINE = re.compile(r"[^\W_].*")


def may_be_free_text_bounce(headers: Headers) -> bool:
    """Whether the header block alone allows it; of ordinary mail nothing more is looked at."""
    is_candidate = (
        "x-failed-recipients" in headers
        or _has_null_sender(headers)
        or _is_from_mail_system(headers.raw("from") or "")
        or (_is_automatic(headers) and _has_failure_subject(headers))
    )
    return is_candidate and _LIST_MARKS.isdisjoint(headers.names())


def read_free_text_bounce(headers: Headers, raw: bytes) -> Bounce | None:
    """The bounce that a message is by its words; `None` when it is none, or names nobody."""
    if not may_be_free_text_bounce(headers) or _is_other_report(headers):
        return None
    is_system = _is_system(headers)
    if not is_system and _ANSWER_SUBJECT.match(headers.get("subject") or ""):
        return None
    body = read_own_body(raw, LONGEST_NOTICE)
    lines_before = _LINES_BEFORE if is_system else _HEADING if _is_sent_by_failure(headers) else 0
    found = _notice(body.text, lines_before) or _unknown_notice(headers, body)
    if found is None:
        return None
    form, notice, end = found
    if _is_receipt(notice) or (form.is_loose and not (is_system or _looks_like_failure(headers))):
        return None
    recipients = recipients_in(form, notice, headers)
    if not recipients and is_system:
        # "User's mailbox is full: <bob@example.net>", and then: "Unable to deliver mail".
        notice = body.text[:end]
        recipients = recipients_in(form, notice, headers)
    if not recipients and (alone := only_recipient(body, raw, end)):
        recipients = (only_recipient_in(alone, notice, headers),)
    if not recipients:
        return None
    if form.unexplained:
        recipients = tuple(replace(one, status=one.status or form.unexplained) for one in recipients)
    return Bounce(recipients, returned_message_id(headers, body, raw, end), original_envelope_id="")


def is_from_mail_system(headers: Headers) -> bool:
    """Whether a message comes from a sender that is never a person, nor a list."""
    return _is_system(headers) and _LIST_MARKS.isdisjoint(headers.names()) and not _is_other_report(headers)


def _has_null_sender(headers: Headers) -> bool:
    if (return_path := headers.raw("return-path")) is None:
        return False
    # Where mail is passed on, many servers write so what was the null sender.
    return return_path.strip("<> \t").lower().partition("@")[0] in ("", "mailer-daemon")


def _is_from_mail_system(sender: str) -> bool:
    lowered = sender.lower()
    if _is_nobody(sender):
        return True
    # Nearly every sender ends without a find: plain words cost a tenth of an expression, a loop half of a generator.
    for word in _WORDS_OF_SYSTEMS:
        if word in lowered:
            return _SYSTEM.search(sender) is not None or _POSTMASTER.search(sender) is not None
    return False


def _is_automatic(headers: Headers) -> bool:
    submitted = (headers.raw("auto-submitted") or "").strip().lower()
    return bool(submitted) and not submitted.startswith("no")


def _has_failure_subject(headers: Headers) -> bool:
    return _FAILURE_SUBJECT.search(headers.get("subject") or "") is not None


def _looks_like_failure(headers: Headers) -> bool:
    """Whether sender and subject both say what words alone do not."""
    is_from_system = _has_null_sender(headers) or _POSTMASTER.search(headers.raw("from") or "") is not None
    return is_from_system and _has_failure_subject(headers)


def _is_receipt(notice: str) -> bool:
    return REQUESTED.search(notice) is not None or (RECEIPT.search(notice) is not None and not FAILURE.search(notice))


def _is_nobody(sender: str) -> bool:
    return sender.strip() == "<>"


def _is_system(headers: Headers) -> bool:
    sender = headers.raw("from") or ""
    return "x-failed-recipients" in headers or _is_nobody(sender) or _SYSTEM.search(sender) is not None


def _is_other_report(headers: Headers) -> bool:
    declared = read_parameterized(headers.raw("content-type"))
    if declared.value != "multipart/report" or declared.get("report-type").lower() not in _OTHER_REPORTS:
        return False
    # Dovecot refuses what a full mailbox or a Sieve script does not take with a disposition notification.
    return _REJECTED.match(headers.raw("auto-submitted") or "") is None


def _notice(text: str, lines_before: int) -> tuple[BounceForm, str, int] | None:
    """The form of a notice, what the server itself says, and where that ends.

    A person who writes about a bounce begins with words of his own; a mail system may have a heading.
    """
    returned = RETURNED.search(text)
    end = returned.start() if returned else len(text)
    latest = _start_of_line(text, lines_before)
    openings = [(found.start(), form) for form in FORMS if (found := form.opening.search(text, 0, end))]
    if not openings:
        return None
    start, form = min(openings, key=lambda opening: opening[0])
    return (form, text[start:end], end) if start <= latest else None


def _unknown_notice(headers: Headers, body: Body) -> tuple[BounceForm, str, int] | None:
    """A notice in no words we know, where all else says what it is.

    Its header names who failed; or subject and sender speak of a failure and it returns the message. Google's groups
    answer in fourteen languages, and whoever runs Exim or qmail may write what he likes.
    """
    returned = RETURNED.search(body.text)
    end = returned.start() if returned else len(body.text)
    notice = body.text[:end]
    if "x-failed-recipients" in headers and _is_from_mail_system(headers.raw("from") or ""):
        return UNKNOWN, notice, end
    returns = returned is not None or any(part.media_type in RETURNED_TYPES for part in body.parts)
    is_failure = returns and _is_sent_by_failure(headers) and FAILURE.search(f"{headers.get('subject')} {notice}")
    return (UNKNOWN, notice, end) if is_failure else None


def _is_sent_by_failure(headers: Headers) -> bool:
    """Whether neither a person nor an answering machine writes so: a postmaster's null sender is a mail system's."""
    is_postmaster = _has_null_sender(headers) and _POSTMASTER.search(headers.raw("from") or "") is not None
    return (_is_system(headers) or is_postmaster) and _has_failure_subject(headers)


def _start_of_line(text: str, number: int) -> int:
    """Where the words of the n-th line that is not blank begin, counted from 0; of the last line if there are fewer."""
    position = 0
    for count, line in enumerate(_WORDS_OF_A_LINE.finditer(text)):
        position = line.start()
        if count == number:
            break
    return position
