"""IMAP on a real server: what is listed, read, marked, removed and moved, and that nothing else is touched."""

from collections.abc import Callable, Iterator

import pytest

from core.errors import BadInput, Misuse, NoSuchFolder, Throttled, WireError
from core.protocols.imap.folders import parse_list
from core.protocols.imap.source import ImapSource
from core.protocols.source import Key, Missing
from core.protocols.tls import Security
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer, capabilities_without
from tui.demo.dovecot_config import DovecotOptions

MAILS = [b"Subject: %d\r\n\r\nbody %d\r\n" % (number, number) for number in range(6)]
Opened = Callable[..., ImapSource]


@pytest.fixture(scope="module", params=["all", "no UIDPLUS", "no MOVE", "neither"])
def old_dovecot(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[DovecotServer]:
    """Servers that offer less and less."""
    hidden = {"all": (), "no UIDPLUS": ("UIDPLUS",), "no MOVE": ("MOVE",), "neither": ("UIDPLUS", "MOVE")}
    options = DovecotOptions(imap_capability=capabilities_without(*hidden[request.param]))
    with DovecotServer(certificates.good, {}, options) as server:
        yield server


def keys_of(source: ImapSource, folder: str = "INBOX", writable: bool = True) -> list[Key]:
    source.select(folder, writable=writable)
    return list(source.list_new(folder).keys)


def subjects(server: DovecotServer, user: str, folder: str = "INBOX") -> list[int]:
    return [int(mail.raw.split()[1]) for mail in server.mails(user, folder)]


def test_only_messages_above_the_mark_are_listed(dovecot: DovecotServer, imap: Opened) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    source = imap(user)
    selected = source.select("INBOX", writable=False)
    every = source.list_new("INBOX")
    assert (every.exists, len(every), selected.uidnext) == (6, 6, every.uids[-1] + 1)
    assert list(source.list_new("INBOX", every.uids[3]).uids) == list(every.uids[4:])
    # `n:*` names the last message even when its UID is below n.
    assert len(source.list_new("INBOX", every.uids[-1])) == 0
    assert len(source.list_new("INBOX", 4_000_000_000)) == 0


def test_an_open_connection_sees_what_came_since(dovecot: DovecotServer, imap: Opened) -> None:
    user = dovecot.fresh_user()
    source = imap(user)
    source.select("INBOX", writable=False)
    before = source.status("INBOX")
    assert len(source.list_new("INBOX")) == 0
    dovecot.deliver(user, MAILS)
    source.noop()
    assert source.status("INBOX").uidnext == before.uidnext + 6
    assert [each.raw for each in source.fetch(source.list_new("INBOX").keys)] == MAILS


def test_reading_marks_nothing(dovecot: DovecotServer, imap: Opened) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    source = imap(user)
    keys = keys_of(source)
    source.sizes(keys)
    assert [each.internal_date is not None for each in source.fetch(keys)] == [True] * len(MAILS)
    source.close()
    assert [r"\Seen" in mail.flags for mail in dovecot.mails(user)] == [False] * len(MAILS)


def test_only_the_named_messages_are_marked_as_read(dovecot: DovecotServer, imap: Opened) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    source = imap(user)
    keys = keys_of(source)
    source.mark_seen([keys[0], keys[1], keys[4]])
    assert [r"\Seen" in mail.flags for mail in dovecot.mails(user)] == [True, True, False, False, True, False]


@pytest.mark.parametrize("change", ["mark_seen", "delete", "move"])
def test_a_folder_opened_for_reading_cannot_be_changed(dovecot: DovecotServer, imap: Opened, change: str) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    source = imap(user)
    keys = keys_of(source, writable=False)
    with pytest.raises(Misuse):
        getattr(source, change)(keys, *(["Other"] if change == "move" else []))
    assert subjects(dovecot, user) == [0, 1, 2, 3, 4, 5]


def test_exactly_the_named_messages_are_deleted(old_dovecot: DovecotServer, imap: Opened) -> None:
    user = old_dovecot.fresh_user()
    old_dovecot.deliver(user, MAILS)
    source = imap(user, of=old_dovecot)
    keys = keys_of(source)
    removal = source.delete([keys[0], keys[1], keys[4]])
    assert removal.done == (keys[0], keys[1], keys[4])
    assert (removal.left, removal.note, removal.pending) == ((), "", ())
    assert source.close() == ()
    assert subjects(old_dovecot, user) == [2, 3, 5]


def test_what_others_have_marked_as_deleted_is_not_removed(old_dovecot: DovecotServer, imap: Opened) -> None:
    user = old_dovecot.fresh_user()
    old_dovecot.deliver(user, MAILS)
    source = imap(user, of=old_dovecot)
    keys = keys_of(source)
    old_dovecot.set_flags(user, keys[2].uid, r"\Deleted")
    removal = source.delete(keys[:2])
    source.close()
    if source_has(source, "UIDPLUS"):
        assert removal.done == tuple(keys[:2])
        assert subjects(old_dovecot, user) == [2, 3, 4, 5]
    else:
        assert removal.done == ()
        assert removal.left == tuple(keys[:2])
        assert "1 other message is marked" in removal.note
        assert subjects(old_dovecot, user) == [0, 1, 2, 3, 4, 5]
        assert [r"\Deleted" in mail.flags for mail in old_dovecot.mails(user)] == [True] * 3 + [False] * 3


def test_exactly_the_named_messages_are_moved_and_the_folder_is_made(old_dovecot: DovecotServer, imap: Opened) -> None:
    user = old_dovecot.fresh_user()
    old_dovecot.deliver(user, MAILS)
    source = imap(user, of=old_dovecot)
    keys = keys_of(source)
    removal = source.move([keys[1], keys[3]], "Erledigt/für später")
    assert removal.done == (keys[1], keys[3])
    assert source.move([keys[5]], "Erledigt/für später").done == (keys[5],)
    source.close()
    assert subjects(old_dovecot, user) == [0, 2, 4]
    assert subjects(old_dovecot, user, "Erledigt/für später") == [1, 3, 5]


def test_moving_beside_what_others_have_marked_leaves_or_moves_but_never_copies_twice(
    old_dovecot: DovecotServer, imap: Opened
) -> None:
    user = old_dovecot.fresh_user()
    old_dovecot.deliver(user, MAILS)
    source = imap(user, of=old_dovecot)
    keys = keys_of(source)
    old_dovecot.create_folder(user, "Done")
    old_dovecot.set_flags(user, keys[2].uid, r"\Deleted")
    removal = source.move(keys[:2], "Done")
    source.close()
    if source_has(source, "MOVE") or source_has(source, "UIDPLUS"):
        assert removal.done == tuple(keys[:2])
        assert subjects(old_dovecot, user) == [2, 3, 4, 5]
        assert subjects(old_dovecot, user, "Done") == [0, 1]
    else:
        assert removal.left == tuple(keys[:2])
        assert "nothing was moved" in removal.note
        assert subjects(old_dovecot, user, "Done") == []


def source_has(source: ImapSource, capability: str) -> bool:
    return capability in source.facts.capabilities


def test_a_message_that_somebody_else_removed_is_gone_and_counts_as_done(dovecot: DovecotServer, imap: Opened) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    keys = keys_of(imap(user))
    dovecot.remove(user, keys[1].uid)
    source = imap(user)
    source.select("INBOX", writable=True)
    assert keys[1] not in source.sizes(keys)
    fetched = source.fetch(keys[:3])
    assert [each.missing for each in fetched] == [None, Missing.GONE, None]
    assert source.move(keys[:2], "Other").done == (keys[0], keys[1])
    assert source.delete(keys[1:3]).done == (keys[1], keys[2])
    assert subjects(dovecot, user) == [3, 4, 5]
    assert subjects(dovecot, user, "Other") == [0]


def test_keys_of_another_epoch_are_left_alone(dovecot: DovecotServer, imap: Opened) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    source = imap(user)
    keys = keys_of(source)
    old = [Key(key.folder, key.uidvalidity - 1, key.uid, "") for key in keys[:2]]
    removal = source.delete([*old, keys[3]])
    assert removal.done == (keys[3],)
    assert removal.left == tuple(old)
    assert "UIDVALIDITY" in removal.note
    assert subjects(dovecot, user) == [0, 1, 2, 4, 5]


def test_a_folder_that_is_not_there_is_told(dovecot: DovecotServer, imap: Opened) -> None:
    source = imap(dovecot.fresh_user())
    with pytest.raises(NoSuchFolder) as raised:
        source.select("Nowhere", writable=False)
    assert (raised.value.phase, raised.value.is_permanent) == ("folder", True)
    assert source.is_usable
    assert source.select("INBOX", writable=False).exists == 0


@pytest.mark.parametrize("folder", ["a\r\nP9 DELETE INBOX", "a\nb", "a\0b", "a\rb"])
def test_a_folder_name_cannot_smuggle_a_command(dovecot: DovecotServer, imap: Opened, folder: str) -> None:
    source = imap(dovecot.fresh_user())
    for call in (lambda: source.select(folder, writable=False), lambda: source.status(folder)):
        with pytest.raises(BadInput):
            call()
    assert source.is_usable


def test_a_folder_with_a_name_that_is_no_utf7_hides_no_other() -> None:
    listed = [[b'LIST () "/" "R&D"'], [b'LIST (\\Trash) "/" "[Gmail]/Trash"'], [b'LIST () "/" "&\xff-"']]

    assert [folder.name for folder in parse_list(listed)] == ["[Gmail]/Trash"]


@pytest.mark.parametrize("folder", ["Käse & Brot", 'with "quotes"', "日本語", "100%", "12345"])
def test_folders_of_any_name_are_listed_and_opened(dovecot: DovecotServer, imap: Opened, folder: str) -> None:
    user = dovecot.fresh_user()
    dovecot.create_folder(user, folder)
    source = imap(user)
    assert folder in [each.name for each in source.folders()]
    assert source.select(folder, writable=False).folder == folder
    assert source.status(folder).messages == 0


def test_moving_into_a_full_mailbox_leaves_the_message_where_it_is(certificates: Certificates, imap: Opened) -> None:
    options = DovecotOptions(quota_kilobytes=20, imap_capability=capabilities_without("MOVE"))
    with DovecotServer(certificates.good, {"ann": "secret"}, options) as server:
        server.deliver("ann", [b"Subject: 0\r\n\r\n" + b"x" * 15_000 + b"\r\n"])
        source = imap("ann", of=server)
        keys = keys_of(source)
        with pytest.raises(Throttled, match="OVERQUOTA"):
            source.move(keys, "Other")
        source.close()
        assert subjects(server, "ann") == [0]


def test_one_connection_too_many_is_no_wrong_password(certificates: Certificates, imap: Opened) -> None:
    options = DovecotOptions(max_connections_per_user=1)
    with DovecotServer(certificates.good, {"ann": "secret"}, options) as server:
        imap("ann", of=server)
        with pytest.raises(Throttled, match="Maximum number of connections"):
            imap("ann", of=server)


def test_a_server_that_wants_tls_is_sent_no_password_in_clear(certificates: Certificates) -> None:
    from core.protocols.server import Login, Server
    from core.protocols.sessions import open_imap
    from core.secret import Secret

    options = DovecotOptions(plaintext_login=False)
    with DovecotServer(certificates.good, {"ann": "secret"}, options) as server:
        plain = Server(server.host, server.ports.imap, Security.NONE)
        with pytest.raises(WireError, match="use TLS or STARTTLS") as raised:
            open_imap(plain, Login("ann", Secret("secret")))
        assert raised.value.is_permanent
        assert "auth attempts" not in server.log().replace("no auth attempts", "")


def test_fifty_thousand_uids_in_gaps_fit_into_command_lines(dovecot: DovecotServer, imap: Opened) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    source = imap(user)
    keys = keys_of(source)
    odd = [Key("INBOX", keys[0].uidvalidity, uid, "") for uid in range(1_000_001, 1_100_001, 2)]
    assert set(source.sizes([*keys, *odd])) == set(keys)
    assert source.delete([*keys[:1], *odd]).done == (keys[0], *odd)


def test_the_oldest_message_is_known_by_its_date(dovecot: DovecotServer, imap: Opened) -> None:
    user = dovecot.fresh_user()
    source = imap(user)
    source.select("INBOX", writable=False)
    assert source.oldest() is None
    dovecot.append(user, MAILS[0], internal_date='"01-Feb-2024 03:04:05 +0200"')
    source.select("INBOX", writable=False)
    oldest = source.oldest()
    assert oldest is not None
    assert oldest.isoformat() == "2024-02-01T01:04:05+00:00"
