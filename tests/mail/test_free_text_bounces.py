"""What servers say in their own words is read; what people, lists and other machines say is not taken for it."""

from collections import Counter

import pytest

from core.mail.bounces import Action, Bounce
from core.mail.free_text_bounces import may_be_free_text_bounce
from core.mail.headers import Headers, read_header_block
from core.mail.nondelivery import read_nondelivery
from tests.corpus.bounces import bounces, not_bounces

OUTCOMES = {
    "amazon-ses-undeliverable": "bob@example.net=?",
    "aol-report-without-blank-lines": "bob@example.net=5.2.2 ann@example.net=5.1.1",
    "courier-user-unknown": "bob@example.net=5.1.1",
    "domino-mail-router-name-in-brackets": "bob@example.net=5.4.6",
    "domino-mailbox-quota": "bob@example.net=4.2.2",
    "domino-not-listed": "bob@example.net=5.1.1",
    "domino-notes-failure-reasons": "bob@example.net=5.1.1",
    "dovecot-mailbox-full": "bob@example.net=4.2.2",
    "dovecot-script-rejects": "bob@example.net=5.7.1",
    "dragonfly-host-not-found": "bob@nowhere.example=5.1.2",
    "exchange-2003-account-does-not-exist": "bob@example.net=5.1.1",
    "exchange-2007-not-found": "bob@example.net=5.1.1",
    "exchange-2010-html-alone": "bob@example.net=5.2.2",
    "exchange-5.5-name-not-recognized": "bob@example.net=5.1.1",
    "exchange-5.5-x400-address": "bob@example.net=5.1.1",
    "exchange-delayed": "bob@example.net=~?",
    "exchange-german": "bob@example.net=5.1.1",
    "exchange-report-without-an-empty-line": "bob@example.net=5.1.1",
    "exim-address-unrouteable": "bob@example.net=5.1.2",
    "exim-generated-from-an-alias": "bob@example.net=5.1.1",
    "exim-gmx-quotes-round-address": "bob@example.net=5.2.2",
    "exim-hosts-failing-for-a-long-time": "bob@example.net=4.4.7",
    "exim-own-text-between-bars": "bob@example.net=5.2.2",
    "exim-policy-refusal": "bob@example.net=5.7.1",
    "exim-refused-by-a-scanner-in-russian": "bob@example.net=5.1.1",
    "exim-report-of-a-program": "bob@example.net=5.0.0",
    "exim-report-over-quota": "bob@example.net=4.2.2",
    "exim-report-retry-timeout": "bob@example.net=4.4.7",
    "exim-report-unknown-user": "bob@example.net=5.1.1",
    "exim-retry-timeout": "bob@example.net=4.4.7",
    "exim-still-trying": "bob@example.net=~4.4.7",
    "exim-subject-that-ends-with-delayed": "bob@example.net=5.1.1",
    "exim-two-recipients-no-header": "bob@example.net=5.1.1 ann@example.org=5.2.2",
    "exim-user-unknown": "bob@example.net=5.1.1",
    "gmail-address-not-found": "bob@example.net=5.1.1",
    "gmail-delayed": "bob@example.net=~4.4.1",
    "gmail-group-in-german": "bob@example.net=?",
    "gmail-inbox-full": "bob@example.net=4.2.2",
    "gmail-message-blocked": "bob@example.net=5.7.1",
    "gmail-permanent-without-header": "bob@example.net=5.1.2",
    "gmail-permanent": "bob@example.net=5.1.1",
    "groupwise-attached-file": "bob@example.net=5.1.1",
    "groupwise-undeliverable": "bob@example.net=5.1.1",
    "imail-mailbox-full": "bob@example.net=4.2.2",
    "imail-undeliverable": "bob@example.net=?",
    "imail-unknown-user": "bob@example.net=5.1.1",
    "interscan-below-a-heading": "bob@example.net=5.1.1",
    "ironport-report-quotes-the-reply": "bob@example.net=5.7.1",
    "mailenable-recipient-in-brackets": "bob@example.net=5.1.1",
    "mailmarshal-message-too-large": "bob@example.net=5.3.4",
    "mailmarshal-user-unknown": "bob@example.net=5.1.1",
    "mdaemon-fatal-errors": "bob@example.net=5.1.1",
    "messaging-server-rejected": "bob@example.net=5.1.1",
    "mfilter-from-nobody": "bob@example.net=5.1.1",
    "mimecast-connection-failed": "bob@example.net=4.4.1",
    "mimecast-recipient-rejected": "bob@example.net=5.4.1",
    "netscape-report-in-two-parts": "bob@example.net=5.1.1",
    "office365-address-unknown": "bob@example.net=5.1.10",
    "office365-not-permitted": "bob@example.net=5.7.133",
    "opensmtpd-invalid-recipient": "bob@example.net=5.1.1",
    "opensmtpd-report-delayed": "bob@example.net=~4.4.1",
    "opensmtpd-report-expired": "bob@example.net=4.4.7",
    "opensmtpd-report-failed": "bob@example.net=5.3.0",
    "other-server-address-in-quotes": "bob@example.net=4.2.2",
    "other-server-could-not-be-delivered": "bob@example.net=5.2.1",
    "other-server-empty-line-before-the-message": "bob@example.net=5.1.1",
    "other-server-has-not-been-delivered": "bob@example.net=5.1.1",
    "other-server-nothing-but-the-message": "bob@example.net=?",
    "other-server-words-before-the-words": "bob@example.net=4.2.2",
    "postfix-expanded-on-two-lines": "bob.smith@store.example.net=~4.2.2",
    "postfix-host-not-found": "bob@nowhere.example=5.1.2",
    "postfix-mail-system-banner": "bob@example.net=5.7.1",
    "postfix-name-server-to-be-asked-again": "bob@example.net=4.4.3",
    "postfix-quota-without-status": "bob@example.net=4.2.2",
    "postfix-reply-begins-with-the-address": "bob@example.net=5.1.1",
    "postfix-report-unavailable": "bob@example.net=?",
    "postfix-two-recipients": "bob@example.net=5.1.1 ann@example.net=4.4.1",
    "postfix-user-unknown": "bob@example.net=5.1.1",
    "postfix-warning-only": "bob@example.net=~4.4.1",
    "qmail-account-locked": "bob@example.net=5.2.1",
    "qmail-connection-died": "bob@example.net=4.4.1",
    "qmail-few-words": "bob@example.net=4.2.2",
    "qmail-host-not-found": "bob@nowhere.example=5.1.2",
    "qmail-in-spanish": "bob@example.net=5.1.1",
    "qmail-mailfolder-full": "bob@example.net=4.2.2",
    "qmail-no-mailbox": "bob@example.net=5.1.1",
    "qmail-remote-refused-without-status": "bob@example.net=5.1.1",
    "qmail-remote-refused": "bob@example.net=5.7.1",
    "qmail-two-recipients": "bob@example.net=5.1.1 ann@example.net=4.2.2",
    "report-that-names-nobody-words-do": "bob@example.net=5.1.1",
    "sendgrid-report-expired": "bob@example.net=4.4.7",
    "sendmail-host-unknown": "bob@nowhere.example=5.1.2",
    "sendmail-names-nobody": "bob@example.net=4.4.7",
    "sendmail-queue-too-old": "bob@example.net=4.4.7",
    "sendmail-report-program-failed": "bob@example.net=5.3.0",
    "sendmail-report-that-hides-the-code": "bob@example.net=5.7.1",
    "sendmail-report-with-another-boundary": "bob@example.net=5.1.1",
    "sendmail-report-warning": "bob@example.net=~4.4.1",
    "sendmail-two-recipients": "bob@example.net=5.1.1 ann@example.org=5.2.2",
    "sendmail-user-unknown": "bob@example.net=5.1.1",
    "sendmail-version-5-transcript-first": "bob@example.net=5.1.1",
    "sendmail-warning-four-hours": "bob@example.net=~4.4.7",
    "sendmail-without-a-mime-header": "bob@example.net=4.4.7",
    "yahoo-mailbox-disabled": "bob@example.net=5.2.1",
    "yahoo-no-mx": "bob@nowhere.example=5.1.2",
    "yahoo-old-from-the-service": "bob@example.net=5.1.1",
    "yahoo-remote-refused": "bob@example.net=5.1.1",
}
"""Whom each names, with the status; ~ before it: the server goes on trying; ?: it does not tell why."""

