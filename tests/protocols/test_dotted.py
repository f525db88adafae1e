"""Blocks that end with a line of a single dot: unstuffed exactly, wherever the packets end."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from core.protocols.dotted import DottedBlock

_END = b"\r\n.\r\n"


def taken(chunks: list[bytes]) -> tuple[bytes, bytes]:
    """The block at the start of these chunks, and what came behind it."""
    block = DottedBlock()
    waiting = list(chunks)
    data = b""
    while (end := block.take(data, 0)) < 0:
        data = block.rest + waiting.pop(0)
    return block.content(), data[end:] + b"".join(waiting)


def plainly(sent: bytes) -> tuple[bytes, bytes]:
    """The same by the letter of RFC 1939 §3, over all of it at once."""
    if sent.startswith(b".\r\n"):
        return b"", sent[3:]
    body, _, after = sent.partition(_END)
    body = (body[1:] if body.startswith(b"..") else body) + b"\r\n"
    return body.replace(b"\r\n..", b"\r\n."), after


# Signs that mean something are what the pieces are made of: by chance alone they would never meet.
_pieces = st.lists(st.sampled_from([b".", b"..", b"\r\n", b"\r", b"\n", b"a", b"\r\n.", b"\r\n.."]), max_size=12)


@given(pieces=_pieces, after=_pieces, cuts=st.lists(st.integers(0, 60), max_size=8))
def test_a_block_is_unstuffed_wherever_the_packets_end(
    pieces: list[bytes], after: list[bytes], cuts: list[int]
) -> None:
    sent = b"".join(pieces) + _END + b"".join(after)
    places = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    chunks = [sent[start:end] for start, end in pairwise(places)]
    assert taken(chunks) == plainly(sent)
