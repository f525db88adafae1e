"""IMAP against servers that lie, fall silent, cut and flood."""

import resource
import threading

import pytest

from core.errors import ConnectionLost, DeadlineExceeded, ProtocolViolation
from core.protocols.imap.source import ImapSource
from core.protocols.server import Caps, Timeouts
from core.protocols.source import Key, Missing
from tests.mail.test_withheld import REMOVED
from tests.protocols.conftest import SHORT, SHORT_AT_LAST
from tests.protocols.imap.sessions import KEY, opened, session
from tests.protocols.scripted import Answer, Script, Talk


def read_and_delete(source: ImapSource) -> None:
    source.list_new("INBOX")
    source.fetch([KEY])
    source.delete([KEY])


@pytest.mark.parametrize("verb", [b"CAPABILITY", b"LOGIN", b"SELECT", b"UID SEARCH", b"UID FETCH", b"UID STORE"])
@pytest.mark.parametrize("manner", ["silent", "drip"])
def test_a_server_that_never_finishes_is_left_in_time(verb: bytes, manner: str) -> None:
    pause = threading.Event()
    quiet: Script = Talk.stay_silent if manner == "silent" else lambda talk: talk.drip(pause)
    with pytest.raises(DeadlineExceeded) as raised, session({verb: quiet}, SHORT) as source:
        read_and_delete(source)
    pause.set()
    assert not raised.value.is_permanent
    assert raised.value.phase in ("capability", "login", "folder", "search", "fetch", "mark")


def test_a_server_that_never_greets_is_left_in_time() -> None:
    with pytest.raises(DeadlineExceeded) as raised:
        opened(Talk.stay_silent, timeouts=SHORT)
    assert raised.value.phase == "greeting"


def test_a_goodbye_that_is_not_answered_does_not_hold_up() -> None:
    with session({b"LOGOUT": Talk.stay_silent}, SHORT_AT_LAST) as source:
        assert source.close() == ()
        assert not source.is_usable


BODY = b"Subject: x\r\n\r\nhello\r\n"


@pytest.mark.parametrize("kept", [0, 1, len(BODY) - 1, len(BODY)])
def test_a_literal_that_is_cut_gives_no_message(kept: int) -> None:
    def cut(talk: Talk) -> None:
        talk.send(b"* 1 FETCH (UID 42 BODY[] {%d}\r\n" % len(BODY) + BODY[:kept])

    with session({b"UID FETCH": cut}) as source:
        with pytest.raises(ConnectionLost):
            source.fetch([KEY])
        assert not source.is_usable
        with pytest.raises(ConnectionLost):
            source.noop()


@pytest.mark.parametrize(
    ("said", "raw", "missing"),
    [
        ((b"* 1 FETCH (UID 42 BODY[] NIL)",), None, Missing.NIL),
        ((), None, Missing.GONE),
        ((b"* 1 FETCH (FLAGS (\\Seen))",), None, Missing.GONE),
        ((b"* 1 FETCH (UID 43 BODY[] {1}", b"x)"), None, Missing.GONE),
        ((b"* 1 FETCH (UID 42 RFC822.SIZE 9 BODY[] {0}", b")"), None, Missing.EMPTY),
        ((b"* 1 FETCH (UID 42 RFC822.SIZE 0 BODY[] {0}", b")"), b"", None),
        ((b'* 1 FETCH (UID 42 BODY[] "quoted")',), b"quoted", None),
        ((b'* 1 FETCH (UID 42 BODY[] "123")',), b"123", None),
        ((b"* 1 FETCH (BODY[] {3}", b"abc UID 42)"), b"abc", None),
        ((b"* 1 FETCH (BODY[] {3}", b"abc FLAGS (\\Seen) UID 42)"), b"abc", None),
        ((b"* 1 FETCH (FLAGS (UID) UID 42 BODY[] {3}", b"abc)"), b"abc", None),
        ((b"* 1 fetch (uid 42 body[] {3}", b"abc)"), b"abc", None),
        ((b"* 1 FETCH (UID 42 BODY[] {3}", b"abc)", b"* 1 FETCH (UID 42 FLAGS (\\Seen))"), b"abc", None),
        ((b"* 2 EXISTS", b"* 1 FETCH (UID 42 BODY[] {3}", b"abc)", b"* OK still here"), b"abc", None),
        ((b"* 1 FETCH (UID 42 BODY[] {15}", b"* 9 EXISTS\r\nP1 )"), b"* 9 EXISTS\r\nP1 ", None),
    ],
)
def test_each_way_to_answer_a_fetch(said: tuple[bytes, ...], raw: bytes | None, missing: Missing | None) -> None:
    with session({b"UID FETCH": (*said, b"%s OK done")}) as source:
        (fetched,) = source.fetch([KEY])
    assert (fetched.raw, fetched.missing) == (raw, missing)


