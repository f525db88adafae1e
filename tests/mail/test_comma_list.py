"""Lists are cut at their commas, and no list of signs that never close takes longer than its length."""

import pytest

from core.mail.comma_list import between_commas


@pytest.mark.parametrize(
    ("value", "pieces"),
    [
        ("", []),
        (",,", []),
        ("a@b, c@d", ["a@b", " c@d"]),
        ('"Doe, John" <a@b>,c@d', ['"Doe, John" <a@b>', "c@d"]),
        (r'"a \", b", c', [r'"a \", b"', " c"]),
        ("a (x, y), b", ["a (x, y)", " b"]),
        ("a (b (c, d)), e", ["a (b (c, d))", " e"]),
        ('a", b@c', ['a"', " b@c"]),
        ("a (x, b@c", ["a (x", " b@c"]),
        (r'"\", "x, y"', [r'"\", "x', ' y"']),
    ],
)
def test_a_list_is_cut_at_the_commas_outside_of_quotes_and_comments(value: str, pieces: list[str]) -> None:
    assert between_commas(value) == pieces


@pytest.mark.parametrize("value", ['"' + '\\"' * 200_000, "(" + "\\(" * 200_000, '"\\' * 200_000, '("' * 200_000])
def test_signs_that_never_close_are_looked_at_once(value: str) -> None:
    assert "".join(between_commas(value)) == value  # each looked for to the end of the list, it would take hours
