import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text import bounded, clean, counted, ended, safe_text

any_text = st.text(st.characters(categories=None))
"""Every code point, lone surrogates included."""

controls_and_surrogates = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@pytest.mark.parametrize(
    ("foreign", "stored"),
    [
        ("Grüße, 世界", "Grüße, 世界"),
        ("", ""),
        ("no\xa0break", "no\xa0break"),
        ("nul\x00", "nul\ufffd"),
        ("half \ud83d of a pair", "half \ufffd of a pair"),
        ("a\r\nBcc: x@example.org", "a Bcc: x@example.org"),
        ("a\r\n\t b", "a  b"),
        ("\x1b]52;c;aGk=\x07", "\ufffd]52;c;aGk=\ufffd"),
        ("\x9b2J \x85 \x7f", "\ufffd2J \ufffd \ufffd"),
    ],
)
def test_stored_text_is_one_line_without_controls(foreign: str, stored: str) -> None:
    assert clean(foreign) == stored


@pytest.mark.parametrize(
    ("foreign", "stored"),
    [
        ("one\r\ntwo\rthree\n\tfour", "one\ntwo\nthree\n\tfour"),
        ("a\x00\x0c\x1b\ud800b", "a\ufffd\ufffd\ufffd\ufffdb"),
    ],
)
def test_stored_lines_keep_their_breaks_and_tabs(foreign: str, stored: str) -> None:
    assert clean(foreign, multiline=True) == stored


@given(any_text, st.booleans())
def test_cleaning_twice_changes_nothing_more(foreign: str, multiline: bool) -> None:
    stored = clean(foreign, multiline=multiline)
    assert clean(stored, multiline=multiline) == stored
    assert not set(controls_and_surrogates.findall(stored)) - (set("\t\n") if multiline else set())
    stored.encode()


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("plain [/] [red]", "plain [/] [red]"),
        ("Grüße ❤\ufe0f", "Grüße ❤"),
        ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
        ("a\r\n\tb\x00\x7f", "a␍␊␉b␀␡"),
        ("\x9b2J", "\ufffd2J"),
        ("\u202egpj.exe", "\ufffdgpj.exe"),
        ("a\u2066b\u2069c\u200ed\u061ce", "a\ufffdb\ufffdc\ufffdd\ufffde"),
        ("pay\u3164pal\u1160\u17b4 \U0001bca0", "pay\ufffdpal\ufffd\ufffd \ufffd"),
        ("pay\u200bpal \ufeff\u2028\u00ad", "pay\ufffdpal \ufffd\ufffd\ufffd"),
        ("tag \U000e0041", "tag \ufffd"),
        ("👩\u200d💻 می\u200cخواهم", "👩💻 میخواهم"),
        ("pay\u200dpal \u200c", "pay\ufffdpal \ufffd"),
        ("\udc80", "\ufffd"),
    ],
)
def test_shown_text_makes_commands_and_tricks_visible(foreign: str, shown: str) -> None:
    assert safe_text(foreign) == shown


def test_shown_lines_keep_their_breaks_alone() -> None:
    assert safe_text("a\r\nb\n\tc\rd\x1b", multiline=True) == "a\nb\n    c␍d␛"


@given(any_text, st.booleans())
def test_showing_twice_changes_nothing_more(foreign: str, multiline: bool) -> None:
    shown = safe_text(foreign, multiline=multiline)
    assert safe_text(shown, multiline=multiline) == shown
    controls = {sign for sign in shown if unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"}}
    assert controls <= ({"\n"} if multiline else set())


@pytest.mark.parametrize(
    ("text", "length", "cut"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("abcd", 1, "…"), ("abcd", 0, ""), ("", 0, ""), ("a", -1, "")],
)
def test_a_cut_shows_as_an_ellipsis(text: str, length: int, cut: str) -> None:
    assert bounded(text, length) == cut


@pytest.mark.parametrize(
    ("count", "words", "told"),
    [
        (0, ("message",), "0 messages"),
        (1, ("message",), "1 message"),
        (2000, ("message",), "2,000 messages"),
        (1, ("delivery was", "deliveries were"), "1 delivery was"),
        (2, ("delivery was", "deliveries were"), "2 deliveries were"),
        (1.0, ("hour",), "1 hour"),
        (1.5, ("hour",), "1.5 hours"),
    ],
)
def test_what_is_counted_is_one_or_several(count: float, words: tuple[str, ...], told: str) -> None:
    assert counted(count, *words) == told


@pytest.mark.parametrize(
    ("said", "shown"), [("", ""), ("Not now", "Not now."), ("Not now.", "Not now."), ("Really?", "Really?")]
)
def test_what_another_sentence_follows_has_its_full_stop_once(said: str, shown: str) -> None:
    assert ended(said) == shown
