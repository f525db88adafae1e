"""How a run ends when something is wrong: what the account's row says, whose turn it is, and when it is due again."""

from typing import Never

import pytest

from core import clock, runlog
from core.errors import StoreBusy
from core.handles import Handles
from core.inbound.batch import fold
from core.inbound.run import fetch as runs
from core.inbound.run.fetch import fetch_account
from core.protocols.server import Timeouts
from tests.accounts import (
    ON_SQLITE,
    add_account,
    at,
    change_account,
    change_status,
    claim_account,
    expire_leases,
    fetch,
    fetch_once,
    fetched_well,
    lines,
    message,
    minutes_from_now,
    raws,
    run_row,
    status_of,
    stored,
)
from tests.fakes.holding import holding
from tests.fakes.imap import ScriptedImap
from tests.fakes.proxy import Line, Proxy
from tests.servers.certificates import Certificates
from tests.servers.dovecot import DovecotServer
from tui.demo.ports import free_port

SHORT = Timeouts(connect=0.3, login=0.3, command=0.3, settle=0.3)


# -- whose turn it is -----------------------------------------------------------------------------------------------


@ON_SQLITE
@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
def test_a_wrong_password_is_for_a_person(handles: Handles, dovecot: DovecotServer, kind: str) -> None:
    user = dovecot.fresh_user()
    account = add_account(handles, password="wrong", **at(dovecot, user, kind))

    outcome = fetch(handles).outcomes[0]

    assert (outcome.state, outcome.fault) == ("failed", "configuration")
    assert "login" in outcome.error
    assert "wrong" not in outcome.error
    row, status = run_row(handles, outcome.run_id), status_of(handles, account)
    assert (row.state, row.fault, row.error) == ("failed", "configuration", outcome.error)
    assert (status.status, status.failures, status.last_error) == ("failing", 1, outcome.error)
    # At once the longest wait, so that the provider does not lock us out.
    assert minutes_from_now(status.due_at) == pytest.approx(60, abs=1)
    assert fetch(handles).exit_code == 78


