import time
from datetime import UTC, datetime

import pytest

from core.mail.dates import read_date
from tests.corpus.nasty import small_messages


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("Mon, 20 Nov 2023 10:11:12 +0100", (2023, 11, 20, 9, 11, 12)),
        ("Mon, 20 Nov 2023 10:11:12 -0530 (IST)", (2023, 11, 20, 15, 41, 12)),
        ("20 Nov 2023 10:11 GMT", (2023, 11, 20, 10, 11, 0)),
        ("20 nov 23 10:11:12 EST", (2023, 11, 20, 15, 11, 12)),
        ("20 Nov 99 10:11:12 UT", (1999, 11, 20, 10, 11, 12)),
        ("20 Nov 103 10:11:12 Z", (2003, 11, 20, 10, 11, 12)),
        ("Mon, 20-Nov-2023 10.11.12 X", (2023, 11, 20, 10, 11, 12)),
        ("Montag, 20 November 2023 10:11:12", (2023, 11, 20, 10, 11, 12)),
        ("Mon Nov 20 10:11:12 2023", (2023, 11, 20, 10, 11, 12)),
        ("Mon Nov 20 10:11:12 CET 2023", (2023, 11, 20, 9, 11, 12)),
        ("Nov 20, 2023 10:11:12", (2023, 11, 20, 10, 11, 12)),
        # The zone as RFC 3798 has it in an example, and as JavaScript writes it.
        ("Mon, 20 Nov 2023 10:11:12 (CET) +0100", (2023, 11, 20, 9, 11, 12)),
        ("Mon, 20 Nov 2023 10:11:12 +01:00", (2023, 11, 20, 9, 11, 12)),
        ("Mon Nov 20 2023 10:11:12 GMT+0100 (CET)", (2023, 11, 20, 9, 11, 12)),
        ("2023-11-20T10:11:12+01:00", (2023, 11, 20, 9, 11, 12)),
        ("2023-11-20 10:11:12", (2023, 11, 20, 10, 11, 12)),
        ("  Nov 20 2023 10:11:12 cet", (2023, 11, 20, 9, 11, 12)),
        ("Mon, 20 Nov 2023 10:11:12 +01", (2023, 11, 20, 9, 11, 12)),
        ("Mon, 20 Nov 2023 10:11:12 0100", (2023, 11, 20, 9, 11, 12)),
        ("Mon, 20. Nov 2023 10:11:12 MEZ", (2023, 11, 20, 9, 11, 12)),
        ("Mon, 20, Nov 2023 19:11:12 JST", (2023, 11, 20, 10, 11, 12)),
        ("Thu, 20 Jul 2023 10:11:12 BST", (2023, 7, 20, 9, 11, 12)),
        # Half a day, by a clock of twelve hours.
        ("20 Nov 23 03:56:36 PM -05:00 (GMT -05:00)", (2023, 11, 20, 20, 56, 36)),
        ("Mon, 20 Nov 2023 10:11:12.5 am +0100", (2023, 11, 20, 9, 11, 12)),
        ("Mon, 20 Nov 2023 12:15PM", (2023, 11, 20, 12, 15, 0)),
        ("Nov 20, 2023 12:15:00 AM GMT", (2023, 11, 20, 0, 15, 0)),
        ("Mon, 20 Nov 2023 22:11:12 PM", (2023, 11, 20, 22, 11, 12)),
        ("Mon, 20 Nov 2023 10:11:12 AMT", (2023, 11, 20, 10, 11, 12)),
        # Comments between words (RFC 5322 4.3 and A.6.3).
        ("20 Nov 2023 (my (very) best) 10(h):  11  : 12 +0100", (2023, 11, 20, 9, 11, 12)),
        # Two digits (RFC 5322 4.3).
        ("20 Nov 49 10:11:12 +0000", (2049, 11, 20, 10, 11, 12)),
        ("20 Nov 70 10:11:12 +0000", (1970, 11, 20, 10, 11, 12)),
        # Digits without a sign that are no zone: the year once more, what was left of a zone.
        ("Mon, 20 Nov 2023 10:11:12 2023", (2023, 11, 20, 10, 11, 12)),
        ("Mon, 20 Nov 2023 10:11:12 07", (2023, 11, 20, 10, 11, 12)),
        # A zone of 24 hours or 60 minutes is none: the time is kept.
        ("Mon, 20 Nov 2023 10:11:12 +9999", (2023, 11, 20, 10, 11, 12)),
        ("Mon, 20 Nov 2023 10:11:12 +2400", (2023, 11, 20, 10, 11, 12)),
        ("Mon, 20 Nov 2023 10:11:12 +0060", (2023, 11, 20, 10, 11, 12)),
        ("Mon, 20 Nov 2023 10:11:12 +2359", (2023, 11, 19, 10, 12, 12)),
        # A leap second.
        ("Sat, 31 Dec 2016 23:59:60 +0000", (2017, 1, 1, 0, 0, 0)),
        ("Sat, 31 Dec 2016 23:59:99 +0000", (2017, 1, 1, 0, 0, 0)),
        ("1 Jan 1970 00:30:00 +0000", (1970, 1, 1, 0, 30, 0)),
        ("31 Dec 2100 23:30:00 +0000", (2100, 12, 31, 23, 30, 0)),
    ],
)
def test_dates_are_read_in_utc(value: str, moment: tuple[int, int, int, int, int, int]) -> None:
    assert read_date(value) == datetime(*moment, tzinfo=UTC)


def test_a_time_without_zone_is_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        assert read_date("2023-11-20 10:11:12") == datetime(2023, 11, 20, 10, 11, 12, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "yesterday",
        "Mon Nov 20 10:11:12",
        "((((" * 30,
        "20 Nov 50 10:11:12 +0000",  # 1950
        "Tue, 31 Feb 2023 10:00:00 +0000",
        "Mon, 20 Nov 2023 25:61:00 +0100",
        "20 Xyz 2023 10:11:12 +0000",
        "1 Jan 1970 00:30:00 +0100",
        "1 Jan 1900 00:00:00 +0000",
        "1 Jan 2101 00:00:00 +0000",
        "9999-12-31T23:59:59-23:00",
        "1 Jan 9999 23:59:59 -2300",
        "1" * 10_000,
        small_messages()["only-nul"].decode(),
    ],
)
def test_nonsense_is_no_date(value: str | None) -> None:
    assert read_date(value) is None