TEN_SERVERS = {
    "qmail": 10,
    "exim": 16,
    "postfix": 10,
    "sendmail": 12,
    "exchange": 8,
    "office365": 2,
    "gmail": 7,
    "yahoo": 4,
    "domino": 4,
    "mailmarshal": 2,
    "mimecast": 2,
    "groupwise": 2,
}
"""Of the commonest servers, how many of the bounces in the corpus are theirs: the least that must be read."""

WITHOUT_ORIGINAL = {
    "courier-user-unknown",
    "exim-still-trying",
    "gmail-address-not-found",
    "gmail-inbox-full",
    "gmail-message-blocked",
    "groupwise-attached-file",
    "mailmarshal-message-too-large",
    "mailmarshal-user-unknown",
    "mdaemon-fatal-errors",
    "other-server-words-before-the-words",
}
"""Those that hold no word of the Message-ID they are about."""


def bounce_in(raw: bytes) -> Bounce | None:
    return read_nondelivery(read_header_block(raw), raw)


def shown(bounce: Bounce | None) -> str:
    if bounce is None:
        return "no bounce"
    return " ".join(
        f"{one.address}={'~' if one.action is Action.DELAYED else ''}{one.status or '?'}" for one in bounce.recipients
    )


@pytest.mark.parametrize("name", bounces())
def test_recipients_and_reasons_are_read(name: str) -> None:
    assert shown(bounce_in(bounces()[name])) == OUTCOMES[name]


