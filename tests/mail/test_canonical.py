import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.mail.canonical import canonical_crlf, is_canonical


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        (b"a\r\nb\r\n", b"a\r\nb\r\n"),
        (b"", b"\r\n"),
        (b"a", b"a\r\n"),
        (b"a\nb\n", b"a\r\nb\r\n"),
        (b"a\rb", b"a\r\nb\r\n"),
        (b"a\r\nb\nc\rd", b"a\r\nb\r\nc\r\nd\r\n"),
        (b"a\r\r\nb\r\n", b"a\r\nb\r\n"),
        (b"a\r\rb\r\n", b"a\r\n\r\nb\r\n"),
        (b"a\n\nb", b"a\r\n\r\nb\r\n"),
        # The endings of SMTP smuggling (CVE-2023-51764 and its kin).
        (b"x\n.\ny", b"x\r\n.\r\ny\r\n"),
        (b"x\n.\r\ny", b"x\r\n.\r\ny\r\n"),
        (b"x\r.\ry", b"x\r\n.\r\ny\r\n"),
        (b"x\r\n.\ry", b"x\r\n.\r\ny\r\n"),
    ],
)
def test_every_line_ends_with_crlf(raw: bytes, canonical: bytes) -> None:
    assert canonical_crlf(raw) == canonical


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b".", b"\0"])).map(b"".join))
def test_canonical_form_holds_no_bare_ending_and_is_its_own(raw: bytes) -> None:
    canonical = canonical_crlf(raw)
    assert is_canonical(canonical)
    assert canonical_crlf(canonical) == canonical
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", canonical)
    assert re.sub(rb"[\r\n]", b"", canonical) == re.sub(rb"[\r\n]", b"", raw)
    assert is_canonical(raw) == (canonical == raw)
