"""Runs that a person stops: the batch in hand is finished, the rest stays where it is."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.handles import Handles
from core.inbound.run.fetch import FetchOptions, fetch_account
from tests.accounts import (
    ON_SQLITE,
    add_account,
    at,
    change_status,
    claim_account,
    fetch_once,
    fetched_well,
    lines,
    message,
    raws,
    run_row,
    status_of,
    stored,
)
from tests.fakes.faults import Direction, Fault, Rule
from tests.fakes.proxy import Line, Proxy
from tests.servers.dovecot import DovecotServer
from tests.waiting import PATIENCE, until


@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_a_run_that_is_stopped_finishes_its_batch_and_leaves_the_rest(
    handles: Handles, dovecot: DovecotServer, kind: str
) -> None:
    user = dovecot.fresh_user()
    mails = [message(number) for number in range(220)]
    dovecot.deliver(user, mails)
    account = add_account(handles, after_fetch="delete", **at(dovecot, user, kind))
    stop = threading.Event()
    claimed = claim_account(handles, account)
    assert claimed is not None

    def watch(line: object) -> None:
        if getattr(line, "step", "") == "stored":
            stop.set()

    outcome = fetch_account(handles, claimed, stop=stop, options=FetchOptions(listener=watch))

    assert (outcome.state, outcome.fault) == ("stopped", "")
    taken = raws(handles)
    assert taken == mails[: len(taken)]
    assert 50 <= len(taken) < 220
    # What was taken in is deleted, with POP3 too; the rest is there.
    assert [mail.raw for mail in dovecot.mails(user)] == mails[len(taken) :]
    assert all(one.is_acknowledged for one in stored(handles))
    assert status_of(handles, account).lease_until is None
    assert run_row(handles, outcome.run_id).state == "stopped"
    assert any("stop" in line for line in lines(handles, outcome.run_id))

    fetched_well(handles)
    assert raws(handles) == mails


@ON_SQLITE
@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
@pytest.mark.parametrize("rule", ["keep", "delete"])
def test_a_stop_waits_for_nothing_that_is_still_on_its_way(
    handles: Handles, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch, kind: str, rule: str
) -> None:
    monkeypatch.setattr("core.inbound.run.halting.PATIENCE", 0.0)
    user = dovecot.fresh_user()
    mails = [message(number) for number in range(320)]
    dovecot.deliver(user, mails)
    asked = {"IMAP": rb"UID 250 RFC822.SIZE \d+ INTERNALDATE", "POP3": rb"Subject: .*\b249\b"}[kind]
    silent = Rule(Direction.TO_CLIENT, Fault.BLACKHOLE, at=asked)
    port = dovecot.ports.imap if kind == "IMAP" else dovecot.ports.pop3
    stop = threading.Event()
    with Proxy(port, silent) as proxy:
        account = add_account(handles, **{**at(dovecot, user, kind), "port": proxy.port}, after_fetch=rule)
        claimed = claim_account(handles, account)
        assert claimed is not None
        with ThreadPoolExecutor(1) as pool:
            fetching = pool.submit(fetch_account, handles, claimed, stop=stop)
            until(lambda: len(raws(handles)) >= 100)
            stop.set()
            outcome = fetching.result(PATIENCE)
        assert (outcome.state, outcome.fault) == ("stopped", "")
        assert len(raws(handles)) in (100, 200)
        assert status_of(handles, account).lease_until is None

        proxy.rules.clear()
        fetched_well(handles)
    assert raws(handles) == mails
    assert len(dovecot.mails(user)) == (320 if rule == "keep" else 0)


def test_a_person_stops_a_run_through_the_account(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(number, body="x" * 100_000) for number in range(150)])

    def slow_down(line: Line) -> None:
        if "BODY.PEEK" in line.text:
            change_status(handles, account, stop_requested=True)

    slow = Rule(Direction.TO_CLIENT, Fault.DELAY, at=rb"BODY\[\]", pause=0.7)
    with Proxy(dovecot.ports.imap, slow, watch=slow_down) as proxy:
        account = add_account(handles, **{**at(dovecot, user), "port": proxy.port})
        outcome = fetch_once(handles, "a")
    assert outcome.state == "stopped"
    assert 0 < len(raws(handles)) < 150
    assert status_of(handles, account).stop_requested is False
