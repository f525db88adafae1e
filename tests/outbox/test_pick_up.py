"""The drop folder is emptied into the outbox, whatever somebody has put there."""

import json
import os
import pwd
import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from core import clock
from core.db.bulk import table_of
from core.errors import StoreError, StoreFull
from core.handin import OutgoingEnvelope, hand_in
from core.models import OutgoingRaw
from core.outbound.sending.deliver import deliver_due
from core.outbox import pick_up as module
from core.outbox.pick_up import has_mail, pick_up
from core.services.looking.handed_in import take_in
from tests.outbound.world import QUICK, add_mailbox, rows
from tests.outbox.drop_folder import MAIL, drop, left
from tui.cli.outgoing.delivering import exit_code_of


def test_what_was_handed_in_is_queued_byte_for_byte_and_its_owner_noted(handles):
    ids = [drop(handles), drop(handles, sender="s@example.org")]
    assert has_mail(handles.environment.drop)

    assert pick_up(handles) == 2

    assert [row.message_id for row in rows(handles)] == ids
    assert {row.submitted_by for row in rows(handles)} == {pwd.getpwuid(os.geteuid()).pw_name}
    with handles.database.reading() as session:
        assert list(session.connection().scalars(select(table_of(OutgoingRaw).c.data))) == [MAIL, MAIL]
    assert left(handles) == []
    assert not has_mail(handles.environment.drop)
    assert pick_up(handles) == 0


def test_its_age_is_counted_from_when_it_was_handed_in(handles):
    now = clock.utcnow()
    for hours in (-72, 72):
        drop(handles)
        *_, file = sorted(handles.environment.drop.iterdir())
        head, _, raw = file.read_bytes().partition(b"\n")
        said = {**json.loads(head), "handed_in_at": (now + timedelta(hours=hours)).isoformat()}
        file.write_bytes(json.dumps(said).encode() + b"\n" + raw)

    pick_up(handles)

    before, forged = (row.created_at for row in rows(handles))
    assert before == now - timedelta(hours=72)
    assert now <= forged <= clock.utcnow()  # nobody comes from the future


def test_urgent_mail_is_taken_before_what_was_handed_in_earlier(handles):
    ids = {lane: drop(handles, lane=lane) for lane in ("bulk", "normal", "urgent")}

    pick_up(handles)

    assert [row.message_id for row in rows(handles)] == [ids["urgent"], ids["normal"], ids["bulk"]]


def test_what_does_not_fit_on_the_disk_waits_and_keeps_nothing_smaller_from_leaving(handles, smtp_sink, monkeypatch):
    put_in = module.insert_durably

    def nearly_full(handles, entries):
        if sum(len(entry.raw) for entry in entries) > 100_000:
            raise StoreFull("The disk of the database is full; nothing was changed.")
        return put_in(handles, entries)

    monkeypatch.setattr(module, "insert_durably", nearly_full)
    add_mailbox(handles, "main", smtp_sink)
    hand_in(handles.environment, OutgoingEnvelope(("b@example.net",)), MAIL + b"x" * 200_000)
    drop(handles)

    summary = deliver_due(handles, timeouts=QUICK)

    assert (summary.sent, len(left(handles))) == (1, 1)
    assert summary.left_behind.startswith("The disk of the database is full: not all that was handed in fits")
    assert exit_code_of(summary) == 75
    assert take_in(handles) == summary.left_behind
    monkeypatch.undo()
    assert take_in(handles) == ""
    assert (len(rows(handles)), left(handles)) == (2, [])


def test_a_full_disk_is_not_tried_with_every_file(handles, monkeypatch):
    tried = []

    def full(handles, entries):
        tried.append(entries)
        raise StoreFull("full")

    monkeypatch.setattr(module, "insert_durably", full)
    for _ in range(30):
        drop(handles)

    with pytest.raises(StoreFull, match="free some space"):
        pick_up(handles)

    assert len(tried) == 11  # all at once, then ten one by one
    assert len(left(handles)) == 30


def test_a_folder_that_is_not_there_holds_nothing(handles):
    handles.environment.drop.rmdir()
    assert pick_up(handles) == 0
    assert not has_mail(handles.environment.drop)


def test_an_unfinished_file_is_left_alone(handles):
    (handles.environment.drop / ".1.mail.part").write_bytes(b"half")
    (handles.environment.drop / "note.txt").write_bytes(b"no mail")
    assert pick_up(handles) == 0
    assert left(handles) == [".1.mail.part", "note.txt"]


def test_a_file_that_outlived_its_commit_is_not_taken_twice(handles, monkeypatch):
    drop(handles)
    monkeypatch.setattr(module, "_remove", lambda folder, found: None)
    pick_up(handles)
    monkeypatch.undo()

    pick_up(handles)

    assert len(rows(handles)) == 1
    assert left(handles) == []


def test_a_key_handed_in_twice_is_one_message(handles):
    assert drop(handles, key="k") == drop(handles, key="k")
    pick_up(handles)
    assert len(rows(handles)) == 1
    assert left(handles) == []


def test_while_the_database_is_away_files_stay(handles, monkeypatch):
    drop(handles)

    def away(work, **_):
        raise StoreError("away")

    with monkeypatch.context() as patched:
        patched.setattr(handles.database, "writing", away)
        with pytest.raises(StoreError):
            pick_up(handles)
    assert len(left(handles)) == 1
    assert pick_up(handles) == 1


def test_a_file_swapped_under_the_reader_is_another_message(handles, monkeypatch):
    drop(handles)
    [name] = left(handles)
    place = handles.environment.drop / name
    swapped = place.read_bytes().replace(b"Subject: x", b"Subject: y")
    insert = module.insert_durably

    def swapping(*given):
        place.with_name("new").write_bytes(swapped)
        place.with_name("new").rename(place)
        return insert(*given)

    monkeypatch.setattr(module, "insert_durably", swapping)
    assert pick_up(handles) == 1
    monkeypatch.undo()
    assert left(handles) == [name]
    assert pick_up(handles) == 1
    assert [row.subject for row in rows(handles)] == ["x", "y"]


def test_two_workers_at_once_take_each_file_once(handles):
    for _ in range(60):
        drop(handles)
    errors = []

    def work():
        try:
            pick_up(handles)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(rows(handles)) == 60
    assert left(handles) == []
