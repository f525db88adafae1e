"""IMAP against servers that lie, fall silent, cut and flood."""

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from core.errors import (
    ConnectionLost,
    DeadlineExceeded,
    LoginRefused,
    NoSuchFolder,
    NotOffered,
    ProtocolViolation,
    Throttled,
    TlsFailed,
    TlsMissing,
    WireError,
)
from core.protocols.imap import ImapSource
from core.protocols.server import Caps, Login, Server, Timeouts
from core.protocols.sessions import open_imap
from core.protocols.source import Key, Missing
from core.protocols.tls import Security, TlsTrust
from core.secret import Secret
from tests.protocols.conftest import SHORT
from tests.protocols.scripted import Answer, Script, ScriptedServer, Talk, imap_script
from tests.servers.certificates import Certificates

LOGIN = Login("ann", Secret("canary-9f2"))
KEY = Key("INBOX", 7, 42, "")


@contextmanager
def session(
    answers: dict[bytes, Answer], timeouts: Timeouts = SHORT, caps: Caps | None = None, **how: bytes
) -> Iterator[ImapSource]:
    with ScriptedServer(imap_script(answers, **how)) as server:
        source = open_imap(server.server(), LOGIN, timeouts=timeouts, caps=caps)
        try:
            source.select("INBOX", writable=True)
            yield source
        finally:
            source.drop()


def opened(script: Script, security: Security = Security.NONE, trust: TlsTrust | None = None) -> list[bytes]:
    """Try to open a session; gives back all that the server heard, when that fails as it should."""
    with ScriptedServer(script) as server:
        try:
            open_imap(server.server(security, trust), LOGIN, timeouts=SHORT).drop()
        except BaseException as error:
            error.__dict__["heard"] = server.heard
            raise
        return server.heard


def read_and_delete(source: ImapSource) -> None:
    source.list_new("INBOX")
    source.fetch([KEY])
    source.delete([KEY])


@pytest.mark.parametrize("verb", [b"CAPABILITY", b"LOGIN", b"SELECT", b"UID SEARCH", b"UID FETCH", b"UID STORE"])
@pytest.mark.parametrize("manner", ["silent", "drip"])
def test_a_server_that_never_finishes_is_left_in_time(verb: bytes, manner: str) -> None:
    pause = threading.Event()
    quiet: Script = Talk.stay_silent if manner == "silent" else lambda talk: talk.drip(pause)
    with pytest.raises(DeadlineExceeded) as raised, session({verb: quiet}) as source:
        read_and_delete(source)
    pause.set()
    assert not raised.value.is_permanent
    assert raised.value.phase in ("capability", "login", "folder", "search", "fetch", "mark")


def test_a_server_that_never_greets_is_left_in_time() -> None:
    with pytest.raises(DeadlineExceeded) as raised:
        opened(Talk.stay_silent)
    assert raised.value.phase == "greeting"


def test_a_goodbye_that_is_not_answered_does_not_hold_up() -> None:
    with session({b"LOGOUT": Talk.stay_silent}) as source:
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
    ],
)
def test_a_folder_without_uidvalidity_or_count_is_not_taken(said: tuple[bytes, ...]) -> None:
    with pytest.raises(ProtocolViolation), session({b"SELECT": said}):
        pass


def test_a_fake_count_of_messages_costs_nothing(given_seconds: list[float]) -> None:
    said = (b"* 4000000000 EXISTS", b"* OK [UIDVALIDITY 7] x", b"%s OK done")
    with session({b"SELECT": said, b"UID SEARCH": (b"* SEARCH 1", b"%s OK done")}) as source:
        assert source.list_new("INBOX").exists == 4_000_000_000
    assert max(given_seconds) < 300


THROTTLED = [
    (b"NO [LIMIT] too many", None),
    (b"NO [INUSE] locked by another", None),
    (b"NO [UNAVAILABLE] later", None),
    (b"NO [OVERQUOTA] quota exceeded", None),
    (b"NO [THROTTLED] slow down", None),
    (b"BAD Request is throttled. Suggested Backoff Time: 299910 milliseconds", 299.91),
    (b"NO Server Unavailable. 15", None),
    (b"NO Maximum number of connections from user+IP exceeded", None),
    (b"NO Too many simultaneous connections. (Failure)", None),
    (b"NO Account exceeded command or bandwidth limits.", None),
    (b"BAD User is authenticated but not connected.", None),
]


@pytest.mark.parametrize(("said", "seconds"), THROTTLED)
@pytest.mark.parametrize("verb", [b"LOGIN", b"SELECT", b"UID SEARCH"])
def test_a_server_that_wants_peace_is_told_from_a_refusal(verb: bytes, said: bytes, seconds: float | None) -> None:
    with pytest.raises(Throttled) as raised, session({verb: (b"%s " + said,)}) as source:
        source.list_new("INBOX")
    assert raised.value.retry_after == seconds
    assert not raised.value.is_permanent


