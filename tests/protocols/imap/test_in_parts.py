"""Servers that do a part of what they are asked for: they search, or touch, so many messages at a time (RFC 9738)."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from core.errors import ProtocolViolation
from core.protocols.imap.source import ImapSource
from core.protocols.imap.text import sequence_sets
from core.protocols.source import Key
from tests.fakes.holding import is_named
from tests.protocols.imap.sessions import session
from tests.protocols.scripted import Answer, Talk

UIDS = [2, 3, 5, 7, 11, 13, 17]


def selected(exists: int) -> tuple[bytes, ...]:
    return (b"* %d EXISTS" % exists, b"* OK [UIDVALIDITY 7] ok", b"* OK [UIDNEXT 18] ok", b"%s OK [READ-WRITE] done")


def asked_for(command: bytes) -> list[int]:
    """The UIDs that a search names, all its keys together."""
    words = command.decode().split()
    sets = [after for word, after in pairwise(words) if word == "UID"]
    return [uid for uid in UIDS if all(is_named(uid, each) for each in sets if each != "SEARCH")]


@contextmanager
def searching(limit: int, *, newest: bool = True, code: str = "tagged") -> Iterator[ImapSource]:
    """A server that searches `limit` messages at a time, its newest or its oldest, and says so or does not."""

    def search(talk: Talk) -> None:
        while True:
            tag, _, command = talk.last.partition(b" ")
            found = asked_for(command)
            part = found[-limit:] if newest else found[:limit]
            said = b"[MESSAGELIMIT %d %d] " % (limit, part[0]) if len(part) < len(found) and code else b""
            if code == "untagged" and said:
                talk.say(b"* NO " + said + b"the last of them")
            talk.say(b"* SEARCH " + b" ".join(b"%d" % uid for uid in reversed(part)))
            talk.say(tag + b" OK " + (said if code == "tagged" else b"[EXPUNGEISSUED] ") + b"done")
            if not talk.hear().partition(b" ")[2].startswith(b"UID SEARCH"):
                return

    with session({b"SELECT": selected(len(UIDS)), b"UID SEARCH": search}) as source:
        yield source


@pytest.mark.parametrize("limit", [1, 2, 6, 7])
@pytest.mark.parametrize("code", ["tagged", "untagged"])
def test_a_folder_is_listed_to_its_oldest_message(limit: int, code: str) -> None:
    with searching(limit, code=code) as source:
        assert list(source.list_new("INBOX").uids) == UIDS


def test_what_is_new_is_listed_whole() -> None:
    with searching(2) as source:
        assert list(source.list_new("INBOX", 3).uids) == [5, 7, 11, 13, 17]


@pytest.mark.parametrize("newest", [True, False])
def test_a_listing_that_is_cut_without_a_word_is_asked_for_on(newest: bool) -> None:
    with searching(3, newest=newest, code="") as source:
        assert list(source.list_new("INBOX").uids) == UIDS


def test_messages_that_left_meanwhile_are_not_looked_for_for_ever() -> None:
    answers: dict[bytes, Answer] = {b"SELECT": selected(9), b"UID SEARCH": (b"* SEARCH 5 7", b"%s OK done")}
    with session(answers) as source:
        assert list(source.list_new("INBOX").uids) == [5, 7]


def test_a_server_that_searches_the_same_part_again_is_left() -> None:
    answers: dict[bytes, Answer] = {b"UID SEARCH": (b"* SEARCH 9", b"%s OK [MESSAGELIMIT 1 9] done")}
    with session(answers) as source, pytest.raises(ProtocolViolation):
        source.list_new("INBOX")


def test_what_a_look_after_deleting_did_not_reach_is_not_gone() -> None:
    """The server marks, removes and looks at the newer one only."""
    looks = iter(
        [
            (b"* SEARCH", b"%s OK [MESSAGELIMIT 1 9] done"),
            (b"* SEARCH", b"%s OK [MESSAGELIMIT 1 9] done"),
            (b"* SEARCH 8", b"%s OK done"),
        ]
    )
    keys = [Key("INBOX", 7, 8, ""), Key("INBOX", 7, 9, "")]
    with session({b"UID SEARCH": looks}) as source:
        removal = source.delete(keys)
    assert (removal.done, removal.left) == ((keys[1],), (keys[0],))


def test_no_command_names_more_than_a_thousand_messages() -> None:
    assert list(sequence_sets(range(1, 2501))) == [b"1:1000", b"1001:2000", b"2001:2500"]
    assert list(sequence_sets([5, 3, 4, 9, 9])) == [b"3:5,9"]
    assert list(sequence_sets([])) == []
