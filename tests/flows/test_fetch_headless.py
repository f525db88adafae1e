"""The worker as it runs for years: fetches what is due, by itself, until it is told to stop."""

from core import clock
from core.handles import Handles
from core.models import Run, Worker
from core.workers.loop import run_workers
from tests.accounts import add_account, at, change_status, message, raws, rows_of, status_of
from tests.servers.dovecot import DovecotServer
from tests.waiting import until
from tests.workers.working import working


def test_one_pass_fetches_all_that_is_due_and_returns(handles: Handles, dovecot: DovecotServer) -> None:
    for number in range(3):
        user = dovecot.fresh_user()
        dovecot.deliver(user, [message(f"{number}-{each}") for each in range(5)])
        # Bounded runs: the rest is due at once and belongs to the same pass.
        add_account(handles, name=f"account{number}", max_messages=2, after_fetch="delete", **at(dovecot, user))
    run_workers(handles, only="fetch", once=True)
    assert len(raws(handles)) == 15
    assert {row.state for row in rows_of(handles, Run, "id")} == {"ok"}
    run_workers(handles, only="fetch", once=True)
    assert len(rows_of(handles, Run, "id")) == 9  # nothing was due


def test_a_worker_fetches_what_becomes_due_until_it_is_stopped(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(1)])
    account = add_account(handles, after_fetch="delete", idle=False, **at(dovecot, user))
    with working(handles):
        until(lambda: raws(handles) == [message(1)])
        assert len(rows_of(handles, Worker, "id")) == 1
        until(lambda: status_of(handles, account).lease_until is None)
        dovecot.deliver(user, [message(2)])
        change_status(handles, account, due_at=clock.utcnow())
        until(lambda: raws(handles) == [message(1), message(2)])
    assert dovecot.mails(user) == []
    assert rows_of(handles, Worker, "id") == []
    assert {row.state for row in rows_of(handles, Run, "id")} <= {"ok", "stopped"}
    assert status_of(handles, account).lease_until is None
