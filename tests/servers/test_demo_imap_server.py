"""The small IMAP server serves IMAPClient and imaplib as Dovecot does."""

import imaplib
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError

from tests.servers.certificates import Certificates
from tests.waiting import PATIENCE
from tui.demo.imap_server import ImapServer

MAILS = [b"Subject: %d\r\n\r\nbody \xff\r\n" % number for number in range(5)]


@pytest.fixture
def server() -> Iterator[ImapServer]:
    with ImapServer({"ada": 'p w"\\'}) as server:
        server.deliver("ada", MAILS)
        yield server


@pytest.fixture
def client(server: ImapServer) -> Iterator[IMAPClient]:
    with IMAPClient(server.host, server.port, ssl=False, timeout=PATIENCE) as client:
        client.login("ada", 'p w"\\')
        yield client


def test_wrong_password_is_refused(server: ImapServer) -> None:
    with IMAPClient(server.host, server.port, ssl=False, timeout=PATIENCE) as client:
        with pytest.raises(LoginError, match="AUTHENTICATIONFAILED"):
            client.login("ada", "wrong")
        with pytest.raises(IMAPClientError, match="illegal in state NONAUTH"):
            client.select_folder("INBOX")
        client.plain_login("ada", 'p w"\\')


def test_mail_is_served_byte_for_byte(client: IMAPClient) -> None:
    selected = client.select_folder("inbox", readonly=True)
    assert selected[b"EXISTS"] == 5
    uids = client.search("ALL")
    assert uids == [1, 2, 3, 4, 5]
    fetched = client.fetch(uids, ["FLAGS", "RFC822.SIZE", "INTERNALDATE", "BODY.PEEK[]"])
    assert [fetched[uid][b"BODY[]"] for uid in uids] == MAILS
    assert [fetched[uid][b"RFC822.SIZE"] for uid in uids] == [len(raw) for raw in MAILS]
    assert [fetched[uid][b"SEQ"] for uid in uids] == [1, 2, 3, 4, 5]
    assert client.fetch("2", ["BODY.PEEK[HEADER]", "BODY.PEEK[]<1.3>"])[2] == {
        b"SEQ": 2,
        b"BODY[HEADER]": b"Subject: 1\r\n\r\n",
        b"BODY[]<1>": b"ubj",
    }
    assert client.search("UNSEEN") == uids


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [("UID 2:3", [2, 3]), ("UID 4:*", [4, 5]), ("UID 9:*", [5]), ("SEEN", [2]), ("UID 1:3 UNSEEN", [1, 3])],
)
def test_search(client: IMAPClient, criteria: str, expected: list[int]) -> None:
    client.select_folder("INBOX")
    client.fetch([2], ["BODY[]"])
    assert client.search(criteria) == expected


def test_only_what_is_named_is_expunged(client: IMAPClient) -> None:
    client.select_folder("INBOX")
    client.delete_messages([1, 2, 4], silent=True)
    client.uid_expunge([2, 3, 4])
    assert client.search("ALL") == [1, 3, 5]
    client.expunge()
    assert client.search("ALL") == [3, 5]
    assert client.fetch([2], ["FLAGS"]) == {}


def test_move_to_another_folder(client: IMAPClient) -> None:
    client.select_folder("INBOX")
    with pytest.raises(IMAPClientError, match="TRYCREATE"):
        client.move([2], "Archive/Old")
    client.create_folder("Archive/Old")
    assert [name for _, _, name in client.list_folders()] == ["INBOX", "Archive/Old"]
    client.move([2, 5], "Archive/Old")
    assert client.search("ALL") == [1, 3, 4]
    status = client.folder_status("Archive/Old", ["MESSAGES", "UIDNEXT", "UNSEEN"])
    assert status == {b"MESSAGES": 2, b"UIDNEXT": 3, b"UNSEEN": 2}
    client.select_folder("Archive/Old")
    assert [mail[b"BODY[]"] for mail in client.fetch([1, 2], ["BODY.PEEK[]"]).values()] == [MAILS[1], MAILS[4]]


def test_new_mail_is_told(server: ImapServer, client: IMAPClient) -> None:
    client.select_folder("INBOX")
    server.deliver("ada", MAILS[:1])
    assert client.noop()[1] == [(6, b"EXISTS")]


def test_append_keeps_bytes_flags_and_date(client: IMAPClient) -> None:
    at = datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)
    client.normalise_times = False
    client.append("INBOX", MAILS[3], [r"\Seen"], at)
    client.select_folder("INBOX")
    mail = client.fetch([6], ["FLAGS", "INTERNALDATE", "BODY.PEEK[]"])[6]
    assert (mail[b"FLAGS"], mail[b"INTERNALDATE"], mail[b"BODY[]"]) == ((rb"\Seen",), at, MAILS[3])


def test_nonsense_is_refused_and_the_session_goes_on(server: ImapServer) -> None:
    with imaplib.IMAP4(server.host, server.port, timeout=PATIENCE) as connection:
        for early in (b"x0 SELECT INBOX\r\n", b"x0 CREATE x\r\n", b"x0 UID SEARCH ALL\r\n"):
            connection.send(early)
            assert connection.readline().split()[1] == b"NO"
        connection.login("ada", 'p w"\\')
        for wrong in (b"x1 FROBNICATE\r\n", b"x2 SELECT\r\n", b"x3 STATUS a b c d\r\n"):
            connection.send(wrong)
            assert connection.readline().split()[1] == b"BAD"
        assert connection.list('""', '""') == ("OK", [rb'(\Noselect) "/" ""'])
        assert connection.select() == ("OK", [b"5"])


def test_inside_tls(certificates: Certificates) -> None:
    with (
        ImapServer({"ada": "pw"}, certificates.good) as server,
        IMAPClient(
            "localhost", server.port, ssl_context=certificates.good.client_context(), timeout=PATIENCE
        ) as client,
    ):
        client.login("ada", "pw")
        assert client.select_folder("INBOX")[b"EXISTS"] == 0
