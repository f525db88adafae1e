import pytest

from core.mail.body import read_body
from core.mail.transfer import decode_transfer

UU = b"begin 644 cat.txt\n%s\n`\nend\n"


@pytest.mark.parametrize(
    ("line", "content"),
    [
        (b"#0V%T", b"Cat"),
        # Writers fill a line's last group with what they like, and some pad the line beyond it.
        (b'"0V%T', b"Ca"),
        (b'"0V%_', b"Ca"),
        (b"!0U__", b"C"),
        (b"#0V%T  x", b"Cat"),
    ],
)
def test_a_uuencoded_line_is_read_as_far_as_its_length(line: bytes, content: bytes) -> None:
    assert decode_transfer(UU % line, "x-uuencode") == content


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"Good morning to you,\n\nthe disk is full.\n", "Good morning to you,\n\nthe disk is full.\n"),
        (b"<p>Good morning</p>\n", "<p>Good morning</p>\n"),
        # What is there is decoded, whatever stands around it.
        (b"SGVsbG8=\n-- \nsent from a list\nto all of you\n", "Hello"),
        (b"SGVsbG8=", "Hello"),
        (b"SGVs bG8=", "Hello"),
        (b"", ""),
    ],
)
def test_a_text_that_only_claims_to_be_base64_is_read_as_it_is(content: bytes, text: str) -> None:
    assert read_body(b"Content-Transfer-Encoding: base64\n\n" + content).text == text
