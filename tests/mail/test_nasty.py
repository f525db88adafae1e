"""Nothing in `core.mail` raises, hangs or lets a control character through, whatever the bytes."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.mail.addresses import addresses_in
from core.mail.body import read_body
from core.mail.bounces import read_bounce
from core.mail.canonical import canonical_crlf, is_canonical
from core.mail.free_text_bounces import read_free_text_bounce
from core.mail.headers import Headers, read_header_block
from core.mail.summary import summarise
from tests.corpus.bounces import bounces, not_bounces
from tests.corpus.nasty import BUILT, small_messages

SECONDS_FOR_ONE_MESSAGE = 10
"""Five times what is promised, of the processor's time: other work on the machine must not fail a test."""

CORPUS = small_messages() | bounces()

FROM_A_SYSTEM = Headers([("Return-Path", "<>"), ("From", "MAILER-DAEMON@example.org"), ("Subject", "failure notice")])

FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@contextmanager
def deadline(seconds: int) -> Iterator[None]:
    def expired(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"still reading after {seconds} s")

    before = signal.signal(signal.SIGPROF, expired)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def read_everything(raw: bytes) -> None:
    with deadline(SECONDS_FOR_ONE_MESSAGE):
        headers, summary = summarise(raw)
        body = read_body(raw)
        reports = [read_bounce(headers, raw), read_free_text_bounce(headers, raw)]
        # As if a mail system had sent it: then its words are looked at, too.
        reports.append(read_free_text_bounce(FROM_A_SYSTEM, raw))
        one_line = [summary.subject, summary.header_from, summary.header_to, summary.from_address, summary.message_id]
        one_line += summary.references
        one_line += [headers.get(name) or "" for name in headers]
        one_line += [str(address) for address in addresses_in(headers, "from", "to", "cc")]
        one_line += [text for part in body.parts for text in (part.name, part.file_name, part.media_type)]
        told = [recipient for report in reports if report is not None for recipient in report.recipients]
        one_line += [text for recipient in told for text in (recipient.address, recipient.diagnostic)]
        for part in body.parts:
            part.content(raw)
        for text in one_line:
            assert not FORBIDDEN.search(text)
            assert "\n" not in text
        assert not FORBIDDEN.search(body.text)
        assert not FORBIDDEN.search(body.html)
        assert is_canonical(canonical_crlf(raw))


@pytest.mark.parametrize("defect", small_messages())
def test_every_small_message_is_read(defect: str) -> None:
    read_everything(small_messages()[defect])


@pytest.mark.parametrize("defect", BUILT)
def test_every_bomb_is_read_in_bounds(defect: str) -> None:
    read_everything(BUILT[defect]())


@pytest.mark.parametrize("name", [*bounces(), *not_bounces()])
def test_bounces_and_what_resembles_them_are_read(name: str) -> None:
    read_everything((bounces() | not_bounces())[name])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_mutations_of_the_corpus_are_read(data: st.DataObject) -> None:
    raw = bytearray(CORPUS[data.draw(st.sampled_from(sorted(CORPUS)))])
    other = CORPUS[data.draw(st.sampled_from(sorted(CORPUS)))]
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw)))
        until = data.draw(st.integers(at, min(len(raw), at + 60)))
        match data.draw(st.sampled_from(["delete", "repeat", "insert", "splice", "sign"])):
            case "delete":
                del raw[at:until]
            case "repeat":
                raw[at:at] = raw[at:until] * data.draw(st.integers(1, 50))
            case "insert":
                raw[at:at] = data.draw(st.binary(max_size=8))
            case "splice":
                raw[at:at] = other[:until]
            case _:
                raw[at:at] = data.draw(
                    st.sampled_from(
                        [
                            b"\r",
                            b"\n",
                            b"\r\n",
                            b"\r\n\r\n",
                            b"=?",
                            b"?=",
                            b'"',
                            b"<",
                            b"(",
                            b";",
                            b"--b",
                            b"\0",
                            b"\xff",
                        ]
                    )
                )
    read_everything(bytes(raw))


@given(st.binary(max_size=400))
def test_any_bytes_are_read(raw: bytes) -> None:
    read_everything(raw)


def test_150_defects_or_more_are_kept() -> None:
    assert len(small_messages()) >= 150
    assert len({*small_messages().values()}) == len(small_messages())
    assert all(len(raw) < 16_384 for raw in small_messages().values())


def test_a_header_block_does_not_depend_on_the_body() -> None:
    raw = small_messages()["html-alone"]
    assert read_header_block(raw) == read_header_block(raw + b"\n\nX: y\r\n" * 1000)
