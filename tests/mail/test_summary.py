from datetime import UTC, datetime

import pytest

from core.mail.summary import LONGEST_SHOWN, Summary, summarise, summary_of
from tests.corpus.nasty import BUILT, small_messages

ORDINARY = b"""From: "Muster, Alice" <alice@example.org>\r
To: Support <support@example.com>,\r
 =?utf-8?q?B=C3=BCro?= <buero@example.com>\r
Subject: Re: [Ticket#2023112010000012] =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\r
Message-ID: <4@example.org>\r
References: <1@example.com> <2@example.com>\r
In-Reply-To: <3@example.com>\r
Date: Mon, 20 Nov 2023 10:11:12 +0100\r
Content-Type: text/plain\r
\r
Hello\r
"""


def test_a_summary_holds_what_decides_the_way_of_a_message() -> None:
    headers, summary = summarise(ORDINARY)
    assert summary == Summary(
        subject="Re: [Ticket#2023112010000012] Grüße",
        header_from='"Muster, Alice" <alice@example.org>',
        header_to="Support <support@example.com>, Büro <buero@example.com>",
        from_address="alice@example.org",
        message_id="<4@example.org>",
        references=("<2@example.com>", "<1@example.com>", "<3@example.com>"),
        date=datetime(2023, 11, 20, 9, 11, 12, tzinfo=UTC),
        automatic=None,
        is_report=False,
    )
    assert summary_of(headers.without(lambda name: name == "subject")).subject == ""


def test_a_message_without_anything_has_an_empty_summary() -> None:
    _, summary = summarise(b"")
    assert summary == Summary("", "", "", "", "", (), None, None, False)


@pytest.mark.parametrize(
    ("defect", "address"),
    [
        ("from-two-readers-two-addresses", ""),
        ("from-quote-never-ends", "alice@example.org"),
        ("from-comma-in-encoded-word", "alice@example.org"),
        ("from-name-is-another-address", "mallory@example.net"),
        ("from-is-a-group", "real@example.org"),
        ("from-without-brackets", "alice@example.org"),
        ("from-encoded-line-break", "alice@example.org"),
        ("fields-twice", "a@example.org"),
    ],
)
def test_the_sender_is_the_one_address_that_stands_there(defect: str, address: str) -> None:
    assert summarise(small_messages()[defect])[1].from_address == address


@pytest.mark.parametrize(
    ("defect", "message_id"),
    [
        ("message-id-with-brackets-inside", "<[1234@example.org]@mail.example.org>"),
        ("message-id-without-brackets", "<1234@example.org>"),
        ("message-id-folded-inside", "<123456789012345678901234567890@example.org>"),
        ("message-id-empty", ""),
        ("fields-twice", "<1@x>"),
    ],
)
def test_a_bad_message_id_is_read_as_far_as_it_goes(defect: str, message_id: str) -> None:
    assert summarise(small_messages()[defect])[1].message_id == message_id


@pytest.mark.parametrize("defect", ["date-impossible", "date-far-future", "date-in-words"])
def test_an_impossible_date_is_none(defect: str) -> None:
    assert summarise(small_messages()[defect])[1].date is None


def test_shown_fields_are_bounded() -> None:
    summary = summarise(BUILT["recipients-10000"]())[1]
    assert len(summary.header_to) == LONGEST_SHOWN
    assert summary.header_to.endswith("…")


def test_a_report_says_so() -> None:
    assert summarise(small_messages()["bounce-hard"])[1].is_report
    assert summarise(small_messages()["report-of-a-reading"])[1].is_report
