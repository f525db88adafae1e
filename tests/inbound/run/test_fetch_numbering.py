"""A server that numbers its messages anew, and an account whose source is changed: nothing is taken for new twice."""

from datetime import UTC, datetime

import pytest

from core.handles import Handles
from tests.accounts import (
    ON_SQLITE,
    add_account,
    at,
    change_account,
    fetch,
    fetch_once,
    fetched_well,
    lines,
    message,
    raws,
    records,
    stored,
)
from tests.corpus.generate import mixed_messages
from tests.fakes.faults import Direction, Fault, Rule
from tests.fakes.proxy import Proxy
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer

CUT_BEFORE_DELETING = Rule(Direction.TO_SERVER, Fault.CUT, at=rb"UID STORE|DELE ")


def left_pending(handles: Handles, server: DovecotServer, user: str, kind: str = "IMAP") -> int:
    """An account that is to delete, all of whose mail is stored, and nothing yet deleted."""
    ports = {"IMAP": server.ports.imap, "POP3": server.ports.pop3}
    with Proxy(ports[kind], CUT_BEFORE_DELETING) as proxy:
        account = add_account(handles, after_fetch="delete", **{**at(server, user, kind), "port": proxy.port})
        while fetch(handles).counts.fetched:
            pass
    change_account(handles, account, port=ports[kind])
    assert len(stored(handles)) == len(server.mails(user))
    assert not any(one.is_acknowledged for one in stored(handles))
    return account


def test_kept_messages_are_known_under_their_new_numbers(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    mails = list(mixed_messages(197, seed=5))
    twin = message("twin")
    mails = [twin, *mails, twin, twin]
    dovecot.deliver(user, mails)
    add_account(handles, **at(dovecot, user))
    assert fetched_well(handles).counts.fetched == 200
    dovecot.deliver(user, [message("meanwhile")])
    dovecot.reset_uidvalidity(user)

    changed = fetched_well(handles)

    assert (changed.counts.fetched, changed.counts.skipped) == (1, 200)
    assert any("UIDVALIDITY changed" in line for line in lines(handles, changed.outcomes[0].run_id))
    assert sorted(raws(handles)) == sorted([*mails, message("meanwhile")])
    assert {one.uid for one in stored(handles)} == {mail.uid for mail in dovecot.mails(user)}
    assert fetched_well(handles).counts.fetched == 0
    # What comes from now on is new, though it be equal to what is here.
    dovecot.deliver(user, [twin])
    assert fetched_well(handles).counts.fetched == 1
    assert raws(handles).count(twin) == 4


@ON_SQLITE
def test_a_run_that_is_cut_off_while_it_matches_goes_on_matching(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    twin = message("twin")
    mails = [twin, *(message(number) for number in range(70)), twin]
    dovecot.deliver(user, mails)
    account = add_account(handles, **at(dovecot, user))
    fetched_well(handles)
    dovecot.reset_uidvalidity(user)
    change_account(handles, account, max_messages=20)
    for _ in range(5):
        assert fetch_once(handles, "a").counts.fetched == 0
    assert len(raws(handles)) == 72


def test_a_delete_that_was_pending_is_carried_out_under_the_new_number(
    handles: Handles, dovecot: DovecotServer
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(number) for number in range(4)])
    left_pending(handles, dovecot, user)
    dovecot.reset_uidvalidity(user)
    dovecot.deliver(user, [message("new")])

    first = fetched_well(handles)
    second = fetched_well(handles)

    assert first.counts.fetched == 1
    assert first.counts.acknowledged + second.counts.acknowledged == 5
    assert dovecot.mails(user) == []
    assert raws(handles) == [*(message(number) for number in range(4)), message("new")]


@pytest.mark.parametrize("apart", [0, 60], ids=["in one batch", "in two batches"])
def test_of_equal_messages_none_is_deleted_when_it_cannot_be_known_which_one(
    handles: Handles, dovecot: DovecotServer, apart: int
) -> None:
    user = dovecot.fresh_user()
    twin = message("twin")
    dovecot.deliver(user, [twin, *(message(number) for number in range(apart)), twin, message("single")])
    left_pending(handles, dovecot, user)
    dovecot.reset_uidvalidity(user)

    fetched_well(handles)
    fetched_well(handles)

    assert [mail.raw for mail in dovecot.mails(user)] == [twin, twin]
    assert len(raws(handles)) == apart + 3
    assert fetched_well(handles).counts.fetched == 0


def test_what_was_to_be_deleted_and_is_gone_after_the_change_is_settled(
    handles: Handles, dovecot: DovecotServer
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(number) for number in range(3)])
    left_pending(handles, dovecot, user)
    dovecot.remove(user, 2)
    dovecot.reset_uidvalidity(user)
    fetched_well(handles)
    fetched_well(handles)
    assert dovecot.mails(user) == []
    assert all(one.is_acknowledged for one in stored(handles))


