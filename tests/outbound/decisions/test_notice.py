"""The notice of a failure is a report that programs read, and its foreign text stays text."""

import email
from datetime import UTC, datetime

import pytest

from core.mail.canonical import is_canonical
from core.outbound.decisions.notice import FailedRecipient, failure_notice

NOW = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)


def notice(subject: str = "Offer", failed: tuple[FailedRecipient, ...] = (), raw: bytes | None = None, **changed: str):
    given = {"to": "alice@example.org", "sent_from": "post@example.org", "original_id": "<1@example.org>", **changed}
    raw = f"Subject: {subject}\r\nTo: bob@example.net\r\n\r\nbody\r\n".encode() if raw is None else raw
    failed = failed or (FailedRecipient("bob@example.net", 550, "5.1.1", "no such user"),)
    return failure_notice(
        host="host.example", message_id="<n@host.example>", failed=failed, raw=raw, created_at=NOW, now=NOW, **given
    )


def test_it_is_a_report_in_three_parts():
    made = notice()
    parsed = email.message_from_bytes(made)
    words, status, header = parsed.get_payload()

    assert is_canonical(made)
    assert (parsed.get_content_type(), parsed.get_param("report-type")) == ("multipart/report", "delivery-status")
    assert parsed["Auto-Submitted"] == "auto-replied"
    assert parsed["In-Reply-To"] == "<1@example.org>"
    assert "bob@example.net" in words.get_payload(decode=True).decode()
    of_message, of_recipient = status.get_payload()
    assert of_message["Reporting-MTA"] == "dns; host.example"
    assert of_recipient["Final-Recipient"] == "rfc822; bob@example.net"
    assert (of_recipient["Action"], of_recipient["Status"]) == ("failed", "5.1.1")
    assert of_recipient["Diagnostic-Code"] == "smtp; 550 5.1.1 no such user"
    assert "Subject: Offer" in header.get_payload()
    assert "body" not in header.get_payload()


def test_an_address_beyond_ascii_is_told_in_its_own_type():
    made = email.message_from_bytes(notice(failed=(FailedRecipient("jürg@example.net", 550, "5.6.7", "no"),)))
    words, status, _ = made.get_payload()
    assert status.get_payload()[1]["Final-Recipient"] == r"utf-8; j\x{FC}rg@example.net"
    assert "jürg@example.net" in words.get_payload(decode=True).decode()


def test_a_sender_beyond_ascii_is_told_too():
    made = notice(to="jörg@example.org")
    assert "\r\nTo: jörg@example.org\r\n".encode() in made
    assert made.partition(b"\r\n\r\n")[2].isascii()


def test_a_message_whose_lifetime_is_over_says_so():
    status = email.message_from_bytes(notice(failed=(FailedRecipient("b@example.net", None, "", "nobody answers"),)))
    of_recipient = status.get_payload()[1].get_payload()[1]
    assert of_recipient["Status"] == "4.4.7"
    assert of_recipient["Diagnostic-Code"] is None


@pytest.mark.parametrize(
    "subject",
    [
        "Grüße aus Köln",
        "=?utf-8?q?Hi=0D=0ABcc:_victim@example.org?=",
        "x" * 3000,
        "\x1b]52;c;eA==\x07",
        "\udc00".encode("utf-8", "surrogatepass").decode("latin-1"),
    ],
)
def test_a_foreign_subject_makes_no_field_of_its_own(subject):
    parsed = email.message_from_bytes(notice(subject))
    assert parsed["Bcc"] is None
    assert sorted(parsed.keys()) == sorted(
        ["From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "Auto-Submitted", "MIME-Version", "Content-Type"]
    )
    assert len(parsed.get_payload()) == 3


def test_a_reply_of_many_lines_stays_one_field():
    made = notice(failed=(FailedRecipient("b@example.net", 550, "", "first\r\nAction: delivered\r\n\r\nx"),))
    status = email.message_from_bytes(made).get_payload()[1].get_payload()
    assert [group["Action"] for group in status[1:]] == ["failed"]
    assert len(status) == 2


@pytest.mark.parametrize("field", ["to", "sent_from"])
def test_an_address_that_cannot_stand_in_a_header_makes_no_notice(field):
    with pytest.raises(ValueError, match="address"):
        notice(**{field: "a@example.org\r\nBcc: x@example.org"})
