from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.outbound.pick import Choice, Hop, MailboxFacts, NoMailbox, Roster, Wait, loop_in_failovers, pick
from core.outbound.roster import FromClass

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
MUCH_LATER = NOW + timedelta(hours=1)


def box(id: int, **facts: object) -> MailboxFacts:
    return replace(MailboxFacts(id, "ABCDEFGH"[id - 1]), **facts)


def chain(boxes: list[MailboxFacts], address: str = "x@example.org", **kw: object) -> tuple[int, ...]:
    choice = pick(Roster(boxes), address, NOW, **kw)
    assert isinstance(choice, Choice), choice
    return choice.chain


def spread(boxes: list[MailboxFacts], addresses: list[str]) -> Counter[int]:
    """How often each mailbox comes first when turns are taken one after the other."""
    roster, turns, firsts = Roster(boxes), {}, Counter()
    for number, address in enumerate(addresses, 1):
        choice = pick(roster, address, NOW, turns=turns)
        assert isinstance(choice, Choice)
        turns[choice.turn_of] = number
        firsts[choice.chain[0]] += 1
    return firsts


def test_longest_idle_goes_first_and_the_rest_follows_in_turn() -> None:
    assert chain([box(1, last_turn=9), box(2, last_turn=3), box(3, last_turn=5)]) == (2, 3, 1)


def test_turns_go_round_equally() -> None:
    assert spread([box(1), box(2), box(3)], ["x@example.org"] * 300) == {1: 100, 2: 100, 3: 100}


def test_a_mailbox_that_joins_late_is_not_starved_nor_floods_for_long() -> None:
    assert spread([box(1, last_turn=500), box(2, last_turn=501), box(3)], ["x@example.org"] * 3)[3] >= 1


def test_two_groups_with_mail_alternating_use_all_four_equally() -> None:
    boxes = [
        box(1, from_filter=("a.example",)),
        box(2, from_filter=("a.example",)),
        box(3, from_filter=("b.example",)),
        box(4, from_filter=("b.example",)),
    ]
    assert spread(boxes, ["x@a.example", "x@b.example"] * 100) == {1: 50, 2: 50, 3: 50, 4: 50}


def test_lowest_priority_number_first_then_the_next() -> None:
    assert chain([box(1, priority=20), box(2, priority=10), box(3, priority=10, last_turn=1)]) == (2, 3, 1)


def test_each_hop_says_why_it_stands_there_and_the_first_takes_the_turn() -> None:
    boxes = [box(1, failover=2), box(2, active=False), box(3, last_turn=1), box(4, priority=20, last_turn=-1)]
    choice = pick(Roster(boxes), "x@example.org", NOW)
    assert isinstance(choice, Choice)
    assert choice.turn_of == 1
    assert choice.hops == (
        Hop(1, "its turn"),
        Hop(2, "failover of A"),
        Hop(3, "next in turn of its priority"),
        Hop(4, "next priority, 20"),
    )


@pytest.mark.parametrize(
    ("address", "first", "from_class"),
    [
        ("boss@example.org", 1, FromClass.EXACT),
        (" BOSS@Example.ORG ", 1, FromClass.EXACT),
        ("any@example.org", 2, FromClass.DOMAIN),
        ("any@example.com", 3, FromClass.OPEN),
        ("any@sub.example.org", 3, FromClass.OPEN),
        ("", 3, FromClass.OPEN),
    ],
)
def test_best_from_class_is_chosen(address: str, first: int, from_class: FromClass) -> None:
    boxes = [
        box(1, from_filter=("Boss@example.org",), priority=99),
        box(2, from_filter=("@example.org",), priority=50),
        box(3),
    ]
    choice = pick(Roster(boxes), address, NOW)
    assert isinstance(choice, Choice)
    assert choice.chain == (first,), "a worse class is never used"
    assert choice.from_class is from_class
    assert not choice.replace_from


def test_a_worse_class_is_not_used_even_when_the_class_cools() -> None:
    boxes = [box(1, from_filter=("example.org",), cooling_until=LATER), box(2)]
    outcome = pick(Roster(boxes), "x@example.org", NOW)
    assert isinstance(outcome, Wait)
    assert outcome.until == LATER


def test_an_inactive_mailbox_has_no_class() -> None:
    assert chain([box(1, from_filter=("example.org",), active=False), box(2)]) == (2,)


def test_without_a_class_the_lowest_priority_sends_with_from_replaced() -> None:
    boxes = [box(1, from_filter=("a.example",), priority=20), box(2, from_filter=("b.example",), priority=10)]
    choice = pick(Roster(boxes), "x@c.example", NOW)
    assert isinstance(choice, Choice)
    assert choice.replace_from
    assert choice.chain == (2, 1)


def test_failover_comes_next_though_inactive_and_chains_are_followed() -> None:
    boxes = [box(1, failover=2), box(2, active=False, failover=3), box(3, active=False), box(4, last_turn=1)]
    assert chain(boxes) == (1, 2, 3, 4)


