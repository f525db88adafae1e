"""What is noted of a folder, and which of it is worth another try."""

import pytest

from core.inbound.marks import BEFORE_START, MOST_TRIES
from core.inbound.noted import Left, Noted
from core.protocols.source import Key, Missing

NOW, BEFORE = 7, 6


def key(uid: int, numbering: int = NOW) -> Key:
    return Key("INBOX", numbering, uid, "")


NOTED = Noted(
    grown=[key(1), key(1, BEFORE)],
    left=[
        Left(key(2), "refused", 1),
        Left(key(3), "refused", MOST_TRIES),
        Left(key(4), BEFORE_START, MOST_TRIES),
        Left(key(5), Missing.GONE.value, MOST_TRIES),
        Left(key(6, BEFORE), "refused", 1),
        Left(key(90), "refused", 1),
    ],
)


@pytest.mark.parametrize(("is_asked", "expected"), [(False, [1, 2]), (True, [1, 2, 3])])
def test_what_grew_and_what_is_not_given_up_is_due_again(*, is_asked: bool, expected: list[int]) -> None:
    # 90 is above the mark: it is listed anyway. A person who asks has what was given up tried once more.
    assert NOTED.due_again(NOW, 10, is_asked=is_asked) == expected


def test_what_was_tried_too_often_is_left_alone_in_its_numbering() -> None:
    assert NOTED.left_alone(NOW) == {(3, ""), (4, ""), (5, "")}
    assert NOTED.left_alone(BEFORE) == set()


def test_what_came_before_the_start_is_never_tried_again() -> None:
    maildrop = Noted(
        left=[
            Left(Key("", 0, 0, "old"), BEFORE_START, MOST_TRIES),
            Left(Key("", 0, 0, "tried"), "refused", 1),
            Left(Key("", 0, 0, "given up"), "refused", MOST_TRIES),
        ]
    )
    assert maildrop.uidls_again(is_asked=False) == {"tried": True, "given up": False}
    assert maildrop.uidls_again(is_asked=True) == {"tried": True, "given up": True}
