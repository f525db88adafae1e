import pytest

from core.mail.auto import is_automatic
from core.mail.headers import Headers


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        (("Auto-Submitted", "auto-replied (vacation)"), "Auto-Submitted: auto-replied"),
        (("Auto-Submitted", "auto-generated; owner-email=x"), "Auto-Submitted: auto-generated"),
        (("Precedence", "Bulk"), "Precedence: bulk"),
        (("Precedence", "list"), "Precedence: list"),
        (("Return-Path", "<>"), "null return path"),
        (("Return-Path", " < > "), "null return path"),
        (("List-Id", "Friends <friends.example.org>"), "list-id is set"),
        (("List-Unsubscribe", "<mailto:x@example.org>"), "list-unsubscribe is set"),
        (("X-Auto-Response-Suppress", "All"), "x-auto-response-suppress is set"),
        (("From", "Mail Delivery System <MAILER-DAEMON@example.org>"), "from is a mail system"),
        (("Sender", "postmaster@example.org"), "sender is a mail system"),
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
        ("Subject", "mailer-daemon@example.org"),
    ],
)
def test_people_are_not_taken_for_machines(field: tuple[str, str]) -> None:
    assert is_automatic(Headers([field])) is None