@pytest.mark.parametrize(("listed", "missing"), [(b"* SEARCH", Missing.GONE), (b"* SEARCH 42", Missing.NIL)])
def test_a_message_of_the_server_that_one_was_removed_is_not_that_one(listed: bytes, missing: Missing) -> None:
    # Courier lists it still until it was let speak.
    answers: dict[bytes, Answer] = {
        b"UID FETCH": (
            b"* 1 FETCH (UID 42 RFC822.SIZE %d BODY[] {%d}" % (len(REMOVED), len(REMOVED)),
            REMOVED + b")",
            b"%s OK done",
        ),
        b"NOOP": (b"* 1 EXPUNGE", b"* 0 EXISTS", b"%s OK done"),
        b"UID SEARCH": (listed, b"%s OK done"),
    }
    with session(answers) as source:
        (fetched,) = source.fetch([KEY])
    assert (fetched.raw, fetched.missing) == (None, missing)


@pytest.mark.parametrize(("listed", "missing"), [(b"* SEARCH", Missing.GONE), (b"* SEARCH 42", Missing.REFUSED)])
def test_a_refusal_of_what_is_not_there_says_that_it_is_gone(listed: bytes, missing: Missing) -> None:
    answers: dict[bytes, Answer] = {
        b"UID FETCH": (b"%s NO Some of the requested messages no longer exist.",),
        b"FETCH": (b"* 1 FETCH (UID 7 BODY[HEADER.FIELDS (DATE)] {2}", b"", b")", b"%s OK done"),
        b"UID SEARCH": (listed, b"%s OK done"),
    }
    with session(answers) as source:
        (fetched,) = source.fetch([KEY])
    assert (fetched.raw, fetched.missing) == (None, missing)


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (b"01-Jan-2024 10:00:00 +0130", "2024-01-01T08:30:00+00:00"),
        (b" 1-Jan-2024 10:00:00 -0000", "2024-01-01T10:00:00+00:00"),
        (b"31-Feb-2024 10:00:00 +0000", None),
        (b"01-Jan-0001 00:00:00 +1200", None),
        (b"yesterday", None),
    ],
)
def test_internal_dates_are_utc_or_nothing(date: bytes, expected: str | None) -> None:
    answer = (b'* 1 FETCH (UID 42 INTERNALDATE "%b" BODY[] {3}' % date, b"abc)", b"%s OK done")
    answer = tuple(line.replace(b"%b", date) for line in answer)
    with session({b"UID FETCH": answer}) as source:
        (fetched,) = source.fetch([KEY])
    assert (fetched.internal_date.isoformat() if fetched.internal_date else None) == expected


@pytest.mark.parametrize("size", [b"99000000000", b"99999999999999999999", b"3000000"])
def test_a_literal_larger_than_announced_is_refused_before_it_is_read(size: bytes) -> None:
    answers: dict[bytes, Answer] = {
        b"UID FETCH 42 (UID RFC822.SIZE)": (b"* 1 FETCH (UID 42 RFC822.SIZE 1000)", b"%s OK done"),
        b"UID FETCH": lambda talk: (talk.say(b"* 1 FETCH (UID 42 BODY[] {" + size + b"}"), talk.stay_silent()),
    }
    with session(answers) as source:
        assert source.sizes([KEY]) == {KEY: 1000}
        with pytest.raises(ProtocolViolation, match="announces"):
            source.fetch([KEY])
        assert not source.is_usable


