"""User names and passwords in the one form that both sides reckon with (SASLprep: RFC 4013, after RFC 3454)."""

from __future__ import annotations

import stringprep
from collections.abc import Callable
from unicodedata import ucd_3_2_0 as unicode_3_2

_PROHIBITED: tuple[Callable[[str], bool], ...] = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def prepared(text: str) -> str:
    """The form in which a text is compared: `Ⅸ` is `IX`, a soft hyphen is nothing.

    What the rules forbid (control characters, private letters) stays as it is, as most servers leave it that check a
    password of that kind at all; letters that are younger than the rules are let through (RFC 3454 §7: a query).
    """
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(" " if stringprep.in_table_c12(each) else each for each in text if not _is_nothing(each))
    normal = unicode_3_2.normalize("NFKC", mapped)
    return text if not normal or _is_forbidden(normal) else normal


def _is_nothing(letter: str) -> bool:
    return stringprep.in_table_b1(letter)


def _is_forbidden(text: str) -> bool:
    return any(forbids(each) for each in text for forbids in _PROHIBITED) or _is_mixed(text)


def _is_mixed(text: str) -> bool:
    """Whether letters of both directions stand in it, or one from the right not at both ends (RFC 3454 §6)."""
    if not any(map(stringprep.in_table_d1, text)):
        return False
    ends_right = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return not ends_right or any(map(stringprep.in_table_d2, text))
