"""Alerts about accounts: one a trouble, closed when it has passed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete

from core import clock
from core.db.bulk import table_of
from core.handles import Handles
from core.inbound.troubles import Failing, tell_troubles, trouble_of
from core.models import Alert, Message, Quarantine
from tests.accounts import add_account, change_account, change_status, fetch, fetched_well, message, rows_of
from tests.fakes.holding import holding
from tests.fakes.imap import ScriptedImap
from tests.services.worlds import put

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def failing(minutes: float, failures: int = 1, *, validity: str = "valid", status: str = "failing") -> Failing:
    since = NOON - timedelta(minutes=minutes)
    return Failing("support", validity, status, failures, since, "Nothing answers.")


CASES = {
    "once": (failing(1), False),
    "twice": (failing(5, 2), False),
    "three times": (failing(5, 3), True),
    "out of reach for 59 minutes": (failing(59, 2), False),
    "out of reach for an hour": (failing(60, 2), True),
    "asked to come back later, three times": (failing(5, 3, status="throttled"), False),
    "kept away for an hour": (failing(60, 1, status="throttled"), True),
    "given up after five days": (failing(7200, 40, validity="invalid-temporarily"), True),
    "set aside by a person": (failing(7200, 40, validity="invalid"), False),
}


@pytest.mark.parametrize("case", CASES)
def test_when_a_person_is_told(case: str) -> None:
    account, expected = CASES[case]
    assert (trouble_of(account, NOON, HOUR) is not None) is expected


def test_the_text_says_since_when_and_why_and_stays_the_same() -> None:
    told = trouble_of(failing(5, 3), NOON, HOUR)
    assert told == "Account support has not been fetched since 2026-06-01 11:55 UTC: Nothing answers."
    later = Failing("support", "valid", "failing", 9, NOON - timedelta(minutes=5), "Nothing answers.")
    assert trouble_of(later, NOON + HOUR, HOUR) == told
    given_up = trouble_of(failing(7200, 9, validity="invalid-temporarily"), NOON, HOUR)
    assert given_up is not None
    assert "set its validity to valid" in given_up


def alerts(handles: Handles) -> list[tuple[str, bool]]:
    return [(row.subject, row.closed_at is None) for row in rows_of(handles, Alert, "id")]


def test_one_alert_a_trouble_closed_by_the_run_that_goes_well(handles: Handles) -> None:
    with ScriptedImap(holding({1: message(1)})) as server:
        add_account(handles, port=server.port, name="support")
        server.script["LOGIN"] = ["* BYE down for now"]
        for run in range(1, 6):
            assert fetch(handles).failed == 1
            tell_troubles(handles)
            assert alerts(handles) == ([] if run < 3 else [("account:support", True)])
        server.script["LOGIN"] = ["$tag OK logged in"]
        fetched_well(handles)
        tell_troubles(handles)
        assert alerts(handles) == [("account:support", False)]

        server.script["LOGIN"] = ["* BYE down again"]
        for _ in range(3):
            fetch(handles)
        tell_troubles(handles)
        assert alerts(handles) == [("account:support", False), ("account:support", True)]


@pytest.mark.parametrize(
    "passing",
    [{"name": "renamed"}, {"deleted_at": clock.utcnow()}, {"validity": "invalid"}],
    ids=["renamed", "deleted", "invalid"],
)
def test_an_account_that_is_no_longer_meant_closes_its_alert(handles: Handles, passing: dict[str, Any]) -> None:
    account = add_account(handles, name="support")
    change_status(handles, account, failures=3, first_failure_at=clock.utcnow(), last_error="Nothing answers.")
    tell_troubles(handles)
    change_account(handles, account, **passing)
    tell_troubles(handles)
    assert alerts(handles)[0] == ("account:support", False)


def test_an_account_that_is_given_up_after_five_days_is_told(handles: Handles) -> None:
    with ScriptedImap(holding({}, {"LOGIN": ["$tag NO [AUTHENTICATIONFAILED] wrong"]})) as server:
        account = add_account(handles, name="support", port=server.port)
        fetch(handles)
        change_status(handles, account, first_failure_at=clock.utcnow() - timedelta(days=5, minutes=1))
        fetch(handles)
    tell_troubles(handles)
    told = rows_of(handles, Alert, "id")
    assert len(told) == 1
    assert "invalid-temporarily" in told[0].text
    assert "wrong" in told[0].text


def test_one_alert_while_anything_waits_in_quarantine(handles: Handles) -> None:
    then = clock.utcnow()
    waiting = [Quarantine(message_id=number, reason="r", created_at=then, tried_at=then) for number in (1, 2)]
    put(handles, *(Message(id=number, state="quarantined", received_at=then) for number in (1, 2)), *waiting)
    tell_troubles(handles)
    tell_troubles(handles)
    assert alerts(handles) == [("quarantine", True)]
    assert f"since {then:%Y-%m-%d %H:%M} UTC" in rows_of(handles, Alert, "id")[0].text
    handles.database.writing(lambda session: session.connection().execute(delete(table_of(Quarantine))))
    tell_troubles(handles)
    assert alerts(handles) == [("quarantine", False)]
