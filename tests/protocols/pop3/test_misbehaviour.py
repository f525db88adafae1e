"""POP3 against servers that lie, fall silent, cut and flood."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from core.errors import (
    ConnectionLost,
    DeadlineExceeded,
    LoginRefused,
    ProtocolViolation,
    Throttled,
    TlsMissing,
    WireError,
)
from core.protocols.pop3.source import Pop3Source
from core.protocols.server import Caps, Login, Timeouts
from core.protocols.sessions import open_pop3
from core.protocols.source import Key, Missing
from core.protocols.tls import Security
from core.secret import Secret
from tests.protocols.conftest import SHORT, SHORT_AT_LAST
from tests.protocols.scripted import Answer, Script, ScriptedServer, Talk, line_script

LOGIN = Login("ann", Secret("canary-4d8"))


def script(answers: dict[bytes, Answer] | None = None, greeting: bytes = b"+OK ready") -> Script:
    known: dict[bytes, Answer] = {
        b"CAPA": (b"+OK", b"USER", b"UIDL", b"PIPELINING", b"."),
        b"STAT": (b"+OK 2 20",),
        b"UIDL": (b"+OK", b"1 aa", b"2 bb", b"."),
        b"LIST": (b"+OK", b"1 10", b"2 10", b"."),
        b"RETR": (b"+OK", b"abc", b"."),
        **(answers or {}),
    }
    return line_script(greeting, known, b"+OK done")


@contextmanager
def session(
    answers: dict[bytes, Answer], timeouts: Timeouts | None = None, caps: Caps | None = None
) -> Iterator[Pop3Source]:
    with ScriptedServer(script(answers)) as server:
        source = open_pop3(server.server(), LOGIN, timeouts=timeouts, caps=caps)
        try:
            source.select(writable=True)
            yield source
        finally:
            source.drop()


def keys_of(source: Pop3Source) -> list[Key]:
    return list(source.list_new().keys)


def use(source: Pop3Source) -> None:
    keys = keys_of(source)
    source.fetch(keys)
    source.delete(keys)
    source.close()


@pytest.mark.parametrize("verb", [b"CAPA", b"USER", b"PASS", b"STAT", b"UIDL", b"LIST", b"RETR", b"DELE", b"QUIT"])
@pytest.mark.parametrize("manner", ["silent", "drip"])
def test_a_server_that_never_finishes_is_left_in_time(verb: bytes, manner: str) -> None:
    pause = threading.Event()
    quiet: Script = Talk.stay_silent if manner == "silent" else lambda talk: talk.drip(pause)
    with pytest.raises(DeadlineExceeded), session({verb: quiet}, SHORT) as source:
        use(source)
    pause.set()


def test_a_quit_that_is_cut_removes_nothing_that_we_would_know_of() -> None:
    with session({b"QUIT": Talk.close}) as source:
        source.delete(keys_of(source))
        with pytest.raises(ConnectionLost):
            source.close()


def test_a_quit_that_is_refused_removes_nothing_that_we_would_know_of() -> None:
    with session({b"QUIT": (b"-ERR some deleted messages not removed",)}) as source:
        source.delete(keys_of(source))
        with pytest.raises(WireError, match="not removed"):
            source.close()
        assert source.close() == ()


def test_after_an_answer_out_of_step_there_is_no_quit() -> None:
    with ScriptedServer(script({b"RETR": (b"what?",)})) as server:
        source = open_pop3(server.server(), LOGIN)
        source.select(writable=True)
        keys = keys_of(source)
        source.delete(keys[:1])
        with pytest.raises(ProtocolViolation):
            source.fetch(keys[1:])
        assert source.close() == ()
        assert b"QUIT" not in server.heard


@pytest.mark.parametrize("kept", [0, 1, 4, 5, 6, 7])
def test_a_message_that_is_cut_is_no_message(kept: int) -> None:
    def cut(talk: Talk) -> None:
        talk.send(b"+OK\r\n" + b"abc\r\n.\r\n"[:kept])

    with session({b"RETR": cut}) as source, pytest.raises(ConnectionLost):
        source.fetch(keys_of(source))


STUFFED = {
    "plain": (b"abc\r\n.\r\n", b"abc\r\n"),
    "a dot alone": (b"..\r\n.\r\n", b".\r\n"),
    "dots on each line": (b"...a\r\n..b\r\n...\r\n.\r\n", b"..a\r\n.b\r\n..\r\n"),
    "an empty line": (b"\r\n.\r\n", b"\r\n"),
    "a dot between bare LF": (b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n"),
    "a dot behind a bare CR": (b"a\r.\r\nb\n..\r\n.\r\n", b"a\r.\r\nb\n..\r\n"),
    "a line of a megabyte": (b"x" * 1_100_000 + b"\r\n.\r\n", b"x" * 1_100_000 + b"\r\n"),
    "bytes of any kind": (b"\0\xff\x1b\r\n.\r\n", b"\0\xff\x1b\r\n"),
}


@pytest.mark.parametrize(("said", "raw"), STUFFED.values(), ids=STUFFED)
def test_dots_are_taken_away_and_nothing_else_is_changed(said: bytes, raw: bytes) -> None:
    answers: dict[bytes, Answer] = {
        b"LIST": (b"+OK", b"1 1000000", b"2 1000000", b"."),
        b"RETR": lambda talk: talk.send(b"+OK\r\n" + said) or True,
    }
    with session(answers) as source:
        assert [each.raw for each in source.fetch(keys_of(source))] == [raw, raw]


def test_no_bytes_where_some_were_announced_are_no_message() -> None:
    with session({b"RETR": (b"+OK", b".")}) as source:
        assert [each.missing for each in source.fetch(keys_of(source))] == [Missing.EMPTY] * 2


def test_a_message_that_is_refused_does_not_stop_the_others() -> None:
    answers: dict[bytes, Answer] = {b"RETR": iter([(b"-ERR [SYS/TEMP] later",), (b"+OK", b"abc", b".")])}
    with session(answers) as source:
        first, second = source.fetch(keys_of(source))
    assert (first.missing, first.note) == (Missing.REFUSED, "[SYS/TEMP] later")
    assert second.raw == b"abc\r\n"


def test_a_message_far_beyond_its_announced_size_ends_the_connection() -> None:
    def flood(talk: Talk) -> None:
        talk.say(b"+OK")
        for _ in range(1000):
            talk.send(b"x" * 1_000_000)

    with session({b"RETR": flood}) as source:
        keys = keys_of(source)
        with pytest.raises(ProtocolViolation):
            source.fetch(keys)
        assert not source.is_usable


def test_without_uidl_messages_are_named_for_this_session_only() -> None:
    with session({b"UIDL": (b"-ERR unknown command",)}) as source:
        listing = source.list_new()
        assert not listing.has_uidl
        assert [(key.uid, key.uidl) for key in listing.keys] == [(1, ""), (2, "")]
        assert [each.raw for each in source.fetch(listing.keys)] == [b"abc\r\n"] * 2


def test_uidls_given_twice_are_reported_and_still_lead_to_their_messages() -> None:
    answers: dict[bytes, Answer] = {
        b"STAT": (b"+OK 3 30",),
        b"UIDL": (b"+OK", b"1 same", b"2 own", b"3 same", b"."),
        b"LIST": (b"+OK", b"1 10", b"2 10", b"3 10", b"."),
        b"RETR 1": (b"+OK", b"one", b"."),
        b"RETR 2": (b"+OK", b"two", b"."),
        b"RETR 3": (b"+OK", b"three", b"."),
    }
    with session(answers) as source:
        listing = source.list_new()
        assert listing.duplicates == {"same"}
        assert [(key.uid, key.uidl) for key in listing.keys] == [(1, "same"), (0, "own"), (3, "same")]
        assert [each.raw for each in source.fetch(listing.keys)] == [b"one\r\n", b"two\r\n", b"three\r\n"]


def test_a_message_whose_uidl_is_empty_is_not_left_out() -> None:
    with session({b"UIDL": (b"+OK", b"1", b"2 b b", b".")}) as source:
        listing = source.list_new()
        assert listing.duplicates == {""}
        assert [(key.uid, key.uidl) for key in listing.keys] == [(1, ""), (0, "b b")]
        assert [each.raw for each in source.fetch(listing.keys)] == [b"abc\r\n"] * 2


@pytest.mark.parametrize("line", [b"x aa", b"-1 aa", b"99999999999999999999 aa"])
def test_a_list_of_what_is_no_number_is_a_violation(line: bytes) -> None:
    with session({b"UIDL": (b"+OK", line, b".")}) as source, pytest.raises(ProtocolViolation):
        source.list_new()


def test_a_count_beyond_all_numbers_is_a_violation() -> None:
    with pytest.raises(ProtocolViolation), session({b"STAT": (b"+OK " + b"9" * 5000 + b" 1",)}):
        pass


def test_a_fake_count_of_messages_costs_nothing(given_seconds: list[float]) -> None:
    with session({b"STAT": (b"+OK 4000000000 1",)}, SHORT_AT_LAST) as source:
        source.sizes(keys_of(source))
    assert max(given_seconds) < 300


def test_a_server_without_capa_is_spoken_to_one_by_one() -> None:
    with session({b"CAPA": (b"-ERR what?",)}) as source:
        assert source.facts.capabilities == frozenset()
        assert [each.raw for each in source.fetch(keys_of(source))] == [b"abc\r\n"] * 2


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"-ERR [IN-USE] Do you have another POP session running?", Throttled),
        (b"-ERR maildrop already locked", Throttled),
        (b"-ERR account locked", LoginRefused),
        (b"-ERR [LOGIN-DELAY] minimum time between mail checks violation", Throttled),
        (b"-ERR [SYS/TEMP] try again", Throttled),
        (b"-ERR [AUTH] bad password", LoginRefused),
        (b"-ERR [SYS/PERM] broken", LoginRefused),
        (b"-ERR no", LoginRefused),
        (b"-ERR canary-4d8 is wrong", LoginRefused),
    ],
)
def test_what_a_refused_login_means(said: bytes, expected: type[WireError]) -> None:
    with pytest.raises(WireError) as raised, session({b"PASS": (said,)}):
        pass
    assert type(raised.value) is expected
    assert "canary" not in f"{raised.value}{raised.value.reply}"


@pytest.mark.parametrize("greeting", [b"* OK imap", b"220 smtp", b"\x15\x03\x01\x00"])
def test_what_is_no_pop3_server_is_told(greeting: bytes) -> None:
    with ScriptedServer(script(greeting=greeting)) as server, pytest.raises(ProtocolViolation, match="no POP3 server"):
        open_pop3(server.server(), LOGIN)


def test_required_tls_that_is_not_offered_ends_it_before_the_password() -> None:
    with ScriptedServer(script()) as server:
        with pytest.raises(TlsMissing):
            open_pop3(server.server(Security.STARTTLS), LOGIN)
        assert server.heard == [b"CAPA"]


def test_what_was_said_in_clear_behind_the_leave_for_tls_is_not_used() -> None:
    def inject(talk: Talk) -> None:
        talk.say(b"+OK go ahead", b"+OK", b"USER", b".", b"+OK", b"+OK")
        talk.stay_silent()

    answers: dict[bytes, Answer] = {b"CAPA": (b"+OK", b"STLS", b"."), b"STLS": inject}
    with ScriptedServer(script(answers)) as server:
        with pytest.raises(ProtocolViolation, match="in clear after agreeing"):
            open_pop3(server.server(Security.STARTTLS), LOGIN)
        assert server.heard == [b"CAPA", b"STLS"]


def test_a_refused_token_is_answered_with_an_empty_line_and_told() -> None:
    def refuse(talk: Talk) -> None:
        talk.say(b"+ ")
        talk.hear()
        talk.say(b"+ eyJzdGF0dXMiOiI0MDAifQ==")
        assert talk.hear() == b""
        talk.say(b"-ERR [AUTH] refused")

    with ScriptedServer(script({b"AUTH": refuse})) as server, pytest.raises(LoginRefused):
        open_pop3(server.server(), Login("ann", token=lambda: "tok"))
