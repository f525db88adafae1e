import pytest

from core.mail.flowed import unwrap_flowed


@pytest.mark.parametrize(
    ("wrapped", "text"),
    [
        ("one \ntwo\nthree", "one two\nthree"),
        ("> one \n> two\n>> deeper \n> three", "> one two\n>> deeper \n> three"),
        ("one \n> quoted", "one \n> quoted"),
        ("one \n-- \nAlice", "one \n-- \nAlice"),
        (" From the start\n >not quoted", "From the start\n>not quoted"),
        ("ends \n", "ends \n"),
        ("", ""),
    ],
)
def test_paragraphs_are_joined_within_their_depth(wrapped: str, text: str) -> None:
    assert unwrap_flowed(wrapped).rstrip("\n") == text.rstrip("\n")


def test_delsp_takes_away_the_space_of_the_wrap() -> None:
    assert unwrap_flowed("日本 \n語", delete_space=True) == "日本語"
