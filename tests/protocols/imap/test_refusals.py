"""What IMAP servers refuse, and what it means: a passing wish, a fault of the settings, or messages that stay."""

import pytest

from core.errors import ConnectionLost, LoginRefused, NoSuchFolder, NotOffered, Throttled, WireError
from core.protocols.sessions import open_imap
from tests.protocols.imap.sessions import KEY, LOGIN, session
from tests.protocols.scripted import Answer, ScriptedServer, Talk, imap_script

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
        (b"SELECT", b"%s NO SELECT Could not open INBOX: No such file or directory", NoSuchFolder),
        (b"SELECT", b"%s NO something else", WireError),
        (b"SELECT", b"* BYE going down", ConnectionLost),
        (b"UID SEARCH", b"%s BAD syntax", WireError),
    ],
)
def test_what_a_refusal_means(verb: bytes, said: bytes, expected: type[WireError]) -> None:
    with pytest.raises(WireError) as raised, session({verb: (said,)}) as source:
        source.list_new("INBOX")
    assert type(raised.value) is expected


@pytest.mark.parametrize("verb", [b"SELECT", b"EXAMINE"])
def test_a_server_that_wants_to_know_who_asks_is_told(verb: bytes) -> None:
    opened = (b"* 1 EXISTS", b"* OK [UIDVALIDITY 7] ok", b"%s OK done")
    answers = iter([(b"%s NO Unsafe Login. Please contact kefu@188.com for help",), opened])
    with ScriptedServer(imap_script({verb: answers})) as server:
        source = open_imap(server.server(), LOGIN)
        assert source.select("INBOX", writable=verb == b"SELECT").exists == 1
        source.drop()
    assert b'ID ("name" "Postroom" "vendor" "Postroom")' in [line.partition(b" ")[2] for line in server.heard]


def test_a_refusal_leaves_the_connection_usable() -> None:
    with session({b"UID SEARCH": (b"%s NO not now",)}) as source:
        with pytest.raises(WireError):
            source.list_new("INBOX")
        source.noop()


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
        source = open_imap(server.server(), LOGIN)
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
        source = open_imap(server.server(), LOGIN)
        source.select("INBOX", writable=True)
        with pytest.raises(NoSuchFolder):
            source.move([KEY], "Other")
        source.drop()
    assert [line.split()[1] for line in server.heard[-3:]] == [b"UID", b"CREATE", b"UID"]


@pytest.mark.parametrize("said", [b"%s NO [ALREADYEXISTS] there", b"%s NO Cannot create this folder."])
def test_a_target_that_another_worker_made_meanwhile_is_used(said: bytes) -> None:
    answers: dict[bytes, Answer] = {
        b"UID MOVE": iter([(b"%s NO [TRYCREATE] no",), (b"%s OK moved",)]),
        b"CREATE": (said,),
    }
    with session(answers) as source:
        assert source.move([KEY], "Other").done == (KEY,)
