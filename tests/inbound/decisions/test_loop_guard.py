from datetime import UTC, datetime, timedelta

import pytest

from core.inbound.decisions.loop_guard import LoopCause, LoopRule, comes_from_us, guard

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RULE = LoopRule(host_marks=frozenset({"host-1"}), own_addresses=frozenset({"help@example.org"}))


def times(count: int, *, minutes_ago: float = 1) -> list[datetime]:
    return [NOW - timedelta(minutes=minutes_ago)] * count


@pytest.mark.parametrize(
    ("sender", "marks", "is_ours"),
    [
        ("a@x.example", (), False),
        ("a@x.example", ("host-1",), True),
        ("a@x.example", ("other", "host-1"), True),
        ("a@x.example", ("host-10", "xhost-1"), False),
        ("help@example.org", (), True),
        ("", (), False),
    ],
)
def test_what_comes_from_us(sender: str, marks: tuple[str, ...], is_ours: bool) -> None:
    assert (comes_from_us(sender, marks, RULE) is not None) is is_ours


def test_without_a_mark_of_our_own_nothing_matches_it() -> None:
    assert comes_from_us("a@x", ("",), LoopRule()) is None


@pytest.mark.parametrize(
    ("recorded", "stopped"),
    [
        ([], False),
        (times(19), False),
        (times(20), True),
        (times(500), True),
        (times(20, minutes_ago=121), False),
        (times(15, minutes_ago=130) + times(19), False),
        (times(1, minutes_ago=120) + times(19), True),  # the window's edge counts
        (times(30, minutes_ago=-5), False),  # later than this message
    ],
)
def test_twenty_records_in_two_hours_are_the_most(recorded: list[datetime], stopped: bool) -> None:
    found = guard("a@x.example", NOW, recorded, RULE)
    assert (found is not None) is stopped
    if found is not None:
        assert found.rule is LoopCause.TOO_MANY


@pytest.mark.parametrize(
    ("sender", "window", "why"),
    [
        ("a@x", timedelta(hours=2), "a@x has made 20 records in 2 hours"),
        ("a@x", timedelta(hours=1), "a@x has made 20 records in 1 hour"),
        ("a@x", timedelta(minutes=45), "a@x has made 20 records in 45 minutes"),
        ("", timedelta(hours=2), "nobody has made 20 records in 2 hours"),
    ],
)
def test_it_says_who_made_how_many_in_which_time(sender: str, window: timedelta, why: str) -> None:
    found = guard(sender, NOW, times(20), LoopRule(window=window))
    assert found is not None
    assert found.why == why


def test_limits_are_settings_and_zero_is_off() -> None:
    assert guard("a@x", NOW, times(1000), LoopRule(records=0)) is None
    assert guard("a@x", NOW, times(3), LoopRule(records=3)) is not None
    assert guard("a@x", NOW, times(3, minutes_ago=11), LoopRule(records=3, window=timedelta(minutes=10))) is None


@pytest.mark.parametrize("allowed", ["a@x.example", "x.example", "@x.example"])
def test_the_allow_list_names_addresses_and_domains(allowed: str) -> None:
    rule = LoopRule(allow=frozenset({allowed}))
    assert guard("a@x.example", NOW, times(1000), rule) is None
    assert guard("a@sub.x.example", NOW, times(1000), rule) is not None


def test_our_own_automatic_mail_is_stopped_at_once() -> None:
    found = guard("a@x", NOW, [], RULE, own="it left through this host", automatic="Auto-Submitted: auto-replied")
    assert found is not None
    assert found.rule is LoopCause.OWN_ANSWER
    assert guard("a@x", NOW, [], RULE, automatic="Precedence: bulk") is None


def test_our_own_mail_is_limited_even_where_nobody_else_is() -> None:
    off = LoopRule(records=0)
    assert guard("a@x", NOW, times(19), off, own="it left through this host") is None
    assert guard("a@x", NOW, times(20), off, own="it left through this host") is not None