def test_a_failover_takes_no_turn_of_its_own() -> None:
    firsts = spread([box(1, failover=2), box(2), box(3)], ["x@example.org"] * 10)
    assert firsts == {1: 5, 3: 5}


def test_the_failover_of_an_inactive_mailbox_takes_turns() -> None:
    assert spread([box(1, failover=2, active=False), box(2)], ["x@example.org"] * 2) == {2: 2}


def test_a_failover_of_a_worse_class_is_passed_over_but_its_chain_followed() -> None:
    boxes = [
        box(1, from_filter=("example.org",), failover=2),
        box(2, active=False, failover=3),
        box(3, active=False, from_filter=("x@example.org",)),
    ]
    choice = pick(Roster(boxes), "x@example.org", NOW)
    # 1 is of the domain's class, and 3 names the address itself, but is not active: it has no class, only a chain.
    assert isinstance(choice, Choice)
    assert choice.chain == (1, 3)
    assert [hop.mailbox for hop in choice.passed_over] == [2]


def test_the_only_mailbox_of_a_class_sends_though_another_class_names_it() -> None:
    boxes = [box(1, failover=2), box(2, from_filter=("example.org",))]
    assert chain(boxes, "x@example.org") == (2,)


def test_cooling_mailbox_keeps_its_turn_and_its_failover_takes_it() -> None:
    boxes = [box(1, failover=2, cooling_until=LATER), box(2, active=False), box(3, last_turn=1)]
    choice = pick(Roster(boxes), "x@example.org", NOW)
    assert isinstance(choice, Choice)
    assert choice.chain == (2, 3)
    assert choice.turn_of == 1


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


@pytest.mark.parametrize("boxes", [[], [box(1, active=False)], [box(1, can_send=False)]])
def test_nobody_is_there(boxes: list[MailboxFacts]) -> None:
    outcome = pick(Roster(boxes), "x@example.org", NOW)
    assert isinstance(outcome, NoMailbox)
    assert outcome.why == "no mailbox: none is active with a template that can send"
    assert not outcome.is_too_large


def test_a_failover_that_has_no_server_is_passed_over() -> None:
    choice = pick(Roster([box(1, failover=2), box(2, active=False, can_send=False)]), "x@example.org", NOW)
    assert isinstance(choice, Choice)
    assert choice.chain == (1,)
    assert choice.passed_over == (Hop(2, "its template is gone or has no server to send to"),)


def test_the_mailbox_asked_for_and_its_failovers_alone() -> None:
    boxes = [box(1), box(2, failover=3, from_filter=("other.example",)), box(3, active=False)]
    choice = pick(Roster(boxes), "x@example.org", NOW, forced=2)
    assert isinstance(choice, Choice)
    assert (choice.chain, choice.turn_of, choice.replace_from) == ((2, 3), 2, False)


def test_the_mailbox_asked_for_is_inactive_or_gone() -> None:
    boxes = [box(1), box(2, active=False)]
    inactive, gone = (pick(Roster(boxes), "x@example.org", NOW, forced=forced) for forced in (2, 7))
    assert inactive == NoMailbox("no mailbox: B: not active", False, (Hop(2, "not active"),))
    assert gone == NoMailbox("no mailbox: the one that was asked for is gone")


def test_the_failover_of_an_inactive_mailbox_that_was_asked_for_sends() -> None:
    assert chain([box(1), box(2, active=False, failover=3), box(3)], forced=2) == (3,)


def test_the_mailbox_asked_for_is_waited_for_when_its_rate_is_used_up() -> None:
    outcome = pick(Roster([box(1, failover=2), box(2)]), "x@example.org", NOW, forced=1, out_of_rate={1: LATER})
    assert isinstance(outcome, Wait)
    assert (outcome.until, outcome.rate_of) == (LATER, 1)


@pytest.mark.parametrize(
    ("links", "circle"),
    [
        ({1: 2, 2: 1}, "A → B → A"),
        ({1: 1}, "A → A"),
        ({1: 2, 2: 3, 3: 2}, "B → C → B"),
        ({1: 2, 2: 3}, None),
        ({1: 3, 2: 3}, None),
        ({1: 9}, None),
        ({}, None),
    ],
)
def test_loop_in_failovers_is_named(links: dict[int, int], circle: str | None) -> None:
    assert loop_in_failovers([box(id, failover=links.get(id)) for id in (1, 2, 3)]) == circle


def test_a_loop_that_got_in_anyway_still_sends() -> None:
    assert chain([box(1, failover=2), box(2, failover=1)]) == (1, 2)


def test_mailboxes_that_are_all_failovers_of_another_class_take_turns() -> None:
    ours = ("example.org",)
    boxes = [box(1, failover=3), box(2, failover=4), box(3, from_filter=ours), box(4, from_filter=ours)]
    assert spread(boxes, ["x@example.org"] * 10) == {3: 5, 4: 5}


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
