"""The n-th statement to the database, the n-th call to the network fails, for every n: nothing is lost or doubled."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from core.errors import StoreError
from core.handles import Handles
from tests.accounts import (
    ON_POSTGRES,
    ON_SQLITE,
    add_account,
    at,
    expire_leases,
    fetch,
    fetched_well,
    message,
    raws,
    stored,
)
from tests.crash.failures import failing_database, failing_network, losing_commit
from tests.servers.dovecot import DovecotServer


def sweep(handles: Handles, server: DovecotServer, kind: str, failing: Callable[[int], Any], **values: Any) -> int:
    """For every n: a run whose n-th step fails, then a good one; gives back how many steps a run has."""
    for number in itertools.count(1):
        user = server.fresh_user()
        mails = [message(f"{user}-{each}") for each in range(3)]
        server.deliver(user, mails)
        account = add_account(handles, name=user, **{"after_fetch": "delete", **values, **at(server, user, kind)})
        with failing(number) as countdown, suppress(StoreError):
            fetch(handles, user)
        expire_leases(handles)
        if countdown.has_failed:
            fetched_well(handles, user)
        assert raws(handles, account) == mails, f"step {number}"
        assert server.mails(user) == [], f"step {number}"
        if target := values.get("move_to"):
            assert [mail.raw for mail in server.mails(user, target)] == mails, f"step {number}"
        assert all(one.is_acknowledged for one in stored(handles, account)), f"step {number}"
        assert {one.state for one in stored(handles, account)} == {"recorded"}, f"step {number}"
        if not countdown.has_failed:
            return number
    raise AssertionError


@ON_SQLITE
@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_whichever_statement_fails_every_message_is_here_once(
    handles: Handles, dovecot: DovecotServer, kind: str
) -> None:
    assert sweep(handles, dovecot, kind, lambda number: failing_database(handles, number)) > 15


@ON_POSTGRES
@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_whichever_commit_the_server_says_nothing_of_the_run_goes_on_as_if_it_had(
    handles: Handles, dovecot: DovecotServer, kind: str
) -> None:
    for number in itertools.count(1):
        user = dovecot.fresh_user()
        mails = [message(f"{user}-{each}") for each in range(3)]
        dovecot.deliver(user, mails)
        account = add_account(handles, name=user, after_fetch="delete", **at(dovecot, user, kind))
        with losing_commit(handles, number) as countdown:
            fetched_well(handles, user)
        assert raws(handles, account) == mails, f"step {number}"
        assert dovecot.mails(user) == [], f"step {number}"
        assert all(one.is_acknowledged for one in stored(handles, account)), f"step {number}"
        if not countdown.has_failed:
            assert number > 3
            return


@ON_SQLITE
@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_whichever_call_to_the_network_fails_every_message_is_here_once(
    handles: Handles, dovecot: DovecotServer, kind: str
) -> None:
    assert sweep(handles, dovecot, kind, failing_network) > 15


@ON_SQLITE
def test_whichever_call_fails_while_messages_are_moved_they_are_here_once_and_there_once(
    handles: Handles, dovecot: DovecotServer
) -> None:
    assert sweep(handles, dovecot, "IMAP", failing_network, after_fetch="move", move_to="Done") > 15
