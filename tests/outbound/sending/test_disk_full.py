"""The database's disk fills on the way out: what is refused was not taken, what a relay took is written or uncertain."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

import core.outbound.sending.book
from core.errors import StoreFull
from core.handles import Handles
from core.outbound.sending.deliver import deliver_due
from tests.accounts import ON_SQLITE
from tests.crash.test_sender_kills import check, let_leases_run_out
from tests.outbound.world import QUICK, add_mailbox, attempts, put, states
from tests.servers.smtp import RuledSink

pytestmark = ON_SQLITE

MESSAGES = 200


class Disk:
    """A disk that takes not one page more, until it is freed."""

    def __init__(self, handles: Handles) -> None:
        self._handles = handles
        self.is_full = False

    def fill(self) -> None:
        self.is_full = True

    def free(self) -> None:
        self.is_full = False

    def at_checkout(self, connection, record, proxy) -> None:
        cursor = connection.cursor()
        pages = cursor.execute("PRAGMA page_count").fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages if self.is_full else 2**30}")
        cursor.close()


@pytest.fixture
def disk(handles: Handles) -> Iterator[Disk]:
    disk = Disk(handles)
    event.listen(handles.database._writers, "checkout", disk.at_checkout)
    yield disk
    event.remove(handles.database._writers, "checkout", disk.at_checkout)


def test_at_enqueue_nothing_is_taken_and_a_sentence_says_so(handles: Handles, disk: Disk) -> None:
    put(handles)
    disk.fill()
    with pytest.raises(
        StoreFull, match=r"The disk of the database \(.+postroom.db\) is full; nothing was changed"
    ) as told:
        put(handles, raw=b"Subject: x\r\n\r\n" + b"x" * 1_000_000)
    assert told.value.exit_code == 75
    disk.free()
    assert states(handles) == ["queued"]
    put(handles)
    assert states(handles) == ["queued"] * 2


@contextmanager
def filling_up(sink: RuledSink, disk: Disk) -> Iterator[None]:
    """The disk is full from the first message on that the relay takes."""
    taken = sink.keep

    def keep(delivered):
        disk.fill()
        taken(delivered)

    sink.keep = keep
    yield
    sink.keep = taken


def test_at_settle_what_was_taken_is_written_once_there_is_room_again(
    handles: Handles, disk: Disk, smtp_sink: RuledSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_mailbox(handles, "main", smtp_sink)
    message_ids = put(handles, MESSAGES)
    writing = handles.database.writing
    refused = []

    def freed_when_refused(work, **options):
        try:
            return writing(work, **options)
        except StoreFull:
            refused.append(len(smtp_sink.deliveries))
            disk.free()
            smtp_sink.keep = kept
            raise

    kept = smtp_sink.keep
    monkeypatch.setattr(handles.database, "writing", freed_when_refused)
    with filling_up(smtp_sink, disk):
        assert deliver_due(handles, timeouts=QUICK).sent == MESSAGES

    assert refused
    assert set(check(handles, smtp_sink, message_ids).values()) == {1}


def test_at_settle_a_disk_that_stays_full_ends_the_pass_and_loses_nothing(
    handles: Handles, disk: Disk, smtp_sink: RuledSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.outbound.sending.book, "_SETTLE_TRIES", 2)
    add_mailbox(handles, "main", smtp_sink)
    message_ids = put(handles, MESSAGES)

    with filling_up(smtp_sink, disk), pytest.raises(StoreFull, match="Free some space"):
        deliver_due(handles, timeouts=QUICK)

    disk.free()
    for _ in range(3):
        let_leases_run_out(handles)
        deliver_due(handles, timeouts=QUICK)
    check(handles, smtp_sink, message_ids)
    # Four connections have at most sixteen each in hand.
    assert sum(attempt.outcome == "uncertain" for attempt in attempts(handles)) <= 64
