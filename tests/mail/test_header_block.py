"""What a header field is made of; that whole messages survive it is told by tests of composing."""

import pytest

from core.mail.header_block import encode_text


def lines_of(name: str, text: str) -> list[str]:
    """A field with a text in it, line by line, as it goes out."""
    before = f"{name}: "
    return (before + encode_text(text, len(before)).decode("ascii")).split("\r\n")


@pytest.mark.parametrize("name", ["To", "From", "Subject", "Reply-To"])
def test_a_line_with_encoded_words_has_at_most_76_characters(name: str) -> None:
    lines = lines_of(name, "Grüße und 1.000 € für 東京 " * 20)
    assert len(lines) > 10
    assert max(map(len, lines)) <= 76  # RFC 2047 §2


@pytest.mark.parametrize(("last_word", "lines"), [(67, 1), (68, 2)])
def test_a_line_of_words_is_broken_when_it_would_be_longer_than_78(last_word: int, lines: int) -> None:
    assert len(lines_of("Subject", "a " + "b" * last_word)) == lines


@pytest.mark.parametrize(("length", "is_encoded"), [(988, False), (990, True)])
def test_a_word_too_long_for_a_line_is_encoded_to_be_cut(length: int, is_encoded: bool) -> None:
    assert lines_of("Subject", "x" * length)[0].startswith("Subject: =?") == is_encoded