@ON_SQLITE
def test_what_fails_says_what_to_do(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    add_account(handles, password="wrong", **at(dovecot, user))
    outcome = fetch(handles).outcomes[0]
    assert "Check user name and password" in outcome.error
    assert lines(handles, outcome.run_id)[-1] == f"error login {outcome.error}"


@ON_SQLITE
@pytest.mark.parametrize(
    ("where", "says"),
    [({"host": "mail.invalid"}, "mail.invalid"), ({"port": None}, "refused")],
    ids=["unknown host", "closed port"],
)
def test_a_server_that_is_not_reached_is_tried_again(handles: Handles, where: dict[str, object], says: str) -> None:
    place = {"port": free_port(), **({} if "port" in where else where)}
    account = add_account(handles, interval=60, **place)

    summary = fetch(handles, timeouts=Timeouts())

    outcome = summary.outcomes[0]
    assert (outcome.state, outcome.fault, summary.exit_code, summary.failed) == ("failed", "passing", 75, 1)
    assert says in outcome.error
    assert minutes_from_now(status_of(handles, account).due_at) == pytest.approx(1, abs=0.5)


@ON_SQLITE
def test_each_failure_in_a_row_doubles_the_wait_up_to_an_hour_and_success_ends_it(
    handles: Handles, dovecot: DovecotServer
) -> None:
    user = dovecot.fresh_user()
    right = at(dovecot, user)
    account = add_account(handles, interval=600, **{**right, "port": free_port()})
    waits = []
    for _ in range(5):
        fetch(handles)
        waits.append(round(minutes_from_now(status_of(handles, account).due_at)))
    assert waits == [10, 20, 40, 60, 60]
    assert status_of(handles, account).first_failure_at is not None

    change_account(handles, account, port=right["port"])
    fetched_well(handles)

    status = status_of(handles, account)
    assert (status.status, status.failures, status.first_failure_at, status.last_error) == ("ok", 0, None, "")
    assert minutes_from_now(status.due_at) == pytest.approx(10, abs=0.5)


@ON_SQLITE
@pytest.mark.parametrize("kind", ["expired", "wrong_host", "unknown_authority", "self_signed"])
def test_a_bad_certificate_is_for_a_person_and_no_password_is_sent(
    handles: Handles, certificates: Certificates, kind: str
) -> None:
    with ScriptedImap(certificate=certificates.refused()[kind]) as server:
        add_account(handles, type="IMAPS", host="localhost", port=server.port, tls_ca=str(certificates.good.authority))
        outcome = fetch(handles).outcomes[0]
    assert (outcome.state, outcome.fault) == ("failed", "configuration")
    assert "certificate" in outcome.error
    assert lines(handles, outcome.run_id)[-1].startswith("error tls ")
    assert server.commands == []


@ON_SQLITE
def test_a_folder_that_is_not_there_is_for_a_person(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    add_account(handles, folders=["Nowhere"], **at(dovecot, user))
    outcome = fetch(handles).outcomes[0]
    assert outcome.fault == "configuration"
    assert "folder" in outcome.error


# -- servers that ask to be left alone ------------------------------------------------------------------------------

THROTTLES = [
    ("$tag NO [LIMIT] too many connections", None),
    ("$tag NO [INUSE] mailbox in use", None),
    ("$tag NO [UNAVAILABLE] try later", None),
    ("$tag NO [OVERQUOTA] bandwidth used up", None),
    ("$tag NO Server Unavailable. 15", None),
    ("$tag NO Request is throttled. Suggested Backoff Time: 7200000 milliseconds", 120),
]


@ON_SQLITE
@pytest.mark.parametrize("step", ["LOGIN", "EXAMINE"])
@pytest.mark.parametrize(("words", "minutes"), THROTTLES)
def test_a_server_that_asks_for_patience_gets_it(
    handles: Handles, step: str, words: str, minutes: float | None
) -> None:
    with ScriptedImap(holding({1: message(1)}, {step: [words]})) as server:
        account = add_account(handles, port=server.port, interval=600)
        outcome = fetch(handles).outcomes[0]
    status = status_of(handles, account)
    assert (outcome.fault, status.status) == ("passing", "throttled")
    assert minutes_from_now(status.due_at) == pytest.approx(minutes or 10, abs=0.5)
    assert (status.retry_after is not None) is (minutes is not None)


@pytest.mark.parametrize("password", ["secret", "wrong"])
def test_however_a_run_ends_what_a_person_paused_is_shown_as_paused(
    handles: Handles, dovecot: DovecotServer, password: str
) -> None:
    account = add_account(handles, **at(dovecot, dovecot.fresh_user()), password=password)
    claimed = claim_account(handles, account)
    assert claimed is not None
    change_status(handles, account, paused=True, status="paused")  # while the run goes on
    outcome = fetch_account(handles, claimed)
    status = status_of(handles, account)
    assert (outcome.state == "ok", status.status, status.paused) == (password == "secret", "paused", True)


# -- leases ---------------------------------------------------------------------------------------------------------


def test_a_run_whose_account_was_taken_over_writes_nothing_more(handles: Handles, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user()
    dovecot.deliver(user, [message(1)])
    taken_over: list[int] = []

    def take_over(line: Line) -> None:
        if "BODY.PEEK" in line.text and not taken_over:
            expire_leases(handles)
            claimed = claim_account(handles, account)
            assert claimed is not None
            taken_over.append(claimed.run_id)

    with Proxy(dovecot.ports.imap, watch=take_over) as proxy:
        account = add_account(handles, after_fetch="delete", **{**at(dovecot, user), "port": proxy.port})
        outcome = fetch_once(handles, "a")

    assert outcome.state == "aborted"
    assert stored(handles) == []
    assert len(dovecot.mails(user)) == 1
    assert run_row(handles, outcome.run_id).state == "aborted"
    assert run_row(handles, taken_over[0]).state == "running"


def test_a_run_that_loses_its_account_at_the_very_end_is_an_outcome_too(
    handles: Handles, dovecot: DovecotServer
) -> None:
    user = dovecot.fresh_user()
    taken_over: list[int] = []

    def take_over(line: Line) -> None:
        if "LOGOUT" in line.text and not taken_over:
            expire_leases(handles)
            claimed = claim_account(handles, account)
            assert claimed is not None
            taken_over.append(claimed.run_id)

    with Proxy(dovecot.ports.imap, watch=take_over) as proxy:
        account = add_account(handles, **{**at(dovecot, user), "port": proxy.port})
        outcome = fetch_once(handles, "a")
    assert outcome.state == "aborted"
    assert outcome.fault == "passing"
    assert run_row(handles, taken_over[0]).state == "running"


@ON_SQLITE
def test_a_run_that_our_database_ended_is_no_failure_of_its_account(
    handles: Handles, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> Never:
        raise StoreBusy("The database is out of reach.")

    account = add_account(handles, interval=600, **at(dovecot, dovecot.fresh_user()))
    monkeypatch.setattr(runs, "load_rules", away)
    outcome = fetch(handles).outcomes[0]
    assert (outcome.state, outcome.fault) == ("failed", "passing")
    status = status_of(handles, account)
    assert (status.status, status.last_error) == ("failing", "The database is out of reach.")
    assert (status.failures, status.first_failure_at) == (0, None)
    assert minutes_from_now(status.due_at) == pytest.approx(0.5, abs=0.4)


def test_a_fault_of_ours_ends_one_run_and_the_next_one_recovers(
    handles: Handles, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = [dovecot.fresh_user() for _ in range(2)]
    accounts = []
    for number, user in enumerate(users):
        dovecot.deliver(user, [message(f"{number}-{each}") for each in range(3)])
        accounts.append(add_account(handles, name=f"account{number}", after_fetch="delete", **at(dovecot, user)))
    settle = fold.settle

    def faulty(verdict: object, known: object) -> object:
        if "0-1@" in getattr(verdict, "facts").summary.message_id:  # noqa: B009
            raise KeyError("of the test")
        return settle(verdict, known)  # type: ignore[arg-type]

    monkeypatch.setattr(fold, "settle", faulty)
    summary = fetch(handles)

    first, second = summary.outcomes
    assert (first.state, first.fault) == ("aborted", "passing")
    assert "KeyError" in first.error
    assert second.state == "ok"
    status = status_of(handles, accounts[0])
    assert status.lease_until is None
    assert status.failures == 1
    assert status.due_at > clock.utcnow()
    assert len(dovecot.mails(users[0])) == 3

    monkeypatch.undo()
    told: list[runlog.Line] = []
    assert fetch(handles, listener=told.append).failed == 0
    assert dovecot.mails(users[0]) == []
    assert len(raws(handles)) == 6
    # What another process took in, one at a time, is told live like the rest.
    assert ["→ Ticket" in line.text for line in told if line.step == "message"] == [True] * 3
