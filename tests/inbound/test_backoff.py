from datetime import UTC, datetime, timedelta

import pytest

from core.errors import (
    ConfigurationError,
    ConnectionLost,
    DeadlineExceeded,
    InvalidAccount,
    LoginRefused,
    NoSuchFolder,
    PostroomError,
    StoreBusy,
    Throttled,
    TlsFailed,
    TlsMissing,
    Unreachable,
)
from core.inbound.backoff import FailureKind, has_failed_for_too_long, kind_of, next_due

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTES = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("failures", "minutes"),
    # ten minutes, doubling: 10 20 40, then 80 is cut to the hour
    [(0, 10), (1, 10), (2, 20), (3, 40), (4, 60), (5, 60), (10**9, 60)],
)
def test_interval_doubles_to_an_hour(failures: int, minutes: int) -> None:
    assert next_due(failures, NOW, 10 * MINUTES) == NOW + minutes * MINUTES


def test_an_interval_longer_than_an_hour_stays() -> None:
    assert next_due(7, NOW, timedelta(hours=6)) == NOW + timedelta(hours=6)


def test_no_interval_still_backs_off() -> None:
    assert [next_due(n, NOW, timedelta(0)) - NOW for n in (0, 1, 4, 40)] == [
        timedelta(seconds=1),
        timedelta(seconds=1),
        timedelta(seconds=8),
        timedelta(hours=1),
    ]


def test_what_our_database_did_is_tried_again_soon_however_often() -> None:
    waits = [next_due(failures, NOW, 10 * MINUTES, kind=FailureKind.OURS) - NOW for failures in (0, 1, 9)]
    assert waits == [timedelta(seconds=30)] * 3
    assert next_due(1, NOW, timedelta(seconds=5), kind=FailureKind.OURS) == NOW + timedelta(seconds=5)


def test_a_refused_login_waits_an_hour_at_once() -> None:
    assert next_due(1, NOW, MINUTES, kind=FailureKind.LOGIN) == NOW + timedelta(hours=1)
    assert next_due(0, NOW, MINUTES, kind=FailureKind.LOGIN) == NOW + MINUTES


@pytest.mark.parametrize(
    ("asked", "seconds"),
    # the interval is 600 s; a day is the most a server gets
    [
        (None, 600),
        (5.0, 600),
        (1200.0, 1200),
        (299.91, 600),
        (1e18, 86400),
        (float("inf"), 86400),
        (float("nan"), 600),
        (-3.0, 600),
    ],
)
def test_the_servers_word_is_kept(asked: float | None, seconds: float) -> None:
    assert next_due(1, NOW, 10 * MINUTES, kind=FailureKind.THROTTLED, retry_after=asked) == NOW + timedelta(
        seconds=seconds
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Unreachable("x"), FailureKind.SERVER),
        (ConnectionLost("x"), FailureKind.SERVER),
        (DeadlineExceeded("x"), FailureKind.SERVER),
        (StoreBusy("x"), FailureKind.OURS),
        (PostroomError("x"), FailureKind.SERVER),
        (Throttled("x", retry_after=3), FailureKind.THROTTLED),
        (LoginRefused("x"), FailureKind.LOGIN),
        (TlsFailed("x"), FailureKind.CONFIGURATION),
        (TlsMissing("x"), FailureKind.CONFIGURATION),
        (NoSuchFolder("x"), FailureKind.CONFIGURATION),
        (ConfigurationError("x"), FailureKind.CONFIGURATION),
        (InvalidAccount("x"), FailureKind.CONFIGURATION),
    ],
)
def test_kind_of_failure(error: PostroomError, kind: FailureKind) -> None:
    assert kind_of(error) is kind


@pytest.mark.parametrize(
    ("kind", "days", "too_long"),
    [
        (FailureKind.LOGIN, 5, True),
        (FailureKind.CONFIGURATION, 6, True),
        (FailureKind.LOGIN, 4.99, False),
        (FailureKind.SERVER, 400, False),
        (FailureKind.THROTTLED, 400, False),
        (FailureKind.OURS, 400, False),
        (FailureKind.LOGIN, None, False),
    ],
)
def test_only_what_a_person_must_mend_becomes_invalid(kind: FailureKind, days: float | None, too_long: bool) -> None:
    first = None if days is None else NOW - timedelta(days=days)
    assert has_failed_for_too_long(kind, first, NOW) is too_long
