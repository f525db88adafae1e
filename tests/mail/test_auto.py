import pytest

from core.mail.auto import is_automatic
from core.mail.headers import Headers


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        (("Auto-Submitted", "auto-replied (vacation)"), "Auto-Submitted: auto-replied"),
        (("Auto-Submitted", "auto-generated; owner-email=x"), "Auto-Submitted: auto-generated"),
        (("Auto-Submitted", " Auto-Replied"), "Auto-Submitted: auto-replied"),
        (("Auto-Submitted", "a\0\x1b]0;x\x07b"), "Auto-Submitted: a\ufffd\ufffd]0"),
        (("Precedence", "Bulk"), "Precedence: bulk"),
        (("Precedence", "list"), "Precedence: list"),
        (("Return-Path", "<>"), "null return path"),
        (("Return-Path", " < > "), "null return path"),
        (("List-Id", "Friends <friends.example.org>"), "list-id is set"),
        (("List-Unsubscribe", "<mailto:x@example.org>"), "list-unsubscribe is set"),
        (("From", "Mail Delivery System <MAILER-DAEMON@example.org>"), "from is a mail system"),
        (("Sender", "postmaster@example.org"), "sender is a mail system"),
        (("From", "a@example.org, postmaster@example.org"), "from is a mail system"),
        (("From", "MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.org"), "from is a mail system"),
        (("Sender", "owner-friends@example.org"), "sender is a mail system"),
        (("Sender", "Friends <friends-bounces@example.org>"), "sender is a mail system"),
        (("From", "friends-request@example.org"), "from is a mail system"),
        (("Content-Type", "multipart/Report; report-type=disposition-notification"), "it is a report"),
    ],
)
def test_machines_are_recognised(field: tuple[str, str], reason: str) -> None:
    assert is_automatic(Headers([("From", "a@example.org"), field] if field[0] != "From" else [field])) == reason


@pytest.mark.parametrize(
    "field",
    [
        ("Auto-Submitted", "no"),
        ("Auto-Submitted", "No (a person)"),
        ("Auto-Submitted", ""),
        ("Precedence", "normal"),
        ("Return-Path", "<alice@example.org>"),
        ("From", "postmaster@example.org is my name <alice@example.org>"),
        ("From", "not-the-postmaster@example.org"),
        ("X-Auto-Response-Suppress", "DR, OOF, AutoReply"),
        ("From", "owner@example.org"),
        ("From", "request@example.org"),
        ("From", "ann.bounces@example.org"),
        ("From", "homeowner-ann@example.org"),
        ("Content-Type", "multipart/mixed; x=multipart/report"),
        ("Subject", "mailer-daemon@example.org"),
    ],
)
def test_people_are_not_taken_for_machines(field: tuple[str, str]) -> None:
    assert is_automatic(Headers([field])) is None


@pytest.mark.parametrize(("hops", "reason"), [(50, None), (51, "it came through more than 50 servers")])
def test_a_message_that_goes_round_in_circles_is_not_answered(hops: int, reason: str | None) -> None:
    assert is_automatic(Headers([("From", "a@example.org"), *[("Received", "from x by y")] * hops])) == reason
