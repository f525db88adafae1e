"""Messages out of files: one alone, or an mbox with its quoting undone."""

import hashlib
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.mail.mbox import read_pieces

SEPARATOR = b"From ann@example.org Fri Nov 20 21:04:10 2026\n"
LARGEST = 10_000


def raws(data: bytes, largest: int = LARGEST) -> list[bytes | None]:
    return [piece.raw for piece in read_pieces(io.BytesIO(data), largest)]


@pytest.mark.parametrize(
    "message",
    [
        b"Subject: x\r\n\r\ntext\r\n",
        b"From: ann@example.org\n\nFrom here on\n\nFrom a@b Fri Nov 20 21:04:10 2026\n",
        b"\nFrom ann@example.org Fri Nov 20 21:04:10 2026\n",
        b"\x00\xff",
        b">From x\n",
        b"x" * 200_000,
    ],
)
def test_what_does_not_begin_as_an_mbox_is_one_message_byte_for_byte(message: bytes) -> None:
    assert raws(message, 1_000_000) == [message]


def test_nothing_holds_no_message() -> None:
    assert raws(b"") == []


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        (SEPARATOR + b"A: 1\n\nx\n\n" + SEPARATOR + b"B: 2\n\ny\n\n", [b"A: 1\n\nx\n", b"B: 2\n\ny\n"]),
        (SEPARATOR + b"A: 1\n\nx\n", [b"A: 1\n\nx\n"]),
        (SEPARATOR + b"A: 1\n\nx", [b"A: 1\n\nx"]),
        (SEPARATOR + b"A: 1\n\nx\n\n\n\n" + SEPARATOR + b"B: 2\n", [b"A: 1\n\nx\n\n\n", b"B: 2\n"]),
        (SEPARATOR + b"A: 1\n\n>From x\n>>From y\n> From z\n", [b"A: 1\n\nFrom x\n>From y\n> From z\n"]),
        (SEPARATOR + b"A: 1\n\nx\n\nFrom the start\n", [b"A: 1\n\nx\n\nFrom the start\n"]),
        (SEPARATOR + b"A: 1\n\nx\n" + SEPARATOR + b"y\n", [b"A: 1\n\nx\n" + SEPARATOR + b"y\n"]),
        (
            (SEPARATOR + b"A: 1\n\nx\n\n" + SEPARATOR + b"B: 2\n").replace(b"\n", b"\r\n"),
            [b"A: 1\r\n\r\nx\r\n", b"B: 2\r\n"],
        ),
        (b"From - Fri Nov 20 21:04:10 2026\nA: 1\n\n" + SEPARATOR, [b"A: 1\n", b""]),
        (b"From \nA: 1\n", [b"A: 1\n"]),
        (b"From " + b"x" * 100_000 + b"\nA: 1\n", [b"A: 1\n"]),
        (SEPARATOR + b"A: 1\n\n" + b"x" * 100_000 + b"From y\n", [b"A: 1\n\n" + b"x" * 100_000 + b"From y\n"]),
    ],
)
def test_an_mbox_is_taken_apart_and_its_quoting_undone(data: bytes, messages: list[bytes]) -> None:
    assert raws(data, 1_000_000) == messages


@pytest.mark.parametrize(
    ("separator", "received_at"),
    [
        (SEPARATOR, datetime(2026, 11, 20, 21, 4, 10, tzinfo=UTC)),
        (b"From - Fri Nov 20 21:04:10 2026\n", datetime(2026, 11, 20, 21, 4, 10, tzinfo=UTC)),
        (b"From MAILER-DAEMON Fri Jul  8 12:08:34 2011\n", datetime(2011, 7, 8, 12, 8, 34, tzinfo=UTC)),
        (b"From nobody\n", None),
    ],
)
def test_the_separator_says_when_a_message_was_received(separator: bytes, received_at: datetime | None) -> None:
    (piece,) = read_pieces(io.BytesIO(separator + b"A: 1\n"), LARGEST)
    assert piece.received_at == received_at


def test_of_a_message_that_is_too_large_only_size_and_hash_are_kept() -> None:
    large, small = b"A: 1\n\n" + b"x" * LARGEST + b"\n", b"B: 2\n"
    pieces = list(read_pieces(io.BytesIO(SEPARATOR + large + b"\n" + SEPARATOR + small), LARGEST))
    assert [(piece.raw, piece.size, piece.sha256) for piece in pieces] == [
        (None, len(large), hashlib.sha256(large).hexdigest()),
        (small, len(small), hashlib.sha256(small).hexdigest()),
    ]


@given(st.lists(st.text("Frome >\n\r:x", max_size=60).map(str.encode), min_size=1, max_size=5))
def test_what_is_quoted_as_mboxrd_comes_back_exactly(texts: list[bytes]) -> None:
    import re

    messages = [b"A: 1\n\n" + text + b"\n" for text in texts]
    quoted = [re.sub(rb"^(>*From )", rb">\1", message, flags=re.MULTILINE) for message in messages]
    box = b"".join(SEPARATOR + one + b"\n" for one in quoted)
    assert raws(box) == messages
