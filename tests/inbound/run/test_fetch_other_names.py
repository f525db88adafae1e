"""A POP3 server that has another UIDL for every message: what is kept there is not taken in a second time."""

from core.handles import Handles
from tests.accounts import ON_SQLITE, add_account, at, fetch_once, fetched_well, lines, message, raws
from tests.servers.dovecot import DovecotServer


def test_what_is_kept_under_other_names_is_known_by_its_bytes(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    mails = [message(number) for number in range(1, 6)]
    dovecot.deliver(user, [*mails, message(1)])  # two of them are equal
    add_account(handles, **at(dovecot, user, "POP3"))
    assert fetched_well(handles).counts.fetched == 6
    dovecot.reset_uidvalidity(user)  # which is part of Dovecot's UIDLs
    dovecot.deliver(user, [message("new")])
    noticed, after = fetched_well(handles), fetched_well(handles)
    assert (noticed.counts.fetched, after.counts.fetched) == (1, 0)
    assert any("another UIDL for each of 7 messages" in line for line in lines(handles, 2))
    assert sorted(raws(handles)) == sorted([*mails, message(1), message("new")])


@ON_SQLITE
def test_a_maildrop_that_somebody_has_emptied_is_read_as_before(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(number) for number in range(1, 4)])
    add_account(handles, **at(dovecot, user, "POP3"))
    fetched_well(handles)
    for mail in dovecot.mails(user):
        dovecot.remove(user, mail.uid)
    dovecot.deliver(user, [message("new"), message(1)])
    fetch_once(handles, "a")
    assert sorted(raws(handles)) == sorted([*(message(number) for number in range(1, 4)), message("new"), message(1)])
    assert not any("UIDL" in line for line in lines(handles, 2))
