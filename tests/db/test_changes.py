"""What moved, seen from another process's connection, on both engines."""

import threading
from typing import Any

import psycopg
import pytest

from core.db import changes
from core.db.changes import ChangeFeed, Watcher
from core.db.doors import Database
from core.errors import StoreError
from core.handles import Handles
from core.models import Setting
from tests.accounts import ON_POSTGRES, ON_SQLITE
from tests.waiting import PATIENCE


def test_a_moved_topic_is_seen_once(handles: Handles) -> None:
    other = Database(handles.environment.database_url)
    watcher = Watcher(other)
    assert watcher.changed() == set()

    handles.changes.moved("account", "run")
    handles.changes.flush()

    assert watcher.changed() == {"account", "run"}
    assert watcher.changed() == set()
    watcher.close()
    other.close()


def test_a_write_without_a_topic_moves_none(handles: Handles) -> None:
    watcher = Watcher(handles.database)

    handles.database.writing(lambda session: session.add(Setting(name="x", value=1)))

    assert watcher.changed() == set()
    watcher.close()


def test_many_moves_are_one(handles: Handles) -> None:
    watcher = Watcher(handles.database)

    for _ in range(1000):
        handles.changes.moved("message")
    handles.changes.flush()

    assert watcher.changed() == {"message"}
    watcher.close()


def test_a_watcher_wakes_when_something_moves(handles: Handles) -> None:
    watcher, stop = Watcher(handles.database), threading.Event()
    feed = ChangeFeed(handles.database)
    feed.moved("outbox")  # its thread writes it shortly

    assert watcher.wait(PATIENCE, stop) == {"outbox"}
    feed.close()
    watcher.close()


def test_a_watcher_stops_when_told(handles: Handles) -> None:
    watcher, stop = Watcher(handles.database), threading.Event()
    stop.set()

    assert watcher.wait(PATIENCE, stop) == set()
    watcher.close()


def test_what_was_noted_last_is_written_on_closing(handles: Handles) -> None:
    watcher, feed = Watcher(handles.database), ChangeFeed(handles.database)

    feed.moved("alert")
    feed.close()

    assert watcher.changed() == {"alert"}
    watcher.close()


def test_what_the_feeds_thread_is_writing_is_there_when_a_flush_is_over(
    handles: Handles, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher, feed = Watcher(handles.database), ChangeFeed(handles.database)
    has_begun, may_go_on, bump = threading.Event(), threading.Event(), changes._bump

    def slowly(*given: Any) -> None:
        has_begun.set()
        assert may_go_on.wait(PATIENCE)
        bump(*given)

    monkeypatch.setattr(changes, "_bump", slowly)
    feed.moved("outbox")
    assert has_begun.wait(PATIENCE)
    threading.Timer(0.1, may_go_on.set).start()
    feed.flush()

    assert watcher.changed() == {"outbox"}
    feed.close()
    watcher.close()


@ON_POSTGRES
def test_a_watcher_keeps_nothing_of_what_it_was_told(handles: Handles) -> None:
    """What is sent to a connection (NOTIFY) and asked for by nobody, its driver keeps for ever."""
    watcher = Watcher(handles.database)
    for _ in range(3):
        handles.changes.moved("message")
        handles.changes.flush()
        assert watcher.changed() == {"message"}
    assert watcher._connection is not None
    driver: Any = watcher._connection.connection.dbapi_connection
    assert list(driver._notifies_backlog) == []
    watcher.close()


@ON_POSTGRES
def test_a_watcher_whose_connection_broke_says_so_and_goes_on_with_a_new_one(handles: Handles) -> None:
    watcher = Watcher(handles.database)
    with psycopg.connect(handles.environment.database_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    with pytest.raises(StoreError, match="out of reach"):
        watcher.changed()
    handles.changes.moved("message")
    handles.changes.flush()

    assert "message" in watcher.changed()
    watcher.close()


@ON_SQLITE
def test_a_watcher_that_begins_while_the_database_is_away_sees_it_come_back(handles: Handles) -> None:
    live = handles.environment.database_file
    away = live.rename(live.with_suffix(".away"))
    watcher = Watcher(handles.database)

    with pytest.raises(StoreError):
        watcher.changed()
    away.rename(live)
    watcher.changed()
    handles.changes.moved("message")
    handles.changes.flush()

    assert "message" in watcher.changed()
    watcher.close()
