"""The server is asked for the next batch while this one is on its way; nothing is mistaken for something else by that."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from core.errors import ConnectionLost, WireError
from core.protocols.imap.source import ImapSource
from core.protocols.server import Login
from core.protocols.sessions import open_imap
from core.protocols.source import Key, Missing
from core.secret import Secret
from tests.protocols.imap.test_source import MAILS
from tests.protocols.scripted import Answer, ScriptedServer, Talk, imap_script
from tests.servers.dovecot import DovecotServer

FIRST, SECOND, THIRD = (Key("INBOX", 7, uid, "") for uid in (41, 42, 43))
BODY = b"Subject: x\r\n\r\nhello\r\n"


def body(uid: int) -> bytes:
    return b"* 1 FETCH (UID %d BODY[] {%d}\r\n%b)" % (uid, len(BODY), BODY)


def tag_of(line: bytes) -> bytes:
    return line.partition(b" ")[0]


@contextmanager
def session(fetches: Callable[[Talk], object], **answers: Answer) -> Iterator[tuple[ImapSource, ScriptedServer]]:
    """A session whose first UID FETCH is answered by a script that takes over, after its tag was read."""
    said = {name.replace("_", " ").encode(): answer for name, answer in answers.items()}
    with ScriptedServer(imap_script({**said, b"UID FETCH": fetches})) as server:
        source = open_imap(server.server(), Login("ann", Secret("canary-9f2")))
        try:
            source.select("INBOX", writable=True)
            yield source, server
        finally:
            source.drop()


def raws(source: ImapSource, key: Key, following: Key | None = None) -> list[bytes | None]:
    return [one.raw for one in source.fetch([key], [following] if following else [])]


def test_the_next_batch_is_asked_for_before_this_one_has_come() -> None:
    def patient(talk: Talk) -> None:
        first = talk.last
        second = talk.hear()
        talk.say(body(41), tag_of(first) + b" OK done", body(42), tag_of(second) + b" OK done")
        talk.stay_silent()

    with session(patient) as (source, server):
        assert raws(source, FIRST, SECOND) == [BODY]
        assert raws(source, SECOND) == [BODY]
    assert [line.split(b" ", 3)[3][:2] for line in server.heard if b"UID FETCH" in line] == [b"41", b"42"]


def test_a_server_that_works_on_both_at_a_time_is_understood() -> None:
    def mixed(talk: Talk) -> None:
        first, second = talk.last, talk.hear()
        talk.say(body(42), tag_of(second) + b" OK done", body(41), tag_of(first) + b" OK done")
        talk.stay_silent()

    with session(mixed) as (source, _):
        assert raws(source, FIRST, SECOND) == [BODY]
        assert raws(source, SECOND) == [BODY]


def test_what_was_asked_for_is_taken_in_before_anything_else_is_said() -> None:
    def then_store(talk: Talk) -> None:
        first, second = talk.last, talk.hear()
        talk.say(body(41), tag_of(first) + b" OK done", body(42), tag_of(second) + b" OK done")
        store = talk.hear()
        talk.say(b"* 1 FETCH (UID 41 FLAGS (\\Seen))", tag_of(store) + b" OK done")
        talk.stay_silent()

    with session(then_store) as (source, server):
        assert raws(source, FIRST, SECOND) == [BODY]
        source.mark_seen([FIRST])
        assert raws(source, SECOND) == [BODY]
    assert sum(b"UID FETCH" in line for line in server.heard) == 2, "nothing is asked for twice"


def test_a_refusal_of_the_next_batch_waits_for_that_batch() -> None:
    def refusing(talk: Talk) -> None:
        first, second = talk.last, talk.hear()
        talk.say(body(41), tag_of(first) + b" OK done", tag_of(second) + b" NO fetch error")
        store = talk.hear()
        talk.say(tag_of(store) + b" OK done")
        while asked := talk.hear():  # one by one, and whether it reads another
            if b" FETCH 1 " in asked:
                talk.say(body(41), tag_of(asked) + b" OK done")
            elif b" SEARCH " in asked:
                talk.say(b"* SEARCH 42", tag_of(asked) + b" OK done")
            else:
                talk.say(tag_of(asked) + b" NO fetch error")

    with session(refusing) as (source, _):
        assert raws(source, FIRST, SECOND) == [BODY]
        source.mark_seen([FIRST])
        assert source.fetch([SECOND])[0].missing is Missing.REFUSED


def test_a_batch_that_is_not_the_one_asked_for_is_asked_for_itself() -> None:
    def all_three(talk: Talk) -> None:
        first, second = talk.last, talk.hear()
        talk.say(body(41), tag_of(first) + b" OK done", body(42), tag_of(second) + b" OK done")
        third = talk.hear()
        talk.say(body(43), tag_of(third) + b" OK done")
        talk.stay_silent()

    with session(all_three) as (source, _):
        assert raws(source, FIRST, SECOND) == [BODY]
        assert raws(source, THIRD) == [BODY]
        assert raws(source, SECOND) == [BODY], "it came meanwhile"


def test_a_connection_that_is_cut_in_the_next_batch_loses_only_that() -> None:
    def cut(talk: Talk) -> None:
        first = talk.last
        talk.hear()
        talk.say(body(41), tag_of(first) + b" OK done", b"* 2 FETCH (UID 42 BODY[] {21}")

    with session(cut) as (source, _):
        assert raws(source, FIRST, SECOND) == [BODY]
        with pytest.raises(ConnectionLost):
            source.fetch([SECOND])


def test_batches_that_are_asked_for_ahead_come_whole_from_a_real_server(
    dovecot: DovecotServer, imap: Callable[..., ImapSource]
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    source = imap(user)
    source.select("INBOX", writable=True)
    keys = source.list_new("INBOX").keys
    source.sizes(keys)
    first = source.fetch(keys[:1], keys[1:])
    source.mark_seen(keys[:1])
    assert [one.raw for one in [*first, *source.fetch(keys[1:])]] == MAILS


def test_what_removes_a_message_is_said_at_once() -> None:
    def waits_for_all(talk: Talk) -> None:
        said = [talk.last, talk.hear(), talk.hear()]
        talk.say(*(tag_of(line) + b" OK done" for line in said[:2]), b"* SEARCH", tag_of(said[2]) + b" OK done")
        talk.stay_silent()

    with ScriptedServer(imap_script({b"UID STORE": waits_for_all})) as server:
        source = open_imap(server.server(), Login("ann", Secret("canary-9f2")))
        source.select("INBOX", writable=True)
        assert source.delete([FIRST]).done == (FIRST,)
        source.drop()
    assert [b" ".join(line.split()[1:4]) for line in server.heard[-3:]] == [
        b"UID STORE 41",
        b"UID EXPUNGE 41",
        b"UID SEARCH UID",
    ]


def test_what_a_server_keeps_is_not_taken_for_removed_though_it_says_so_while_it_reads_the_next_batch() -> None:
    def mixed(talk: Talk) -> None:
        first, second = talk.last, talk.hear()
        talk.say(body(41), tag_of(first) + b" OK done")
        said = [talk.hear() for _ in range(3)]  # marking, removing, looking
        talk.say(b"* SEARCH 41", *(tag_of(line) + b" OK done" for line in said))
        talk.say(body(42), tag_of(second) + b" OK done")
        talk.say(b"* SEARCH 41", tag_of(talk.hear()) + b" OK done")
        talk.stay_silent()

    with session(mixed) as (source, _):
        assert raws(source, FIRST, SECOND) == [BODY]
        assert source.delete([FIRST]).left == (FIRST,)
        assert raws(source, SECOND) == [BODY]


def test_marking_that_is_refused_is_told_though_more_was_said() -> None:
    with ScriptedServer(imap_script({b"UID STORE": (b"%s NO [NOPERM] not yours",)})) as server:
        source = open_imap(server.server(), Login("ann", Secret("canary-9f2")))
        source.select("INBOX", writable=True)
        with pytest.raises(WireError, match="not yours"):
            source.delete([FIRST])
        source.noop()
        source.drop()