@pytest.mark.parametrize(
    ("verb", "said", "expected"),
    [
        (b"LOGIN", b"%s NO [AUTHENTICATIONFAILED] no", LoginRefused),
        (b"LOGIN", b"%s NO LOGIN failed.", LoginRefused),
        (b"LOGIN", b"%s NO [AUTHENTICATIONFAILED] temporary lock", LoginRefused),
        (b"LOGIN", b"* BYE bad day", ConnectionLost),
        (b"LOGIN", b"* BYE [LIMIT] too many", Throttled),
        (b"SELECT", b"%s NO [NONEXISTENT] unknown", NoSuchFolder),
        (b"SELECT", b"%s NO Inbox doesn't exist.", NoSuchFolder),
        (b"SELECT", b"%s NO something else", WireError),
        (b"SELECT", b"* BYE going down", ConnectionLost),
        (b"UID SEARCH", b"%s BAD syntax", WireError),
    ],
)
def test_what_a_refusal_means(verb: bytes, said: bytes, expected: type[WireError]) -> None:
    with pytest.raises(WireError) as raised, session({verb: (said,)}) as source:
        source.list_new("INBOX")
    assert type(raised.value) is expected


def test_a_refusal_leaves_the_connection_usable() -> None:
    with session({b"UID SEARCH": (b"%s NO not now",)}) as source:
        with pytest.raises(WireError):
            source.list_new("INBOX")
        source.noop()


def test_a_server_that_repeats_the_password_does_not_spread_it() -> None:
    with pytest.raises(LoginRefused) as raised:
        opened(imap_script({b"LOGIN": (b"%s NO canary-9f2 is not the password",)}))
    assert "canary-9f2" not in f"{raised.value}{raised.value.reply}"
    assert "****" in raised.value.reply


@pytest.mark.parametrize("security", [Security.NONE, Security.STARTTLS])
def test_a_claim_that_we_are_logged_in_already_is_not_believed(security: Security) -> None:
    with pytest.raises(ProtocolViolation) as raised:
        opened(imap_script(greeting=b"* PREAUTH welcome"), security)
    assert raised.value.__dict__["heard"] == []


@pytest.mark.parametrize("greeting", [b"220 mail ESMTP", b"+OK pop3", b"HTTP/1.1 400 Bad Request", b"\x15\x03\x01"])
def test_what_is_no_imap_server_is_told(greeting: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="no IMAP server"):
        opened(imap_script(greeting=greeting))


def test_a_greeting_that_throttles(request: pytest.FixtureRequest) -> None:
    with pytest.raises(Throttled):
        opened(imap_script(greeting=b"* BYE [UNAVAILABLE] too busy"))


def test_required_tls_that_is_not_offered_ends_it_before_the_password() -> None:
    with pytest.raises(TlsMissing) as raised:
        opened(imap_script(), Security.STARTTLS)
    assert raised.value.is_permanent
    assert raised.value.__dict__["heard"] == [b"P1 CAPABILITY"]


def test_tls_that_is_offered_and_then_refused_ends_it_before_the_password() -> None:
    with pytest.raises(WireError) as raised:
        opened(
            imap_script({b"STARTTLS": (b"%s NO not today",)}, capabilities=b"* CAPABILITY IMAP4rev1 STARTTLS"),
            Security.STARTTLS,
        )
    assert not any(b"LOGIN" in line for line in raised.value.__dict__["heard"])


def test_what_was_said_in_clear_behind_the_leave_for_tls_is_not_used() -> None:
    def inject(talk: Talk) -> None:
        talk.say(b"P2 OK go ahead", b"* CAPABILITY IMAP4rev1 AUTH=PLAIN", b"P3 OK logged in")
        talk.stay_silent()

    with pytest.raises(ProtocolViolation, match="in clear after agreeing"):
        opened(imap_script({b"STARTTLS": inject}, capabilities=b"* CAPABILITY IMAP4rev1 STARTTLS"), Security.STARTTLS)


