"""Mailboxes that cannot send a message now: cooling, out of rate, too small, without SMTPUTF8, without a server."""

from datetime import datetime

import pytest

from core.outbound.decisions.pick import Choice, Hop, NoMailbox, Wait, pick
from core.outbound.decisions.roster import MailboxFacts, Roster
from tests.outbound.boxes import LATER, MUCH_LATER, NOW, box, chain


def test_cooling_mailbox_keeps_its_turn_and_its_failover_takes_it() -> None:
    boxes = [box(1, failover=2, cooling_until=LATER), box(2, active=False), box(3, last_turn=1)]
    choice = pick(Roster(boxes), "x@example.org", NOW)
    assert isinstance(choice, Choice)
    assert choice.chain == (2, 3)
    assert choice.turn_of == 1


def test_cooling_mailbox_keeps_its_turn_though_the_next_priority_is_out_of_rate() -> None:
    boxes = [box(1, failover=2, cooling_until=LATER), box(2, active=False), box(3, priority=20)]
    choice = pick(Roster(boxes), "x@example.org", NOW, out_of_rate={3: LATER})
    assert isinstance(choice, Choice)
    assert (choice.chain, choice.turn_of) == ((2,), 1)


def test_cooling_mailbox_without_failover_gives_to_its_peers() -> None:
    choice = pick(Roster([box(1, cooling_until=LATER), box(2, last_turn=1)]), "x@example.org", NOW)
    assert isinstance(choice, Choice)
    assert (choice.chain, choice.turn_of) == ((2,), 1)


@pytest.mark.parametrize(("first", "second"), [(LATER, MUCH_LATER), (MUCH_LATER, LATER)])
def test_all_cooling_waits_for_the_earliest_end(first: datetime, second: datetime) -> None:
    boxes = [box(1, cooling_until=first, failover=2), box(2, cooling_until=second, active=False)]
    outcome = pick(Roster(boxes), "x@example.org", NOW)
    assert isinstance(outcome, Wait)
    assert (outcome.until, outcome.rate_of) == (LATER, None)
    assert "A: cools down" in outcome.why
    assert [(hop.mailbox, hop.may_come) for hop in outcome.passed_over] == [(1, True), (2, True)]


def test_cooling_that_is_over_is_forgotten() -> None:
    assert chain([box(1, cooling_until=NOW)]) == (1,)


def test_cooling_peers_leave_it_to_the_next_priority() -> None:
    assert chain([box(1, cooling_until=LATER), box(2, priority=20)]) == (2,)


def test_out_of_rate_gives_the_turn_to_the_next_never_to_the_failover() -> None:
    boxes = [box(1, failover=3), box(2, last_turn=1), box(3, active=False)]
    choice = pick(Roster(boxes), "x@example.org", NOW, out_of_rate={1: LATER})
    assert isinstance(choice, Choice)
    assert (choice.chain, choice.turn_of) == ((2,), 2)


def test_all_out_of_rate_waits_and_uses_no_worse_priority() -> None:
    boxes = [box(1, failover=2), box(2, active=False), box(3, priority=20)]
    outcome = pick(Roster(boxes), "x@example.org", NOW, out_of_rate={1: LATER})
    assert isinstance(outcome, Wait)
    assert (outcome.until, outcome.rate_of) == (LATER, 1)


def test_a_worse_priority_without_rate_keeps_no_message_waiting() -> None:
    assert chain([box(1), box(2, priority=20)], out_of_rate={2: LATER}) == (1,)


def test_a_rate_is_waited_for_though_others_are_too_small() -> None:
    boxes = [box(1, max_size=100), box(2), box(3, priority=20)]
    outcome = pick(Roster(boxes), "x@example.org", NOW, size=500, out_of_rate={2: LATER})
    assert isinstance(outcome, Wait)
    assert (outcome.until, outcome.rate_of) == (LATER, 2)


@pytest.mark.parametrize(
    ("facts", "asked"),
    [
        ({"max_size": 100}, {"size": 500}),
        ({"max_size": 100}, {"size": 500, "out_of_rate": {1: LATER}}),
        ({"takes_utf8": False}, {"needs_utf8": True, "out_of_rate": {1: LATER}}),
    ],
)
def test_who_could_not_take_it_anyway_is_not_waited_for(facts: dict[str, object], asked: dict[str, object]) -> None:
    assert chain([box(1, **facts), box(2, priority=20)], **asked) == (2,)


