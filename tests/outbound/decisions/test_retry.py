from datetime import UTC, datetime, timedelta

import pytest

from core.outbound.decisions.retry import cool_until, is_expired, next_attempt_at
from core.settings import RetrySettings

CREATED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RULE = RetrySettings()
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("attempts", "minutes"),
    # 1 m doubles with each try: 1 2 4 8 16 32, then 64 is cut to the hour
    [(0, 1), (1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (8, 60), (100, 60), (10**6, 60)],
)
def test_wait_doubles_up_to_the_longest(attempts: int, minutes: int) -> None:
    assert next_attempt_at(attempts, CREATED, CREATED, RULE) == CREATED + minutes * MINUTE


@pytest.mark.parametrize("attempts", [1, 2, 5, 9])
@pytest.mark.parametrize("jitter", [0.0, 0.3, 0.999, 1.0, 7.0, -1.0])
def test_jitter_stays_between_first_and_longest(attempts: int, jitter: float) -> None:
    base = next_attempt_at(attempts, CREATED, CREATED, RULE)
    at = next_attempt_at(attempts, CREATED, CREATED, RULE, jitter)
    assert base is not None
    assert at is not None
    assert RULE.first <= at - CREATED <= base - CREATED
    assert (at - CREATED) >= 0.75 * (base - CREATED)


def test_full_jitter_takes_a_quarter_off() -> None:
    assert next_attempt_at(3, CREATED, CREATED, RULE, 1.0) == CREATED + 3 * MINUTE  # 4 m * 3/4


def test_last_try_falls_on_the_end_of_the_lifetime() -> None:
    end = CREATED + timedelta(days=5)
    assert next_attempt_at(50, CREATED, end - 10 * MINUTE, RULE) == end


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=1), timedelta(days=300)])
def test_gives_up_when_the_lifetime_is_over(late: timedelta) -> None:
    assert next_attempt_at(1, CREATED, CREATED + timedelta(days=5) + late, RULE) is None


@pytest.mark.parametrize(
    ("overdue", "minutes"),
    # An hour late at most is what a busy outbox is; more is a clock that jumped, or a week without a worker.
    [(MINUTE, None), (60 * MINUTE, None), (61 * MINUTE, 60), (timedelta(days=10), 60)],
)
def test_a_try_that_comes_long_after_its_time_is_not_the_last(overdue: timedelta, minutes: int | None) -> None:
    now = CREATED + RULE.lifetime + MINUTE
    expected = None if minutes is None else now + minutes * MINUTE
    assert next_attempt_at(1, CREATED, now, RULE, due_at=now - overdue) == expected


def test_gives_up_though_every_try_comes_hours_after_its_time() -> None:
    now, due = CREATED, next_attempt_at(1, CREATED, CREATED, RULE)
    while due is not None:
        now += timedelta(hours=3)
        assert now < CREATED + RULE.lifetime + timedelta(hours=6)
        due = next_attempt_at(9, CREATED, now, RULE, due_at=due)


def test_never_waits_beyond_the_expiry() -> None:
    expires = CREATED + 3 * MINUTE
    assert next_attempt_at(4, CREATED, CREATED, RULE, expires_at=expires) == expires
    assert next_attempt_at(4, CREATED, expires, RULE, expires_at=expires) is None


def test_a_first_wait_longer_than_the_longest_is_cut() -> None:
    rule = RetrySettings(first=timedelta(hours=2), longest=timedelta(hours=1))
    assert next_attempt_at(1, CREATED, CREATED, rule, 0.5) == CREATED + timedelta(hours=1)


def test_a_clock_set_back_delays_nothing_beyond_the_longest() -> None:
    now = CREATED - timedelta(days=2)
    at = next_attempt_at(9, CREATED, now, RULE)
    assert at is not None
    assert at - now == timedelta(hours=1)


@pytest.mark.parametrize(("expires_in", "expired"), [(None, False), (1, False), (0, True), (-1, True)])
def test_expiry(expires_in: int | None, expired: bool) -> None:
    expires = None if expires_in is None else CREATED + timedelta(seconds=expires_in)
    assert is_expired(expires, CREATED) is expired


@pytest.mark.parametrize(
    ("failures", "seconds"),
    # 30 s doubling, at most 15 m
    [(0, None), (1, 30), (2, 60), (3, 120), (5, 480), (6, 900), (1000, 900)],
)
def test_mailbox_cools_longer_with_each_failure(failures: int, seconds: int | None) -> None:
    expected = None if seconds is None else CREATED + timedelta(seconds=seconds)
    assert cool_until(failures, CREATED) == expected
