"""What a rate allows, second by second: in no minute more than it says."""

from datetime import UTC, datetime, timedelta

import pytest

from core.outbound.decisions.rate import SECONDS, Rate
from core.outbound.sending.rates import LONGEST_WAIT, Rates

NOW = datetime(2026, 11, 21, 12, 0, 0, 500_000, UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("per_minute", "urgent", "others"),
    # A fifth, at least one, is for urgent messages; of a single one a minute nothing can be kept.
    [(10, 10, 8), (30, 30, 24), (5, 5, 4), (3, 3, 2), (2, 2, 1), (1, 1, 1)],
)
def test_a_fifth_is_kept_for_urgent_messages(per_minute: int, urgent: int, others: int) -> None:
    rate = Rate(per_minute)
    assert (rate.left(NOW, is_urgent=True), rate.left(NOW, is_urgent=False)) == (urgent, others)
    used = rate.with_taken(NOW, others)
    assert used.left(NOW, is_urgent=False) == 0
    assert used.left(NOW, is_urgent=True) == urgent - others


def test_what_urgent_messages_take_is_not_there_for_others() -> None:
    assert Rate(10).with_taken(NOW, 6).left(NOW, is_urgent=False) == 2


def test_what_was_taken_is_free_again_when_a_whole_minute_has_passed() -> None:
    rate = Rate(10).with_taken(NOW, 8)
    assert rate.left(after(60), is_urgent=False) == 0
    # Taken at 12:00:00.5; by the second, that is at 12:01:01.
    assert rate.free_at(NOW, 0, is_urgent=False) == after(60.5)
    assert rate.left(after(60.5), is_urgent=False) == 8


def test_what_was_taken_by_a_clock_that_was_years_ahead_is_free_again() -> None:
    rate = Rate(10).with_taken(after(10**8), 10)
    assert rate.left(NOW, is_urgent=True) == 10
    assert rate.with_taken(NOW, 10).left(after(SECONDS + 1), is_urgent=True) == 10


def test_no_minute_holds_more_than_the_rate_whenever_it_is_asked() -> None:
    rate, taken = Rate(7), []
    for tenths in range(3000):
        now = after(tenths / 10)
        if rate.left(now, is_urgent=True):
            rate = rate.with_taken(now)
            taken.append(now)
    for first in taken:
        assert sum(first <= each < first + timedelta(minutes=1) for each in taken) <= 7
    # Five minutes of seven, and hardly less.
    assert 33 <= len(taken) <= 35


def test_each_that_waits_has_a_place_of_its_own() -> None:
    rate = Rate(5).with_taken(NOW, 1).with_taken(after(10), 3)
    places = [rate.free_at(after(20), place, is_urgent=False) for place in range(6)]
    # One is free after a minute, three ten seconds later; then those before have taken it, and so it goes round.
    assert places == [after(60.5), *[after(70.5)] * 3, *[after(131.5)] * 2]


def test_with_room_there_is_no_wait() -> None:
    rate = Rate(5).with_taken(NOW, 3)
    assert rate.free_at(NOW, 0, is_urgent=False) == NOW
    assert rate.free_at(NOW, 1, is_urgent=False) == after(60.5)
    assert Rate(5).free_at(NOW, 4, is_urgent=False) == after(60.5), "those before have taken it all"


def test_what_is_taken_is_kept_by_the_second_and_a_clock_set_back_mixes_up_none() -> None:
    second = int(NOW.timestamp())
    rate = Rate(10).with_taken(NOW).with_taken(after(0.4), 2)
    assert rate.taken == ((second, 3),)
    assert rate.with_taken(after(5)).taken == ((second, 3), (second + 5, 1))
    # What is taken before the last second counts as taken in it: it is free again no sooner.
    assert rate.with_taken(after(5)).with_taken(after(2)).taken == ((second, 3), (second + 5, 2))


def test_when_less_was_sent_than_the_rate_now_allows_nothing_is_owed() -> None:
    lowered = Rate(2, Rate(10).with_taken(NOW, 8).taken)
    assert lowered.left(NOW, is_urgent=True) == 0


def test_what_was_not_needed_is_given_back_from_the_newest() -> None:
    rate = Rate(10).with_taken(NOW, 3).with_taken(after(5), 2)
    assert rate.with_given_back(3).taken == ((*rate.taken[0][:1], 2),)
    assert rate.with_given_back(2).taken == rate.taken[:1]
    assert rate.with_given_back(0) == rate
    assert rate.with_given_back(9).taken == ()


def test_those_who_wait_stand_in_line_and_look_again_in_time() -> None:
    rates = Rates.beginning({1: Rate(1).with_taken(NOW), 2: Rate(100)}, NOW, {})
    waits = []
    for _ in range(20):
        waits.append(rates.used_up(is_urgent=False)[1])
        rates.wait(1, is_urgent=False)
    assert waits[:3] == [after(60.5), after(121.5), after(182.5)]
    assert waits[-1] == NOW + LONGEST_WAIT
    assert 2 not in rates.used_up(is_urgent=False)
