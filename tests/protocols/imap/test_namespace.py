"""Servers that keep a person's folders below a prefix, and say so only when they are asked."""

import pytest

from core.errors import NoSuchFolder, WireError
from core.protocols.imap.folders import Namespace, Namespaces, parse_namespaces
from core.protocols.imap.namespace import name_below
from tests.protocols.imap.sessions import KEY, session
from tests.protocols.scripted import Answer

CYRUS = Namespaces((Namespace("INBOX.", "."),), ("user.", ""))
TOP = Namespaces((Namespace("", "/"),), ())
NAMESPACE = (b'* NAMESPACE (("INBOX." ".")) (("user." ".")) (("" "."))', b"%s OK done")


@pytest.mark.parametrize(
    ("namespaces", "folder", "name"),
    [
        (CYRUS, "Archive", "INBOX.Archive"),
        (CYRUS, "INBOX/Archive/2026", "INBOX.Archive.2026"),
        (CYRUS, "INBOX.Archive", ""),
        (CYRUS, "inbox.Archive", ""),
        (CYRUS, "inbox", ""),
        (CYRUS, "user.bob.Archive", ""),
        (Namespaces((Namespace("mail/", "/"),), ()), "R&D/ü", "mail/R&D/ü"),
        (TOP, "INBOX.Archive", ""),
        (Namespaces((), ()), "Archive", ""),
    ],
)
def test_a_folder_that_cannot_lie_there_has_a_name_that_can(namespaces: Namespaces, folder: str, name: str) -> None:
    assert name_below(namespaces, folder) == name


@pytest.mark.parametrize(
    ("said", "namespaces"),
    [
        (b'NAMESPACE (("INBOX." ".")) (("user." ".")) (("" "."))', CYRUS),
        (b'NAMESPACE (("" "/")) NIL NIL', TOP),
        (b'NAMESPACE (("" NIL "X-PARAM" ("a" "b"))) NIL NIL', Namespaces((Namespace("", ""),), ())),
        (b'NAMESPACE NIL NIL (("#shared." ".")("shared." "."))', Namespaces((), ("#shared.", "shared."))),
        (b"NAMESPACE (((", Namespaces((), ())),
        (b"NAMESPACE 1", Namespaces((), ())),
    ],
)
def test_what_a_server_says_of_its_namespaces(said: bytes, namespaces: Namespaces) -> None:
    assert parse_namespaces([[b"* 1 EXISTS"], [said]]) == namespaces


@pytest.mark.parametrize(
    ("answers", "kind", "what"),
    [
        # Cyrus 3.6
        (
            {b"UID COPY": (b"%s NO Mailbox does not exist",), b"CREATE": (b"%s NO Permission denied",)},
            WireError,
            "refused (create, 'Old'): Permission denied. Its folders begin with 'INBOX.': name it 'INBOX.Old'.",
        ),
        # Courier 5.0
        (
            {b"UID COPY": (b"%s NO Error in IMAP command received by server.",)},
            WireError,
            "(move, 'Old'): Error in IMAP command received by server. Its folders begin with 'INBOX.': name it",
        ),
        (
            {b"UID COPY": (b"%s NO Mailbox does not exist",), b"NAMESPACE": (b"%s NO not now",)},
            NoSuchFolder,
            "The folder 'Old' is not on the server: Mailbox does not exist.",
        ),
    ],
)
def test_who_moves_to_where_no_folder_can_be_is_told_where_it_can(
    answers: dict[bytes, Answer], kind: type[WireError], what: str
) -> None:
    with (
        session(
            {b"NAMESPACE": NAMESPACE, **answers}, capabilities=b"* CAPABILITY IMAP4rev1 UIDPLUS NAMESPACE"
        ) as source,
        pytest.raises(WireError) as raised,
    ):
        source.move([KEY], "Old")
    assert type(raised.value) is kind
    assert what in str(raised.value)


def test_of_several_folders_the_one_that_is_missing_is_named() -> None:
    with session({b'SELECT "Sent"': (b"%s NO Mailbox does not exist",)}) as source:
        with pytest.raises(NoSuchFolder, match="The folder 'Sent' is not on the server"):
            source.select("Sent", writable=True)
        source.select("INBOX", writable=True)


@pytest.mark.parametrize(("status", "name"), [(b"%s NO Mailbox does not exist", "INBOX.Old"), (b"%s OK done", "")])
def test_before_anything_is_moved_it_is_known_where_it_cannot_go(status: bytes, name: str) -> None:
    answers: dict[bytes, Answer] = {b"NAMESPACE": NAMESPACE, b"STATUS": (status,)}
    with session(answers, capabilities=b"* CAPABILITY IMAP4rev1 NAMESPACE") as source:
        assert source.name_for("Old") == name
        assert source.name_for("INBOX.Old") == ""
