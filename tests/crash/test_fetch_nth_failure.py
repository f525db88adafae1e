"""The n-th statement to the database, the n-th call to the network fails, for every n: nothing is lost or doubled."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from core.db.engine import sqlite_module
from core.errors import StoreError
from core.handles import Handles
from core.protocols import wire
from tests.accounts import ON_SQLITE, add_account, at, expire_leases, fetch, fetched_well, message, raws, stored
from tests.servers.dovecot import DovecotServer


class Countdown:
    """Fails at the n-th call, once."""

    def __init__(self, at: int, failure: Callable[[], Exception]) -> None:
        self.left = at
        self._failure = failure

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise self._failure()

    @property
    def has_failed(self) -> bool:
        return self.left <= 0


@contextmanager
def failing_database(handles: Handles, number: int) -> Iterator[Countdown]:
    def failure() -> Exception:
        return OperationalError("a statement", {}, sqlite_module().OperationalError("disk I/O error"))

    countdown = Countdown(number, failure)

    def count(*_: object) -> None:
        countdown()

    engines = (handles.database._readers, handles.database._writers)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", count)
    try:
        yield countdown
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", count)


class Counted:
    """A socket whose calls are counted."""

    def __init__(self, real: Any, countdown: Countdown) -> None:
        self._real = real
        self._countdown = countdown

    def recv(self, size: int) -> bytes:
        self._countdown()
        data: bytes = self._real.recv(size)
        return data

    def send(self, data: bytes) -> int:
        self._countdown()
        sent: int = self._real.send(data)
        return sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@contextmanager
def failing_network(number: int) -> Iterator[Countdown]:
    countdown = Countdown(number, lambda: ConnectionResetError(104, "Connection reset by peer"))
    begin = wire.Wire.__init__

    def begin_counted(self: Any, connected: Any, *rest: Any) -> None:
        begin(self, Counted(connected, countdown), *rest)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(wire.Wire, "__init__", begin_counted)
        yield countdown


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
