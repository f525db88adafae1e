"""A changed rule does to what is stored already only what somebody orders, who is told how much it is."""

import pytest

from core.errors import BadInput, NotPermitted
from core.handles import Handles
from core.models import Audit
from core.services.actor import Actor, Role
from core.services.configuration import stored_rule
from tests.accounts import ON_SQLITE, add_account, at, change_account, fetched_well, lines, message, records, rows_of
from tests.servers.dovecot import DovecotServer


def kept(handles: Handles, server: DovecotServer, kind: str = "IMAP") -> tuple[int, str]:
    """An account that keeps three messages on its server, all of them stored."""
    user = server.fresh_user()
    server.deliver(user, [message(f"{user}-{number}") for number in range(3)])
    account = add_account(handles, name="support", **at(server, user, kind))
    fetched_well(handles, "support")
    return account, user


@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_what_was_kept_is_deleted_when_that_is_ordered(
    handles: Handles, dovecot: DovecotServer, admin: Actor, kind: str
) -> None:
    account, user = kept(handles, dovecot, kind)
    change_account(handles, account, after_fetch="delete")
    dovecot.deliver(user, [message(f"{user}-new")])
    assert fetched_well(handles, "support").counts.acknowledged == 1
    assert len(dovecot.mails(user)) == 3

    assert stored_rule.count(handles, admin, "support").messages == 3
    assert len(dovecot.mails(user)) == 3
    stored_rule.apply(handles, admin, "support")
    assert fetched_well(handles, "support").counts.acknowledged == 3
    assert dovecot.mails(user) == []
    assert stored_rule.count(handles, admin, "support").messages == 0
    assert len(records(handles)) == 4
    assert [row.verb for row in rows_of(handles, Audit, "id")] == ["apply"]


@ON_SQLITE
def test_what_was_kept_is_moved_and_what_is_nobodys_stays(
    handles: Handles, dovecot: DovecotServer, admin: Actor
) -> None:
    account, user = kept(handles, dovecot)
    dovecot.create_folder(user, "Other")
    dovecot.deliver(user, [message("not ours")], "Other")
    change_account(handles, account, after_fetch="move", move_to="Done")
    planned = stored_rule.apply(handles, admin, "support")
    assert str(planned) == (
        "Account support: 3 stored messages that the next run finds on 127.0.0.1 will be moved to Done there."
    )
    fetched_well(handles, "support")
    assert [len(dovecot.mails(user, folder)) for folder in ("INBOX", "Done", "Other")] == [0, 3, 1]


@ON_SQLITE
def test_an_account_that_keeps_its_mail_has_nothing_to_apply(
    handles: Handles, dovecot: DovecotServer, admin: Actor
) -> None:
    kept(handles, dovecot)
    with pytest.raises(BadInput, match="nothing to do"):
        stored_rule.apply(handles, admin, "support")


@ON_SQLITE
def test_only_who_configures_may_order_it(handles: Handles, dovecot: DovecotServer) -> None:
    account, user = kept(handles, dovecot)
    change_account(handles, account, after_fetch="delete")
    for verb in (stored_rule.count, stored_rule.apply):
        with pytest.raises(NotPermitted):
            verb(handles, Actor("ann", "here", Role.OPERATOR), "support")
    fetched_well(handles, "support")
    assert len(dovecot.mails(user)) == 3


@ON_SQLITE
def test_what_the_server_would_not_do_follows_the_rule_as_it_was_mended(
    handles: Handles, dovecot: DovecotServer, admin: Actor
) -> None:
    user = dovecot.fresh_user()
    account = add_account(handles, name="support", after_fetch="move", move_to="No//Where", **at(dovecot, user))
    dovecot.deliver(user, [message(f"{user}-{number}") for number in range(3)])
    assert fetched_well(handles, "support").counts.acknowledged == 0
    change_account(handles, account, move_to="Done")
    assert fetched_well(handles, "support").counts.acknowledged == 0  # it holds for what comes from then on

    assert stored_rule.apply(handles, admin, "support").messages == 3
    assert fetched_well(handles, "support").counts.acknowledged == 3
    assert len(dovecot.mails(user, "Done")) == 3
    assert stored_rule.count(handles, admin, "support").messages == 0


@ON_SQLITE
def test_what_the_server_would_not_do_is_left_there_when_the_rule_says_so_now(
    handles: Handles, dovecot: DovecotServer, admin: Actor
) -> None:
    user = dovecot.fresh_user()
    account = add_account(handles, name="support", after_fetch="move", move_to="No//Where", **at(dovecot, user))
    dovecot.deliver(user, [message(f"{user}-{number}") for number in range(3)])
    fetched_well(handles, "support")
    change_account(handles, account, after_fetch="keep")
    assert str(stored_rule.apply(handles, admin, "support")) == (
        "Account support: 3 stored messages that waited to be deleted or moved on 127.0.0.1 will be left there."
    )
    outcome = fetched_well(handles, "support").outcomes[0]
    assert not any("left on the server" in line for line in lines(handles, outcome.run_id))
    assert len(dovecot.mails(user)) == 3