@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_a_changed_source_brings_no_second_records(handles: Handles, dovecot: DovecotServer, kind: str) -> None:
    user = dovecot.fresh_user()
    mails = [message("twin"), message("twin"), message("single")]
    dovecot.deliver(user, mails)
    account = add_account(handles, **at(dovecot, user, kind))
    fetched_well(handles)
    change_account(handles, account, host="localhost", epoch=2)

    changed = fetched_well(handles)

    assert (changed.counts.fetched, changed.counts.skipped) == (0, 3)
    assert len(records(handles)) == 3
    assert fetched_well(handles).counts.fetched == 0
    dovecot.deliver(user, [message("single"), message("new")])
    assert fetched_well(handles).counts.fetched == 2
    assert len(raws(handles)) == 5


@ON_SQLITE
@pytest.mark.parametrize(("before", "after"), [("IMAP", "POP3"), ("POP3", "IMAP")])
def test_another_protocol_brings_no_second_records(
    handles: Handles, dovecot: DovecotServer, before: str, after: str
) -> None:
    """What POP3 serves is IMAP's INBOX."""
    user = dovecot.fresh_user()
    mails = [message("twin"), message("twin"), message("single")]
    dovecot.deliver(user, mails)
    account = left_pending(handles, dovecot, user, before)
    change_account(handles, account, epoch=2, folders=["INBOX"], **at(dovecot, user, after))

    changed = [fetched_well(handles), fetched_well(handles)]

    assert sum(one.counts.fetched for one in changed) == 0
    assert len(records(handles)) == 3
    assert [mail.raw for mail in dovecot.mails(user)] == [message("twin"), message("twin")]


@ON_SQLITE
def test_a_folder_that_is_added_is_taken_in_and_the_others_are_known(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message("inbox")])
    dovecot.create_folder(user, "More")
    dovecot.append(user, message("more"), "More")
    account = add_account(handles, **at(dovecot, user))
    fetched_well(handles)
    change_account(handles, account, folders=["INBOX", "More"], epoch=2)
    assert fetched_well(handles).counts.fetched == 1
    assert raws(handles) == [message("inbox"), message("more")]


@ON_SQLITE
@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_a_changed_source_carries_out_what_was_pending(handles: Handles, dovecot: DovecotServer, kind: str) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(number) for number in range(3)])
    account = left_pending(handles, dovecot, user, kind)
    change_account(handles, account, epoch=2)
    fetched_well(handles)
    fetched_well(handles)
    assert dovecot.mails(user) == []
    assert len(raws(handles)) == 3


@ON_SQLITE
@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_after_a_change_mail_equal_to_what_was_deleted_before_is_new(
    handles: Handles, dovecot: DovecotServer, kind: str
) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message("twin")])
    account = add_account(handles, after_fetch="delete", **at(dovecot, user, kind))
    fetched_well(handles)
    change_account(handles, account, epoch=2)
    fetched_well(handles)
    dovecot.deliver(user, [message("twin")])
    assert fetched_well(handles).counts.fetched == 1
    assert dovecot.mails(user) == []
    assert len(raws(handles)) == 2


