"""Accounts: what their fields allow together, and what follows from a change."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from core.clock import utcnow
from core.errors import BadInput, NotPermitted
from core.handles import Handles
from core.models import Account, AccountStatus
from core.services.actor import Actor, Role
from core.services.configuration.accounts import accounts
from tests.services.worlds import add


def _row(handles: Handles, row_id: int) -> Account:
    with handles.database.reading() as session:
        row = session.get(Account, row_id)
    assert row is not None
    return row


def _status(handles: Handles, row_id: int) -> AccountStatus:
    with handles.database.reading() as session:
        row = session.get(AccountStatus, row_id)
    assert row is not None
    return row


def _set_status(handles: Handles, row_id: int, **columns: Any) -> None:
    def work(session: Session) -> None:
        row = session.get(AccountStatus, row_id)
        assert row is not None
        for name, value in columns.items():
            setattr(row, name, value)
        session.add(row)

    handles.database.writing(work)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"dispatching": "queue"}, "queue"),
        ({"dispatching": "to", "queue": "Junk"}, "queue"),
        ({"type": "POP3S", "after_fetch": "move", "move_to": "Done"}, "after_fetch"),
        ({"after_fetch": "move"}, "move_to"),
        ({"after_fetch": "move", "move_to": "inbox"}, "move_to"),  # INBOX has no case
        ({"folders": ["A", "B"], "after_fetch": "move", "move_to": "B"}, "move_to"),
        ({"record_type": "Complaint"}, "record_type"),
        ({"start_from": "2026-02-30"}, "start_from"),
        ({"start_from": "yesterday"}, "start_from"),
        ({"max_size": "0"}, "max_size"),
        ({"port": 0}, "port"),
        ({"port": 65536}, "port"),
        ({"max_size": "lots"}, "max_size"),
        ({"interval": "0s"}, "interval"),
        ({"host": "https://imap.example.org"}, "host"),
        ({"username": "a\r\nb"}, "username"),
        ({"tls_fingerprint": "abc"}, "tls_fingerprint"),
        ({"address": "not an address"}, "address"),
        ({"validity": "perhaps"}, "validity"),
    ],
)
def test_what_does_not_go_together_is_refused_by_its_field(
    handles: Handles, admin: Actor, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadInput) as refused:
        add(handles, admin, "account", "a", **given)

    assert [problem.field for problem in refused.value.problems] == [field]


@pytest.mark.parametrize(
    "given",
    [
        {"type": "imaptls"},
        {"dispatching": "queue", "queue": "Junk"},
        {"after_fetch": "move", "move_to": "Done"},
        {"type": "POP3", "after_fetch": "delete"},
        {"start_from": "2026-01-31"},
        {"port": "9993"},
        {"max_size": "1MiB", "interval": "90s"},
        {"folders": "INBOX, Archive"},
        {"trusted": "yes"},
    ],
)
def test_what_goes_together_is_taken(handles: Handles, admin: Actor, given: dict[str, Any]) -> None:
    assert add(handles, admin, "account", "a", **given)


@pytest.mark.parametrize(
    ("username", "address"), [("support@example.org", "support@example.org"), ("support", ""), ("a@b@c", "")]
)
def test_the_address_is_the_user_name_when_it_is_one(
    handles: Handles, admin: Actor, username: str, address: str
) -> None:
    add(handles, admin, "account", "a", username=username)

    assert accounts.get(handles, admin, "a")["address"] == address


def test_the_address_follows_the_user_name_until_it_is_set(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "account", "a", username="one@example.org")
    accounts.change(handles, admin, "a", {"username": "two@example.org"})
    assert accounts.get(handles, admin, "a")["address"] == "two@example.org"

    accounts.change(handles, admin, "a", {"address": "help@example.org"})
    accounts.change(handles, admin, "a", {"username": "three@example.org"})
    assert accounts.get(handles, admin, "a")["address"] == "help@example.org"


def test_dispatching_by_to_lets_go_of_the_queue(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "account", "a", dispatching="queue", queue="Junk")

    accounts.change(handles, admin, "a", {"dispatching": "to"})

    assert accounts.get(handles, admin, "a")["queue"] == ""


@pytest.mark.parametrize(
    ("change", "epoch"),
    [
        ({"host": "other.example.org"}, 2),
        ({"type": "IMAPTLS"}, 2),
        ({"username": "other@example.org"}, 2),
        ({"folders": ["INBOX", "More"]}, 2),
        ({"port": 9993}, 1),
        ({"password": "new"}, 1),
        ({"comment": "x"}, 1),
        ({"host": "imap.example.org"}, 1),
    ],
)
def test_another_source_begins_a_new_epoch(handles: Handles, admin: Actor, change: dict[str, Any], epoch: int) -> None:
    row_id = add(handles, admin, "account", "a", password="old")

    accounts.change(handles, admin, "a", change)

    assert _row(handles, row_id).epoch == epoch


def test_pop3_has_no_folders_that_could_make_another_source(handles: Handles, admin: Actor) -> None:
    row_id = add(handles, admin, "account", "a", type="POP3S")
    accounts.change(handles, admin, "a", {"folders": ["A"]})
    assert _row(handles, row_id).epoch == 1
    [word] = accounts.change(handles, admin, "a", {"start_from": "2026-01-31"}).warnings
    assert "start_from=all or now" in word


def test_the_order_of_folders_is_no_other_source(handles: Handles, admin: Actor) -> None:
    row_id = add(handles, admin, "account", "a", folders=["A", "B"])

    accounts.change(handles, admin, "a", {"folders": ["B", "A"]})

    assert _row(handles, row_id).epoch == 1


@pytest.mark.parametrize(
    "change", [{"host": "h2"}, {"port": 9}, {"password": "p"}, {"type": "IMAP"}, {"username": "u"}]
)
def test_a_changed_login_must_be_tested_anew_and_is_due_at_once(
    handles: Handles, admin: Actor, change: dict[str, Any]
) -> None:
    row_id = add(handles, admin, "account", "a")
    later = utcnow() + timedelta(hours=1)
    _set_status(handles, row_id, tested_at=utcnow(), due_at=later, failures=7, status="failing", last_error="refused")

    accounts.change(handles, admin, "a", change)

    status = _status(handles, row_id)
    assert (status.tested_at, status.failures, status.status, status.last_error) == (None, 0, "ok", "")
    assert status.due_at <= utcnow()


def test_a_comment_leaves_the_test_and_the_due_time_alone(handles: Handles, admin: Actor) -> None:
    row_id = add(handles, admin, "account", "a")
    later = utcnow() + timedelta(hours=1)
    _set_status(handles, row_id, tested_at=later, due_at=later)

    accounts.change(handles, admin, "a", {"comment": "why"})

    status = _status(handles, row_id)
    assert (status.tested_at, status.due_at) == (later, later)


def test_a_new_account_is_due_at_once(handles: Handles, admin: Actor) -> None:
    assert _status(handles, add(handles, admin, "account", "a")).due_at <= utcnow()


def test_pause_resume_and_stop_are_for_operators_too(handles: Handles, admin: Actor) -> None:
    row_id, operator = add(handles, admin, "account", "a"), Actor("otto", "h", Role.OPERATOR)

    accounts.pause(handles, operator, "a")
    assert (_status(handles, row_id).paused, _status(handles, row_id).status) == (True, "paused")
    accounts.change(handles, admin, "a", {"host": "h2"})
    assert _status(handles, row_id).status == "paused"
    accounts.resume(handles, operator, "a")
    assert (_status(handles, row_id).paused, _status(handles, row_id).status) == (False, "ok")
    accounts.stop(handles, operator, "a")
    assert _status(handles, row_id).stop_requested
    with pytest.raises(NotPermitted):
        accounts.pause(handles, Actor("vera", "h", Role.VIEWER), "a")


def test_validity_is_set(handles: Handles, admin: Actor) -> None:
    add(handles, admin, "account", "a")

    accounts.set_validity(handles, admin, "a", "invalid-temporarily")

    assert accounts.get(handles, admin, "a")["validity"] == "invalid-temporarily"


def test_deleting_an_account_stops_its_fetch(handles: Handles, admin: Actor) -> None:
    row_id = add(handles, admin, "account", "a")

    accounts.delete(handles, admin, "a")

    assert _status(handles, row_id).stop_requested
    assert _row(handles, row_id).deleted_at is not None


@pytest.mark.parametrize(("kind", "count"), [("IMAP", 1), ("POP3", 1), ("IMAPS", 0), ("POP3TLS", 0)])
def test_clear_text_is_worth_a_word(handles: Handles, admin: Actor, kind: str, count: int) -> None:
    given = {"type": kind, "host": "h", "username": "u"}

    assert len(accounts.add(handles, admin, "a", given).warnings) == count
    assert len(accounts.warnings(handles, given)) == count
