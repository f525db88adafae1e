"""Waiting for new mail: it is a record within moments, and nothing else makes an account due."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from core import clock
from core.db import bulk
from core.handles import Handles
from core.inbound.run.fetch import fetch_account
from core.models import Worker
from core.workers.idle import book as idle_book
from tests.accounts import (
    LONG_AGO,
    ON_SQLITE,
    change_account,
    change_status,
    claim_account,
    message,
    records,
    status_of,
)
from tests.fakes.proxy import Line, Proxy
from tests.servers.dovecot import DovecotServer
from tests.waiting import PATIENCE, until
from tests.workers.idle.idling import IN_AN_HOUR, fetched, idling, is_due, listens, verbs
from tests.workers.working import working


@contextmanager
def living(handles: Handles, worker_id: str) -> Iterator[None]:
    """Another worker that is alive."""
    now = clock.utcnow()
    row = {"id": worker_id, "host": "elsewhere", "pid": 1, "started_at": now, "heartbeat_at": now + IN_AN_HOUR}
    handles.database.writing(lambda session: bulk.upsert(session, Worker, [row]))
    yield


@pytest.mark.parametrize("kind", ["IMAP", "IMAPS", "IMAPTLS"])
def test_a_new_message_is_a_record_long_before_the_next_poll(
    handles: Handles, dovecot: DovecotServer, kind: str
) -> None:
    account, user = fetched(handles, dovecot, kind)
    with working(handles):
        until(listens(handles, account))
        for count in (2, 3, 4):
            dovecot.deliver(user, [message(f"{user}-{count}")])
            until(lambda expected=count: len(records(handles)) == expected)
    assert status_of(handles, account).idle_owner == ""
    assert len(records(handles)) == 4


def test_mail_that_comes_while_a_run_is_under_way_is_fetched_right_after_it(
    handles: Handles, dovecot: DovecotServer
) -> None:
    account, user = fetched(handles, dovecot)
    claimed = claim_account(handles, account)
    assert claimed is not None

    def deliver_late(line: Line) -> None:
        if "EXAMINE" in line.text:
            idle_book.make_due(handles, [account])

    with Proxy(dovecot.ports.imap, watch=deliver_late) as proxy:
        claimed.account.port = proxy.port
        dovecot.deliver(user, [message("new")])
        fetch_account(handles, claimed)
    assert is_due(handles, account)


@ON_SQLITE
def test_it_listens_with_one_connection_that_changes_nothing(handles: Handles, dovecot: DovecotServer) -> None:
    account, user = fetched(handles, dovecot)
    with Proxy(dovecot.ports.imap) as proxy:
        change_account(handles, account, port=proxy.port)
        with idling(handles) as idler:
            until(lambda: "IDLE" in verbs(proxy) and len(idler) == 1)
            dovecot.deliver(user, [message("new")])
            until(lambda: is_due(handles, account))
        until(lambda: "LOGOUT" in verbs(proxy))  # it waits for no answer to its last words
        assert proxy.connections == 1
    assert [verb for verb in verbs(proxy) if verb not in {"CAPABILITY", "AUTHENTICATE"}] == [
        "EXAMINE",
        "IDLE",
        "DONE",
        "LOGOUT",
    ]
    assert all(r"\Seen" not in mail.flags for mail in dovecot.mails(user))


def test_mail_that_came_before_it_listened_is_not_missed(handles: Handles, dovecot: DovecotServer) -> None:
    account, user = fetched(handles, dovecot)
    dovecot.deliver(user, [message("between")])
    wake = threading.Event()
    with idling(handles, wake):
        until(lambda: is_due(handles, account))
        assert wake.wait(PATIENCE)


@ON_SQLITE
def test_a_quiet_folder_is_not_made_due(handles: Handles, dovecot: DovecotServer) -> None:
    account, _ = fetched(handles, dovecot)
    _, other_user = fetched(handles, dovecot)
    wake = threading.Event()
    with idling(handles, wake) as idler:
        until(lambda: len(idler) == 2)
        dovecot.deliver(other_user, [message("for the other")])
        assert wake.wait(PATIENCE)
    assert not is_due(handles, account)


WITHOUT = {
    "another worker idles on it": {"idle_owner": "another"},
    "it is paused": {"paused": True},
    "its provider refused": {"idle_after": datetime(2099, 1, 1, tzinfo=UTC)},
    "its last run failed": {"failures": 1},
    "it was never fetched well": {"last_ok_at": None},
}


@pytest.mark.parametrize("why", WITHOUT)
def test_on_some_accounts_nobody_idles(handles: Handles, dovecot: DovecotServer, why: str) -> None:
    account, _ = fetched(handles, dovecot)
    change_status(handles, account, **WITHOUT[why])
    other, _ = fetched(handles, dovecot)
    with living(handles, "another"), idling(handles) as idler:
        until(lambda: len(idler) == 1 and listens(handles, other)())
        assert not listens(handles, account)()


CONFIGURED = {
    "it is switched off": {"idle": False},
    "it is invalid": {"validity": "invalid"},
    "it is deleted": {"deleted_at": LONG_AGO},
    "it is no IMAP": {"type": "POP3"},
}


@pytest.mark.parametrize("why", [*CONFIGURED, "it is paused"])
def test_an_account_that_no_longer_wants_it_is_let_go(handles: Handles, dovecot: DovecotServer, why: str) -> None:
    account, _ = fetched(handles, dovecot)
    with idling(handles) as idler:
        until(lambda: len(idler) == 1)
        if why in CONFIGURED:
            change_account(handles, account, **CONFIGURED[why])
        else:
            change_status(handles, account, paused=True)
        until(lambda: len(idler) == 0)


@ON_SQLITE
def test_a_changed_account_is_listened_to_anew(handles: Handles, dovecot: DovecotServer) -> None:
    account, user = fetched(handles, dovecot)
    with idling(handles) as idler, Proxy(dovecot.ports.imap) as proxy:
        until(lambda: len(idler) == 1)
        change_account(handles, account, port=proxy.port, version=2)
        until(lambda: "IDLE" in verbs(proxy))
        dovecot.deliver(user, [message("new")])
        until(lambda: is_due(handles, account) and len(idler) == 1)


def test_what_a_dead_worker_idled_on_is_taken_over(handles: Handles, dovecot: DovecotServer) -> None:
    account, _ = fetched(handles, dovecot)
    change_status(handles, account, idle_owner="dead")
    with idling(handles) as idler:
        until(lambda: len(idler) == 1)
        assert listens(handles, account)()


def test_new_mail_does_not_cut_short_the_wait_of_an_account_that_fails(
    handles: Handles, dovecot: DovecotServer
) -> None:
    account, _ = fetched(handles, dovecot)
    change_status(handles, account, failures=2, status="throttled", due_at=clock.utcnow() + IN_AN_HOUR)
    idle_book.make_due(handles, [account])
    assert not is_due(handles, account)
