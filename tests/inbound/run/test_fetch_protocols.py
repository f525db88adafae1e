"""Fetching from a real server, by every way there is: what is stored, and what is left there."""

import pytest

from core.handles import Handles
from tests.accounts import ON_SQLITE, add_account, at, fetched_well, message, raws, records, stored
from tests.corpus.generate import mixed_messages
from tests.corpus.nasty import small_messages
from tests.servers.dovecot import DovecotServer

KINDS = ("IMAP", "IMAPS", "IMAPTLS", "POP3", "POP3S", "POP3TLS")
LONG_LINES = [message(f"long{size}", body="x" * size) for size in (2047, 2048, 2049, 70_000)]
DOTS = [message("dots", body=".\r\n..\r\n.x\r\n. \r\nend\r\n."), b"Subject: .\r\n\r\n."]
MAILS = [*mixed_messages(40, seed=3), *LONG_LINES, *DOTS, *small_messages().values()]


def served(server: DovecotServer, user: str, kind: str) -> list[bytes]:
    if kind.startswith("IMAP"):
        return [mail.raw for mail in server.mails(user)]
    return [raw for _, raw in server.pop3_mails(user)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_message_is_stored_as_the_protocol_serves_it_and_no_second_time(
    handles: Handles, dovecot: DovecotServer, kind: str
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    account = add_account(handles, **at(dovecot, user, kind))
    expected = served(dovecot, user, kind)

    first = fetched_well(handles)
    second = fetched_well(handles)

    assert raws(handles, account) == expected
    assert len(expected) == len(MAILS)
    assert first.counts.fetched == len(MAILS)
    assert first.counts.bytes == sum(map(len, expected))
    assert (second.counts.fetched, second.counts.skipped) == (0, len(MAILS))
    assert served(dovecot, user, kind) == expected


@ON_SQLITE
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_to_be_deleted_is_gone_once_it_is_stored(handles: Handles, dovecot: DovecotServer, kind: str) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, MAILS)
    expected = served(dovecot, user, kind)
    account = add_account(handles, after_fetch="delete", **at(dovecot, user, kind))

    summary = fetched_well(handles)

    assert raws(handles, account) == expected
    assert dovecot.mails(user) == []
    assert summary.counts.acknowledged == len(MAILS)
    assert all(one.is_acknowledged for one in stored(handles))
    assert fetched_well(handles).counts.fetched == 0


@ON_SQLITE
@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_new_mail_alone_is_taken_in_by_the_next_run(handles: Handles, dovecot: DovecotServer, kind: str) -> None:
    user = dovecot.fresh_user()
    account = add_account(handles, **at(dovecot, user, kind))
    for count in (0, 3, 0, 2):
        before = len(raws(handles))
        dovecot.deliver(user, [message(before + number) for number in range(count)])
        assert fetched_well(handles).counts.fetched == count
    assert raws(handles, account) == [message(number) for number in range(5)]
    assert len(records(handles)) == 5


@ON_SQLITE
def test_a_message_of_which_another_client_removed_the_last_is_not_taken_for_new(
    handles: Handles, dovecot: DovecotServer
) -> None:
    # `UID SEARCH UID n:*` names the last message even when its UID is below n (RFC 3501 §6.4.8).
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(number) for number in range(3)])
    add_account(handles, **at(dovecot, user))
    fetched_well(handles)
    dovecot.remove(user, 3)
    assert fetched_well(handles).counts.fetched == 0
    dovecot.deliver(user, [message("new")])
    assert fetched_well(handles).counts.fetched == 1
