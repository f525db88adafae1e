"""Times as a person names them."""

from datetime import datetime

import pytest

from core.named_times import named_span

NOW = datetime(2026, 11, 22, 16, 30).astimezone()  # a Sunday


@pytest.mark.parametrize(
    ("word", "begin", "end"),
    [
        ("2026-11-17", (2026, 11, 17), (2026, 11, 18)),
        ("2026-11-7", (2026, 11, 7), (2026, 11, 8)),
        ("2026-12-31", (2026, 12, 31), (2027, 1, 1)),
        ("2026-11", (2026, 11, 1), (2026, 12, 1)),
        ("2026-12", (2026, 12, 1), (2027, 1, 1)),
        ("2026", (2026, 1, 1), (2027, 1, 1)),
        ("2026-11-17T14", (2026, 11, 17, 14), (2026, 11, 17, 15)),
        ("2026-11-17t14:05", (2026, 11, 17, 14, 5), (2026, 11, 17, 14, 6)),
        ("today", (2026, 11, 22), (2026, 11, 23)),
        ("Yesterday", (2026, 11, 21), (2026, 11, 22)),
        ("tuesday", (2026, 11, 17), (2026, 11, 18)),
        ("tue", (2026, 11, 17), (2026, 11, 18)),
        ("sunday", (2026, 11, 22), (2026, 11, 23)),
        ("monday", (2026, 11, 16), (2026, 11, 17)),
    ],
)
def test_a_word_means_a_part_of_local_time(word: str, begin: tuple[int, ...], end: tuple[int, ...]) -> None:
    span = named_span(word, NOW)
    assert span is not None
    assert span.begin.timetuple()[:5] == (*begin, 0, 0)[:5]
    assert span.end.timetuple()[:5] == (*end, 0, 0)[:5]


@pytest.mark.parametrize(
    "word", ["", "t", "tu", "20", "2026-13", "2026-02-30", "2026-11-17T25", "9999", "9999-12-31", "noon"]
)
def test_what_is_no_time_means_none(word: str) -> None:
    assert named_span(word, NOW) is None