@ON_SQLITE
@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_an_account_that_began_with_new_mail_does_not_take_in_the_old_after_a_change(
    handles: Handles, dovecot: DovecotServer, kind: str
) -> None:
    user = dovecot.fresh_user()
    dovecot.append(user, message("old"), internal_date='"01-Jan-2020 12:00:00 +0000"')
    account = add_account(handles, start_from="now", **at(dovecot, user, kind))
    fetched_well(handles)
    dovecot.append(user, message("known"))
    fetched_well(handles)
    assert raws(handles) == [message("known")]
    change_account(handles, account, epoch=2)
    fetched_well(handles)
    assert raws(handles) == [message("known")]


@ON_SQLITE
def test_an_account_that_began_with_new_mail_takes_in_what_came_before_a_change_and_was_not_fetched(
    handles: Handles, dovecot: DovecotServer
) -> None:
    user = dovecot.fresh_user()
    dovecot.append(user, message("old"), internal_date='"01-Jan-2020 12:00:00 +0000"')
    account = add_account(handles, start_from="now", **at(dovecot, user))
    fetched_well(handles)
    dovecot.append(user, message("meanwhile"))
    change_account(handles, account, epoch=2)
    fetched_well(handles)
    assert raws(handles) == [message("meanwhile")]


@ON_SQLITE
def test_what_came_since_an_account_began_is_told_by_a_server_west_of_here_too(
    handles: Handles, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Honolulu")
    with DovecotServer(certificates.good, {}) as server:
        user = server.fresh_user()
        server.append(user, message("old"), internal_date='"01-Jan-2020 12:00:00 +0000"')
        account = add_account(handles, start_from="now", **at(server, user))
        fetched_well(handles)
        # By its own clock it is the day before, all through our morning.
        change_account(handles, account, created_at=datetime(2026, 3, 10, 1, tzinfo=UTC), epoch=2)
        server.append(user, message("meanwhile"), internal_date='"10-Mar-2026 02:00:00 +0000"')
        fetched_well(handles)
    assert raws(handles) == [message("meanwhile")]


def made_anew(handles: Handles, dovecot: DovecotServer, mails: list[bytes]) -> str:
    """The user of a folder that was fetched, and is empty for a moment while its server makes it anew."""
    user = dovecot.fresh_user()
    dovecot.deliver(user, mails)
    add_account(handles, **at(dovecot, user))
    assert fetched_well(handles).counts.fetched == len(mails)
    for mail in dovecot.mails(user):
        dovecot.remove(user, mail.uid)
    dovecot.reset_uidvalidity(user)
    assert fetched_well(handles).counts.fetched == 0
    return user


def test_a_folder_that_fills_again_after_it_was_numbered_anew_is_known_by_its_bytes(
    handles: Handles, dovecot: DovecotServer
) -> None:
    mails = [message(number) for number in range(1, 6)]
    user = made_anew(handles, dovecot, mails)
    dovecot.deliver(user, [*mails, message("new")])
    assert fetched_well(handles).counts.fetched == 1
    assert sorted(raws(handles)) == sorted([*mails, message("new")])


def test_a_folder_that_is_numbered_anew_twice_before_it_is_full_again_is_known_by_its_bytes(
    handles: Handles, dovecot: DovecotServer
) -> None:
    mails = [message(number) for number in range(1, 6)]
    user = made_anew(handles, dovecot, mails)
    dovecot.deliver(user, mails[:2])
    dovecot.reset_uidvalidity(user)
    assert fetched_well(handles).counts.fetched == 0

    dovecot.deliver(user, mails[2:])
    assert fetched_well(handles).counts.fetched == 0
    assert sorted(raws(handles)) == sorted(mails)
