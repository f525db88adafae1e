"""One message is waited for, and no other is touched."""

import pytest

from core.errors import Misuse
from core.protocols.pop3.source import Pop3Source
from core.protocols.probe import Incoming
from core.protocols.server import Login
from core.protocols.sessions import open_imap, open_pop3
from core.protocols.sighting import ImapWatch, Pop3Watch
from core.protocols.tls import Security
from core.secret import Secret
from tests.protocols.conftest import Post
from tests.protocols.scripted import ScriptedServer, line_script

WANTED = b"Subject: Postroom round trip abc234\r\n\r\nabc234\r\n"
OTHER = b"Subject: other\r\n\r\nabc234 only in the text\r\n"


def test_imap_sees_it_by_its_subject_alone_and_removes_it_alone(post: Post) -> None:
    user = post.dovecot.fresh_user()
    post.dovecot.create_folder(user, "More")
    watch = ImapWatch(open_imap(post.server(Incoming.IMAP, Security.TLS), post.login(user)), ["INBOX", "More"])
    watch.begin()
    post.dovecot.deliver(user, [OTHER])
    assert watch.look("abc234") is None
    post.dovecot.deliver(user, [WANTED], "More")
    sighting = watch.look("abc234")
    assert sighting is not None
    assert sighting.folder == "More"
    assert watch.remove(sighting)
    assert watch.look("abc234") is None
    watch.close()
    (left,) = post.dovecot.mails(user)
    assert (left.raw, "\\Seen" in left.flags) == (OTHER, False)


def test_what_only_holds_other_folders_is_not_looked_into_for_junk(post: Post) -> None:
    user = post.dovecot.fresh_user()
    for folder in ("Junk/old", "Spam"):
        post.dovecot.create_folder(user, folder)
    source = open_imap(post.server(Incoming.IMAP, Security.TLS), post.login(user))
    assert [one.name for one in source.folders() if not one.is_selectable] == ["Junk"]
    watch = ImapWatch(source, ["INBOX"])
    assert watch.look_aside("abc234") is None
    post.dovecot.deliver(user, [WANTED], "Spam")
    sighting = watch.look_aside("abc234")
    assert sighting is not None
    assert sighting.folder == "Spam"
    watch.close()


def test_pop3_looks_at_what_is_new_and_removes_it_alone(post: Post) -> None:
    user = post.dovecot.fresh_user()
    post.dovecot.deliver(user, [WANTED])  # an old one, of an earlier trip
    watch = Pop3Watch(lambda: open_pop3(post.server(Incoming.POP3, Security.TLS), post.login(user)))
    watch.begin()
    assert watch.look("abc234") is None
    post.dovecot.deliver(user, [OTHER, WANTED])
    sighting = watch.look("abc234")
    assert sighting is not None
    assert watch.remove(sighting)
    watch.close()
    assert sorted(mail.raw for mail in post.dovecot.mails(user)) == sorted([WANTED, OTHER])


@pytest.mark.parametrize("knows_top", [True, False])
def test_pop3_reads_no_message_whose_header_it_may_see(knows_top: bool) -> None:
    header, _, _ = WANTED.partition(b"\r\n\r\n")
    listed: list[tuple[bytes, ...]] = [(b"+OK", b"."), (b"+OK", b"1 a", b".")]
    answers = {
        b"CAPA": (b"-ERR",),
        b"STAT": iter([(b"+OK 0 0",), (b"+OK 1 50",)]),
        b"UIDL": iter(listed),
        b"LIST": (b"+OK", b"1 50", b"."),
        b"TOP": (b"+OK", header, b"", b".") if knows_top else (b"-ERR what?",),
        b"RETR": (b"+OK", header, b"", b"x", b"."),
    }
    with ScriptedServer(line_script(b"+OK ready", answers, b"+OK")) as server:

        def opened() -> Pop3Source:
            return open_pop3(server.server(), Login("ann", Secret("x")))

        watch = Pop3Watch(opened)
        watch.begin()
        assert watch.look("abc234") is not None
        watch.close()
        assert any(line.startswith(b"RETR") for line in server.heard) is not knows_top


def test_nothing_but_a_word_of_our_own_is_searched_for(post: Post) -> None:
    source = open_imap(post.server(Incoming.IMAP, Security.TLS), post.login(post.dovecot.fresh_user()))
    source.select("INBOX", writable=False)
    for word in ("", "two words", 'x" OR ALL', "é", "a\r\nb"):
        with pytest.raises(Misuse):
            source.with_subject_word(word)
    source.drop()