def test_what_was_offered_in_clear_is_forgotten_with_tls(certificates: Certificates) -> None:
    def starttls(talk: Talk) -> None:
        talk.say(b"P2 OK go ahead")
        talk.secure(certificates.good)
        while line := talk.hear():
            tag, _, verb = line.partition(b" ")
            said = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n" if verb == b"CAPABILITY" else b""
            talk.send(b"+ \r\n" if verb.startswith(b"AUTH") else b"")
            if verb.startswith(b"AUTH"):
                talk.hear()
            talk.send(said + tag + b" OK done\r\n")

    script = imap_script({b"STARTTLS": starttls}, capabilities=b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED SASL-IR")
    with ScriptedServer(script) as server:
        trust = TlsTrust(ca=str(certificates.good.authority))
        source = open_imap(server.server(Security.STARTTLS, trust), LOGIN, timeouts=SHORT)
        source.drop()
        assert b"P4 AUTHENTICATE PLAIN" in server.heard, "SASL-IR was announced in clear only"
    assert source.facts.capabilities == {"IMAP4REV1", "AUTH=PLAIN"}


def test_a_login_that_is_disabled_is_not_tried() -> None:
    with pytest.raises(NotOffered, match="in clear") as raised:
        opened(imap_script(capabilities=b"* CAPABILITY IMAP4rev1 LOGINDISABLED"))
    assert not any(b"canary" in line for line in raised.value.__dict__["heard"])


@pytest.mark.parametrize("user", ["ann\r\nP9 DELETE INBOX", "a\0b"])
def test_a_user_name_cannot_smuggle_a_command(user: str) -> None:
    with ScriptedServer(imap_script()) as server:
        with pytest.raises(Exception, match="line break"):
            open_imap(server.server(), Login(user, Secret("x")), timeouts=SHORT)
        assert not any(b"DELETE" in line for line in server.heard)


def test_a_refused_token_is_answered_with_an_empty_line_and_told() -> None:
    def refuse(talk: Talk) -> None:
        talk.say(b"+ eyJzdGF0dXMiOiI0MDAifQ==")
        assert talk.hear() == b""
        talk.say(b"P2 NO AUTHENTICATE failed.")

    script = imap_script({b"AUTHENTICATE": refuse}, capabilities=b"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR")
    with ScriptedServer(script) as server, pytest.raises(LoginRefused):
        open_imap(server.server(), Login("ann", token=lambda: "tok"), timeouts=SHORT)


def test_a_token_is_not_given_to_a_server_that_takes_none() -> None:
    with ScriptedServer(imap_script()) as server:
        with pytest.raises(NotOffered, match="OAuth"):
            open_imap(server.server(), Login("ann", token=lambda: "tok"), timeouts=SHORT)
        assert server.heard == [b"P1 CAPABILITY"]


def test_a_reply_lost_after_the_expunge_is_a_lost_connection() -> None:
    with session({b"UID EXPUNGE": Talk.close}) as source, pytest.raises(ConnectionLost):
        source.delete([KEY])


def test_messages_that_stay_although_the_server_said_ok_are_left() -> None:
    with session({b"UID SEARCH": (b"* SEARCH 42", b"%s OK done")}) as source:
        removal = source.delete([KEY])
        assert (removal.done, removal.left) == ((), (KEY,))
        removal = source.move([KEY], "Other")
        assert (removal.done, removal.left) == ((), (KEY,))


GMAIL = b"* CAPABILITY IMAP4rev1 UIDPLUS MOVE X-GM-EXT-1"


def test_gmail_deletes_by_moving_to_the_folder_that_is_its_trash() -> None:
    answers: dict[bytes, Answer] = {
        b"LIST": (
            b'* LIST (\\HasNoChildren) "/" "INBOX"',
            b'* LIST (\\HasNoChildren \\Trash) "/" "[Gmail]/Papierkorb &- M&APw-ll"',
            b"%s OK done",
        )
    }
    with ScriptedServer(imap_script(answers, capabilities=GMAIL)) as server:
        source = open_imap(server.server(), LOGIN, timeouts=SHORT)
        source.select("INBOX", writable=True)
        assert source.deletes_into_trash
        assert source.delete([KEY]).done == (KEY,)
        source.drop()
    commands = [line.partition(b" ")[2] for line in server.heard]
    assert b'UID MOVE 42 "[Gmail]/Papierkorb &- M&APw-ll"' in commands
    assert not any(b"Deleted" in command or b"EXPUNGE" in command for command in commands)


def test_gmail_without_a_visible_trash_says_what_to_do() -> None:
    answers: dict[bytes, Answer] = {b"LIST": (b'* LIST () "/" "INBOX"', b"%s OK done")}
    with session(answers, capabilities=GMAIL) as source, pytest.raises(NotOffered, match="Show in IMAP"):
        source.delete([KEY])


def test_a_target_that_is_missing_is_made_once() -> None:
    with ScriptedServer(imap_script({b"UID MOVE": (b"%s NO [TRYCREATE] no such",)})) as server:
        source = open_imap(server.server(), LOGIN, timeouts=SHORT)
        source.select("INBOX", writable=True)
        with pytest.raises(NoSuchFolder):
            source.move([KEY], "Other")
        source.drop()
    assert [line.split()[1] for line in server.heard[-3:]] == [b"UID", b"CREATE", b"UID"]


def test_a_target_that_another_worker_made_meanwhile_is_used() -> None:
    answers: dict[bytes, Answer] = {
        b"UID MOVE": iter([(b"%s NO [TRYCREATE] no",), (b"%s OK moved",)]),
        b"CREATE": (b"%s NO [ALREADYEXISTS] there",),
    }
    with session(answers) as source:
        assert source.move([KEY], "Other").done == (KEY,)


def test_tls_from_the_first_byte_on_a_port_in_clear_is_told() -> None:
    with ScriptedServer(imap_script()) as server, pytest.raises((TlsFailed, ConnectionLost)):
        open_imap(Server("127.0.0.1", server.port, Security.TLS), LOGIN, timeouts=SHORT)
