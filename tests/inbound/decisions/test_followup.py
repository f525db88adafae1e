from datetime import date

import pytest

from core.inbound.decisions.followup import Candidates, candidates, choose, numbers_in, record_number

HOOKS = ("Ticket#", "Grievance#", "Change#")
N = "2026030110000042"


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (f"Re: [Ticket#{N}] printer", (N,)),
        (f"Ticket#{N}", (N,)),
        (f"AW: Ticket#: {N} - printer", (N,)),
        (f"ticket#:{N}", (N,)),
        (f"[Grievance#{N}]", (N,)),
        (f"Change#{N}, please", (N,)),
        (f"[Ticket#{N}] and [Ticket#2026030210000043]", (N, "2026030210000043")),
        (f"Ticket#{N} Ticket#{N}", (N,)),
        ("Ticket#20260301101234567", ("20260301101234567",)),
        # no hook, other words
        (N, ()),
        (f"Order#{N}", ()),
        ("Ticket#42", ()),
        ("Ticket#: ", ()),
        ("", ()),
        # no date
        ("Ticket#2026130110000042", ()),
        ("Ticket#2026030010000042", ()),
        # another system's: 11, 1, 9, and 100 whose counter would begin with a zero
        ("Ticket#2026030111000042", ()),
        ("Ticket#202603011000042", ()),
        ("Ticket#202603019000042", ()),
        ("Ticket#20260301100000042", ()),
        # longer than a number is
        (f"Ticket#{N}" + "1" * 20, ()),
        ("Ticket#" + "1" * 10_000, ()),
    ],
)
def test_numbers_in_a_subject(subject: str, expected: tuple[str, ...]) -> None:
    assert numbers_in(subject, 10, HOOKS) == expected


@pytest.mark.parametrize("system_id", [1, 9, 10, 101, 9999])
@pytest.mark.parametrize("counter", [1, 999_999, 1_000_000, 123_456_789])
def test_a_number_we_give_is_a_number_we_read(system_id: int, counter: int) -> None:
    number = record_number(date(2026, 3, 1), system_id, counter)
    assert numbers_in(f"Re: [Ticket#{number}]", system_id, HOOKS) == (number,)


def test_a_hook_that_begins_like_another_is_found() -> None:
    for hooks in (("Change", "Change#"), ("Change#", "Change")):
        assert numbers_in(f"Change#{N}", 10, hooks) == (N,)


def test_a_hook_with_signs_of_an_expression_is_plain_text() -> None:
    assert numbers_in(f"A.B(#{N}", 10, ("A.B(#",)) == (N,)
    assert numbers_in(f"AxB(#{N}", 10, ("A.B(#",)) == ()


def test_a_hostile_number_of_numbers_is_bounded() -> None:
    subject = " ".join(f"Ticket#{record_number(date(2026, 3, 1), 10, n)}" for n in range(400))
    assert len(numbers_in(subject, 10, HOOKS)) == 20
    assert len(candidates("", tuple(f"<{n}@x>" for n in range(1000)), 10, HOOKS).message_ids) == 50
    in_attachments = [f"Ticket#{record_number(date(2026, 3, 1), 10, n)}" for n in range(400)]
    assert len(candidates("", (), 10, HOOKS, late_text=in_attachments).late_numbers) == 20


WANTED = Candidates(numbers=("1", "2"), message_ids=("<new@x>", "<old@x>"), late_numbers=("9",))


@pytest.mark.parametrize(
    ("numbers", "ids", "number", "rule"),
    [
        ({"1", "2"}, {"<new@x>": "5"}, "1", "subject"),
        ({"2"}, {"<new@x>": "5"}, "2", "subject"),
        ({"9"}, {"<new@x>": "5", "<old@x>": "6"}, "5", "references"),
        ({"9"}, {"<old@x>": "6"}, "6", "references"),
        ({"9"}, {}, "9", "body"),
    ],
)
def test_numbers_count_before_references_and_the_newest_first(
    numbers: set[str], ids: dict[str, str], number: str, rule: str
) -> None:
    found = choose(WANTED, numbers, ids)
    assert found is not None
    assert (found.number, found.rule) == (number, rule)


def test_nothing_known_is_no_follow_up() -> None:
    assert choose(WANTED, {"7"}, {"<other@x>": "7"}) is None
    assert not candidates("hello", (), 10, HOOKS)


def test_body_numbers_are_asked_last() -> None:
    wanted = candidates("hello", ("<a@x>",), 10, HOOKS, late_text=[f"see Ticket#{N}"])
    assert wanted == Candidates((), ("<a@x>",), (N,))
