"""Accounts that nobody fetches: told of after the setting's time, closed by the run that comes at last."""

from datetime import UTC, datetime, timedelta

import pytest

from core import clock
from core.handles import Handles
from core.inbound.silence import Silent, silence_of
from core.inbound.troubles import tell_troubles
from core.models import Alert
from core.workers.health import Heartbeat
from tests.accounts import add_account, change_status, fetched_well, message, rows_of
from tests.fakes.holding import holding
from tests.fakes.imap import ScriptedImap

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("due_at", "worked_since", "is_told"),
    [
        (NOON - HOUR, NOON - DAY, True),
        (NOON - HOUR / 2, NOON - DAY, False),
        (NOON + HOUR, NOON - DAY, False),
        (NOON - DAY, NOON - HOUR / 2, False),  # the worker came half an hour ago
        (NOON - DAY, None, False),  # no worker at all: `doctor` tells of that
    ],
)
def test_only_the_time_counts_in_which_a_worker_was_there(
    due_at: datetime, worked_since: datetime | None, is_told: bool
) -> None:
    told = silence_of(Silent("support", due_at, NOON - DAY), NOON, HOUR, worked_since)
    assert (told is not None) is is_told


def test_an_account_not_fetched_for_long_is_an_alert_until_it_is(
    handles: Handles, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = clock.utcnow() - 3 * HOUR
    with ScriptedImap(holding({1: message(1)})) as server, monkeypatch.context() as earlier:
        silent = add_account(handles, name="silent", port=server.port)
        for name, values in {"seldom": {"due_at": clock.utcnow() + DAY}, "resting": {"paused": True}}.items():
            change_status(handles, add_account(handles, name=name, port=server.port), last_ok_at=long_ago, **values)
        change_status(handles, silent, due_at=long_ago)
        earlier.setattr("core.workers.health.clock.utcnow", lambda: long_ago)
        heartbeat = Heartbeat(handles, "fetch")
        heartbeat.start()
        earlier.undo()
        heartbeat._beat()
        tell_troubles(handles)
        (alert,) = rows_of(handles, Alert, "id")
        assert alert.subject == "account:silent"
        assert "no worker has come to it" in alert.text
        fetched_well(handles, "silent")
        tell_troubles(handles)
        heartbeat.close()
    assert rows_of(handles, Alert, "id")[0].closed_at is not None
