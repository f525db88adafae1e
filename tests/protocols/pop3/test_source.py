"""POP3 on a real server: what is listed and read, and that deletes happen at QUIT and not before."""

import dataclasses
from collections.abc import Callable

import pytest

from core.errors import BadInput, Misuse, NotOffered
from core.protocols.pop3.source import Pop3Source
from core.protocols.probe import Incoming
from core.protocols.server import Login
from core.protocols.sessions import open_pop3
from core.protocols.source import Key
from core.protocols.tls import Security
from core.secret import Secret
from tests.protocols.conftest import Post
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer
from tui.demo.dovecot_config import DovecotOptions

MAILS = [b"Subject: %d\r\n\r\nbody %d\r\n" % (number, number) for number in range(6)]
Opened = Callable[..., Pop3Source]


@pytest.fixture
def box(dovecot: DovecotServer, pop3: Opened) -> tuple[str, Pop3Source, list[Key]]:
    """A mailbox of six, opened for writing and listed."""
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    source = pop3(user)
    source.select(writable=True)
    return user, source, list(source.list_new().keys)


def subjects(server: DovecotServer, user: str) -> list[int]:
    return [int(mail.raw.split()[1]) for mail in server.mails(user)]


def test_each_message_has_a_name_that_lasts(dovecot: DovecotServer, pop3: Opened) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    names = []
    for _ in range(2):
        source = pop3(user)
        source.select(writable=False)
        listing = source.list_new()
        names.append(list(listing.uidls))
        assert all(key.uid == 0 and key.uidl for key in listing.keys)
        assert (listing.has_uidl, listing.duplicates, listing.exists) == (True, frozenset(), 6)
        source.close()
    assert names[0] == names[1]
    assert len(set(names[0])) == 6


def test_deletes_become_real_at_quit(dovecot: DovecotServer, box: tuple[str, Pop3Source, list[Key]]) -> None:
    user, source, keys = box
    removal = source.delete([keys[1], keys[4]])
    assert removal.pending == (keys[1], keys[4])
    assert (removal.done, removal.left) == ((), ())
    assert source.close() == (keys[1], keys[4])
    assert subjects(dovecot, user) == [0, 2, 3, 5]
    assert source.close() == ()


def test_dropping_the_connection_deletes_nothing(
    dovecot: DovecotServer, box: tuple[str, Pop3Source, list[Key]]
) -> None:
    user, source, keys = box
    source.delete(keys)
    source.drop()
    assert source.close() == ()
    assert subjects(dovecot, user) == [0, 1, 2, 3, 4, 5]


def test_what_was_deleted_in_this_session_is_refused_and_named(box: tuple[str, Pop3Source, list[Key]]) -> None:
    _, source, keys = box
    source.delete(keys[:1])
    (again,) = source.fetch(keys[:1])
    assert again.raw is None
    assert "deleted" in again.note.lower()
    assert source.fetch(keys[1:2])[0].raw == MAILS[1], "the connection is in step"
    removal = source.delete(keys[:2])
    assert (removal.left, removal.pending) == ((keys[0],), (keys[1],))


def test_a_mailbox_opened_for_reading_deletes_nothing(dovecot: DovecotServer, pop3: Opened) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    source = pop3(user)
    source.select(writable=False)
    with pytest.raises(Misuse):
        source.delete(source.list_new().keys)


def test_what_pop3_cannot_do_is_told(box: tuple[str, Pop3Source, list[Key]]) -> None:
    _, source, keys = box
    with pytest.raises(NotOffered):
        source.move(keys, "Other")
    with pytest.raises(NotOffered):
        source.mark_seen(keys)
    with pytest.raises(Misuse):
        source.select("Support", writable=False)
    with pytest.raises(Misuse):
        source.fetch([Key("", 0, 0, "of another session")])
    source.noop()


def test_a_thousand_messages_come_in_order_ahead_or_one_by_one(dovecot: DovecotServer, post: Post) -> None:
    user = dovecot.fresh_user()
    mails = [b"Subject: %d\r\n\r\n" % number + b"." * (number % 90) + b"\r\n" for number in range(1000)]
    dovecot.deliver(user, mails)
    for hidden in ("", "PIPELINING"):
        source = open_pop3(post.server(Incoming.POP3, Security.NONE), post.login(user))
        source._dialogue.capabilities -= {hidden}
        source.select(writable=False)
        assert [each.raw for each in source.fetch(source.list_new().keys)] == mails
        source.close()


def test_a_server_that_wants_tls_is_sent_no_password_in_clear(certificates: Certificates) -> None:
    options = DovecotOptions(plaintext_login=False)
    with DovecotServer(certificates.good, {"ann": "secret"}, options) as server:
        place = dataclasses.replace(Post(server, certificates).server(Incoming.POP3, Security.NONE), host=server.host)
        with pytest.raises(NotOffered, match="in clear"):
            open_pop3(place, Login("ann", Secret("secret")))
        assert "auth attempts" not in server.log().replace("no auth attempts", "")


@pytest.mark.parametrize("login", [Login("ann\r\nDELE 1", Secret("x")), Login("ann", Secret("x\r\nDELE 1"))])
def test_a_login_cannot_smuggle_a_command(post: Post, login: Login) -> None:
    with pytest.raises(BadInput, match="line break"):
        open_pop3(post.server(Incoming.POP3, Security.NONE), login)
