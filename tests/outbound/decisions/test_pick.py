from collections import Counter

import pytest

from core.outbound.decisions.pick import Choice, Hop, NoMailbox, Wait, pick
from core.outbound.decisions.roster import FromClass, MailboxFacts, Roster
from tests.outbound.boxes import LATER, NOW, box, chain


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


def test_each_failover_is_told_by_whose_it_is() -> None:
    choice = pick(Roster([box(1, failover=2), box(2, active=False, failover=3), box(3, active=False)]), "", NOW)
    assert isinstance(choice, Choice)
    assert [hop.why for hop in choice.hops] == ["its turn", "failover of A", "failover of B"]


def test_the_failover_of_another_class_is_there_when_nobody_else_is() -> None:
    boxes = [box(1), box(2, failover=3, from_filter=("other.example",)), box(3, last_turn=-1)]
    assert chain(boxes) == (1, 3)


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


@pytest.mark.parametrize("boxes", [[], [box(1, active=False)], [box(1, can_send=False)]])
def test_nobody_is_there(boxes: list[MailboxFacts]) -> None:
    outcome = pick(Roster(boxes), "x@example.org", NOW)
    assert isinstance(outcome, NoMailbox)
    assert outcome.why == "no mailbox: none is active with a template that can send"
    assert not outcome.is_too_large


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


def test_a_loop_that_got_in_anyway_still_sends() -> None:
    assert chain([box(1, failover=2), box(2, failover=1)]) == (1, 2)


def test_mailboxes_that_are_all_failovers_of_another_class_take_turns() -> None:
    ours = ("example.org",)
    boxes = [box(1, failover=3), box(2, failover=4), box(3, from_filter=ours), box(4, from_filter=ours)]
    assert spread(boxes, ["x@example.org"] * 10) == {3: 5, 4: 5}
