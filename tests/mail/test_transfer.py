import pytest

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
