"""User names and passwords in the form that both sides reckon with."""

import pytest

from core.protocols.sasl.prepared import prepared


@pytest.mark.parametrize(
    ("text", "form"),
    [
        # RFC 4013 §3
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        # letters in two ways
        ("u\u0308", "\u00fc"),
        ("\u00fc\u20ac", "\u00fc\u20ac"),
        ("a\u00a0b", "a b"),
        ("\u0627\u0628", "\u0627\u0628"),
        # younger than the rules: let through
        ("\u1e9e\U0001f600", "\u1e9e\U0001f600"),
        ("", ""),
    ],
)
def test_both_sides_reckon_with_one_form(text: str, form: str) -> None:
    assert prepared(text) == form


@pytest.mark.parametrize(
    "text", ["\u0007", "a\u0007\u00aa", "\u0627\u0031", "\ue000\u00aa", "\ud800", "\u00ad", "a\u0627"]
)
def test_what_the_rules_forbid_stays_as_it_is(text: str) -> None:
    assert prepared(text) == text
