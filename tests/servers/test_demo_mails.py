"""The sample mail is what a mail server would deliver."""

import email
from datetime import UTC, datetime
from email import policy

from tui.demo.mails import sample_mails

NOW = datetime(2025, 5, 6, 7, 8, 9, tzinfo=UTC)
MAILS = sample_mails(NOW)
PARSED = [email.message_from_bytes(raw, policy=policy.default) for raw in MAILS]


def test_about_forty_distinct_messages_with_crlf() -> None:
    assert len(MAILS) == len({message["Message-ID"] for message in PARSED}) == 40
    for raw in MAILS:
        assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
        assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_nothing_is_defective_and_all_goes_to_the_company() -> None:
    for message in PARSED:
        assert [part.defects for part in message.walk() if part.defects] == []
        assert message["To"].addresses[0].domain == "example.com"


def test_follow_ups_refer_to_an_earlier_message_of_the_same_person() -> None:
    senders: dict[str, str] = {}
    follow_ups = 0
    for message in PARSED:
        if message["References"]:
            assert senders[message["References"]] == message["From"].addresses[0].addr_spec
            follow_ups += 1
        senders[message["Message-ID"]] = message["From"].addresses[0].addr_spec
    assert follow_ups == 3


def test_dates_rise_and_end_before_now() -> None:
    dates = [message["Date"].datetime for message in PARSED]
    assert dates == sorted(dates)
    assert (NOW - dates[-1]).total_seconds() == 60


def test_the_bounce_is_a_report() -> None:
    (bounce,) = [message for message in PARSED if message.get_content_type() == "multipart/report"]
    assert [part.get_content_type() for part in bounce.iter_parts()] == [
        "text/plain",
        "message/delivery-status",
        "text/rfc822-headers",
    ]
    assert b"Status: 5.1.1" in bytes(bounce)