def test_a_message_a_little_larger_than_announced_is_taken() -> None:
    answers: dict[bytes, Answer] = {
        b"UID FETCH 42 (UID RFC822.SIZE)": (b"* 1 FETCH (UID 42 RFC822.SIZE 2)", b"%s OK done"),
        b"UID FETCH": (b"* 1 FETCH (UID 42 RFC822.SIZE 2 BODY[] {6}", b"abcdef)", b"%s OK done"),
    }
    with session(answers) as source:
        source.sizes([KEY])
        assert source.fetch([KEY])[0].raw == b"abcdef"


def test_a_literal_beyond_the_cap_is_refused_though_nothing_was_announced() -> None:
    answers: dict[bytes, Answer] = {b"UID FETCH": (b"* 1 FETCH (UID 42 BODY[] {2000}", b"x")}
    with session(answers, caps=Caps(message=1000)) as source, pytest.raises(ProtocolViolation):
        source.fetch([KEY])


@pytest.mark.parametrize(
    "line", [b"* 1 EXISTS\r\n", b"* " + b"x" * 50_000 + b"\r\n", b"y" * 100_000], ids=["small", "long", "endless"]
)
def test_a_flood_ends_in_bounded_memory(line: bytes) -> None:
    def flood(talk: Talk) -> None:
        block = line * (1_000_000 // len(line))
        for _ in range(1000):
            talk.send(block)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with session({b"NOOP": flood}, Timeouts(command=20)) as source, pytest.raises(ProtocolViolation):
        source.noop()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000, "kilobytes"


@pytest.mark.parametrize(
    "said",
    [
        (b"* SEARCH 1 x", b"%s OK done"),
        (b"* SEARCH 0", b"%s OK done"),
        (b"* SEARCH 4294967296", b"%s OK done"),
        (b"* SEARCH -5", b"%s OK done"),
        (b"nonsense",),
        (b"P999 OK not ours",),
        (b"+ go on",),
        (b"%s MAYBE",),
    ],
)
def test_what_is_no_imap_is_a_violation(said: tuple[bytes, ...]) -> None:
    with session({b"UID SEARCH": said}) as source:
        with pytest.raises(ProtocolViolation):
            source.list_new("INBOX")
        assert not source.is_usable


def test_a_million_uids_come_in_one_line() -> None:
    uids = range(1, 2_000_001, 2)
    line = b"* SEARCH " + " ".join(map(str, uids)).encode()
    with session({b"UID SEARCH": (line, b"%s OK done")}, Timeouts()) as source:
        listing = source.list_new("INBOX", 10)
    assert len(listing.keys) == 1_000_000 - 5
    assert listing.keys[0] == Key("INBOX", 7, 11, "")
    assert listing.keys[-1].uid == 1_999_999
    assert [key.uid for key in listing.keys[2:4]] == [15, 17]


@pytest.mark.parametrize(
    "said",
    [
        (b"* 3 EXISTS", b"%s OK done"),
        (b"* OK [UIDVALIDITY 7] x", b"%s OK done"),
        (b"* x EXISTS", b"* OK [UIDVALIDITY 0] x", b"%s OK done"),
        (b"* " + b"9" * 5000 + b" EXISTS", b"* OK [UIDVALIDITY 7] x", b"%s OK done"),
    ],
)
def test_a_folder_without_uidvalidity_or_count_is_not_taken(said: tuple[bytes, ...]) -> None:
    with pytest.raises(ProtocolViolation), session({b"SELECT": said}):
        pass


def test_a_fake_count_of_messages_costs_nothing(given_seconds: list[float]) -> None:
    said = (b"* 4000000000 EXISTS", b"* OK [UIDVALIDITY 7] x", b"%s OK done")
    with session({b"SELECT": said, b"UID SEARCH": (b"* SEARCH 1", b"%s OK done")}, SHORT_AT_LAST) as source:
        assert source.list_new("INBOX").exists == 4_000_000_000
    assert max(given_seconds) < 300