def test_a_message_too_large_for_all_in_turn_goes_to_a_failover_that_takes_the_turn() -> None:
    boxes = [box(1, max_size=100, failover=3), box(2, last_turn=1, max_size=100), box(3, active=False)]
    choice = pick(Roster(boxes), "x@example.org", NOW, size=500)
    assert isinstance(choice, Choice)
    assert (choice.chain, choice.turn_of) == ((3,), 3)


def test_the_failover_of_who_has_the_turn_comes_before_that_of_who_could_not_take_it() -> None:
    boxes = [
        box(1, max_size=100, failover=3), box(2, last_turn=1, failover=4), box(3, active=False), box(4, active=False),
    ]  # fmt: skip
    assert chain(boxes, size=500) == (2, 4, 3)


def test_a_message_over_the_limit_goes_to_who_takes_it() -> None:
    boxes = [box(1, max_size=100), box(2, last_turn=5, max_size=1000)]
    choice = pick(Roster(boxes), "x@example.org", NOW, size=500)
    assert isinstance(choice, Choice)
    assert (choice.chain, choice.turn_of) == ((2,), 2)
    assert chain(boxes, size=100) == (1, 2)


def test_a_message_over_every_limit_has_no_mailbox() -> None:
    outcome = pick(Roster([box(1, max_size=100)]), "x@example.org", NOW, size=500)
    assert isinstance(outcome, NoMailbox)
    assert outcome.is_too_large


@pytest.mark.parametrize("facts", [{"active": False}, {"can_send": False}])
def test_a_large_message_waits_for_who_may_take_it_once_a_person_has_mended_something(facts: dict[str, object]) -> None:
    boxes = [box(1, failover=2, **facts), box(2, active=False, max_size=100)]
    outcome = pick(Roster(boxes), "x@example.org", NOW, size=500, forced=1)
    assert isinstance(outcome, NoMailbox)
    assert not outcome.is_too_large


def test_a_failover_that_has_no_server_is_passed_over() -> None:
    choice = pick(Roster([box(1, failover=2), box(2, active=False, can_send=False)]), "x@example.org", NOW)
    assert isinstance(choice, Choice)
    assert choice.chain == (1,)
    assert choice.passed_over == (Hop(2, "its template is gone or has no server to send to"),)


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        # The turn passes to the first that offers it, or may.
        ([box(1, takes_utf8=False), box(2, takes_utf8=True)], (2,)),
        ([box(1, takes_utf8=False, failover=2), box(2, active=False), box(3, priority=20)], (2, 3)),
        ([box(1, priority=1, takes_utf8=False), box(2, takes_utf8=True), box(3)], (2, 3)),
        # What a relay offers may change: where none is known to, all are asked anew.
        ([box(1, takes_utf8=False), box(2, takes_utf8=False)], (1, 2)),
        ([box(1, takes_utf8=False), box(2, can_send=False)], (1,)),
    ],
)
def test_who_needs_smtputf8_goes_where_it_may_be_offered(boxes: list[MailboxFacts], expected: tuple[int, ...]) -> None:
    assert chain(boxes, needs_utf8=True) == expected


def test_who_is_asked_anew_for_smtputf8_is_not_passed_over() -> None:
    boxes = [box(1, takes_utf8=False), box(2, max_size=100)]
    choice = pick(Roster(boxes), "x@example.org", NOW, size=500, needs_utf8=True)
    assert isinstance(choice, Choice)
    assert (choice.chain, choice.turn_of) == ((1,), 1)
    assert [hop.mailbox for hop in choice.passed_over] == [2]


def test_who_needs_smtputf8_waits_for_the_mailbox_that_may_offer_it() -> None:
    boxes = [box(1, takes_utf8=False), box(2, cooling_until=LATER)]

    waiting = pick(Roster(boxes), "x@example.org", NOW, needs_utf8=True)

    assert isinstance(waiting, Wait)
    assert waiting.until == LATER
    assert waiting.why == "B: cools down until 12:05:00 UTC; A: has a relay without SMTPUTF8, which the recipient needs"
    assert chain(boxes) == (1,)
    out = pick(Roster(boxes), "x@example.org", NOW, needs_utf8=True, out_of_rate={1: LATER, 2: MUCH_LATER})
    assert isinstance(out, Wait)
    assert out.until == LATER


def test_a_mailbox_asked_for_is_asked_again_for_smtputf8() -> None:
    assert chain([box(1, takes_utf8=False), box(2)], forced=1, needs_utf8=True) == (1,)
    assert chain([box(1, takes_utf8=False, failover=2), box(2)], forced=1, needs_utf8=True) == (2,)