@pytest.mark.parametrize("name", bounces())
def test_the_message_it_is_about_is_found_where_it_is_named(name: str) -> None:
    bounce = bounce_in(bounces()[name])
    assert bounce is not None
    assert bounce.original_message_id == ("" if name in WITHOUT_ORIGINAL else f"<sent-{name}@mail.example.com>")


def test_every_bounce_of_the_commonest_servers_is_read() -> None:
    read = Counter(name.split("-")[0] for name, raw in bounces().items() if bounce_in(raw) is not None)
    assert {server: read[server] for server in TEN_SERVERS} == TEN_SERVERS
    assert read.total() == len(bounces()) == len(OUTCOMES) >= 60


def test_nothing_else_is_taken_for_a_bounce() -> None:
    assert len(not_bounces()) >= 100
    assert [name for name, raw in not_bounces().items() if (found := bounce_in(raw)) and found.is_failure] == []


def test_hard_and_soft_are_told_apart() -> None:
    hard = {name for name, raw in bounces().items() if (found := bounce_in(raw)) and found.is_hard}
    # A code that begins with 5 is final; a delay, a full mailbox without a code and what nobody explains are not.
    soft = {
        "amazon-ses-undeliverable",
        "domino-mailbox-quota",
        "dovecot-mailbox-full",
        "exchange-delayed",
        "exim-hosts-failing-for-a-long-time",
        "exim-report-over-quota",
        "exim-report-retry-timeout",
        "exim-retry-timeout",
        "exim-still-trying",
        "gmail-delayed",
        "gmail-group-in-german",
        "gmail-inbox-full",
        "imail-mailbox-full",
        "imail-undeliverable",
        "mimecast-connection-failed",
        "opensmtpd-report-delayed",
        "opensmtpd-report-expired",
        "other-server-address-in-quotes",
        "other-server-nothing-but-the-message",
        "other-server-words-before-the-words",
        "postfix-expanded-on-two-lines",
        "postfix-name-server-to-be-asked-again",
        "postfix-quota-without-status",
        "postfix-report-unavailable",
        "postfix-warning-only",
        "qmail-connection-died",
        "qmail-mailfolder-full",
        "qmail-few-words",
        "sendgrid-report-expired",
        "sendmail-names-nobody",
        "sendmail-queue-too-old",
        "sendmail-report-warning",
        "sendmail-warning-four-hours",
        "sendmail-without-a-mime-header",
    }
    assert set(bounces()) - hard == soft


@pytest.mark.parametrize(
    ("fields", "is_candidate"),
    [
        ([("From", "Ann <ann@example.net>"), ("Subject", "Undeliverable: x")], False),
        ([("From", "Shop <no-reply@example.net>"), ("List-Unsubscribe", "<x>")], False),
        ([("From", "MAILER-DAEMON@x"), ("List-Id", "<users.example.org>")], False),
        ([("From", "Ann <ann@example.net>"), ("Auto-Submitted", "auto-replied"), ("Subject", "On holiday")], False),
        ([("From", "Ann <ann@example.net>"), ("Auto-Submitted", "no"), ("Subject", "Delivery failed")], False),
        ([("From", "Ann <ann@example.net>"), ("Auto-Submitted", "auto-replied"), ("Subject", "Undeliverable")], True),
        ([("From", "Ann <ann@example.net>"), ("Return-Path", " <> ")], True),
        ([("From", "Ann <ann@example.net>"), ("X-Failed-Recipients", "bob@example.net")], True),
        ([("From", "Mail Delivery System <x@example.net>")], True),
        ([("From", "postmaster@example.net")], True),
    ],
)
def test_the_header_alone_spares_ordinary_mail_the_reading(fields: list[tuple[str, str]], is_candidate: bool) -> None:
    assert may_be_free_text_bounce(Headers(fields)) is is_candidate


def test_a_report_without_a_reason_has_that_of_the_words_beside_it() -> None:
    bounce = bounce_in(bounces()["exim-report-retry-timeout"])
    assert bounce is not None
    assert [one.diagnostic for one in bounce.recipients] == ["retry timeout exceeded"]


def test_a_reply_that_begins_a_line_with_the_address_is_kept_whole() -> None:
    bounce = bounce_in(bounces()["postfix-reply-begins-with-the-address"])
    assert bounce is not None
    assert [one.diagnostic for one in bounce.recipients] == [
        "host mail.example.net[192.0.2.7] said: 554 <bob@example.net>: Recipient address rejected: "
        "user bob@example.net does not exist (in reply to RCPT TO command)"
    ]
