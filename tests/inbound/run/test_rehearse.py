"""`fetch --dry-run`: what would be taken in, with nothing stored and nothing changed."""

import pytest

from core.handles import Handles
from core.inbound.run.fetch import FetchOptions
from core.workers.fetch_now import rehearse_now
from tests.accounts import add_account, at, fetched_well, message, stored
from tests.servers.dovecot import DovecotServer


@pytest.mark.parametrize("kind", ["IMAPS", "POP3S"])
def test_a_rehearsal_counts_and_changes_nothing(handles: Handles, dovecot: DovecotServer, kind: str) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message("one"), message("two"), message("large", body="x" * 20_000)])
    account = add_account(handles, max_size=10_000, after_fetch="delete", **at(dovecot, user, kind))

    [before] = rehearse_now(handles, None, FetchOptions())
    assert (before.new, before.too_large, before.here, before.after_fetch) == (2, 1, 0, "delete")
    assert stored(handles, account) == []
    assert len(dovecot.mails(user)) == 3

    fetched_well(handles)
    [after] = rehearse_now(handles, None, FetchOptions())
    assert (after.new, after.too_large, after.here) == (0, 0, 1)


def test_an_account_that_cannot_be_asked_is_said_and_the_others_are_asked(
    handles: Handles, dovecot: DovecotServer
) -> None:
    user = dovecot.fresh_user()
    add_account(handles, name="a", **{**at(dovecot, user, "IMAPS"), "password": "wrong"})
    add_account(handles, name="b", **at(dovecot, user, "IMAPS"))

    refused, listed = rehearse_now(handles, None, FetchOptions())

    assert (refused.fault, listed.account, listed.new) == ("configuration", "b", 0)
