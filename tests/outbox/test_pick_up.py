"""The drop folder is emptied into the outbox, whatever somebody has put there."""

import errno
import json
import os
import pwd
import socket
import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from core import clock
from core.db.bulk import table_of
from core.errors import CannotWrite, StoreError, StoreFull
from core.handin import SUFFIX, OutgoingEnvelope, hand_in
from core.models import OutgoingRaw
from core.outbound.deliver import deliver_due
from core.outbox import pick_up as module
from core.outbox.pick_up import has_mail, pick_up
from core.services.handed_in import take_in
from tests.outbound.world import QUICK, add_mailbox, rows
from tui.cli.delivering import exit_code_of

MAIL = b"From: a@example.org\nSubject: x\n\nHello.\n"


def drop(handles, **envelope) -> str:
    return hand_in(handles.environment, OutgoingEnvelope(("b@example.net",), **envelope), MAIL)


def left(handles) -> list[str]:
    return sorted(path.name for path in handles.environment.drop.iterdir())


def refused(handles) -> list[str]:
    folder = handles.environment.drop / "refused"
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".reason")


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


def test_an_unknown_mailbox_makes_it_wait_for_a_person(handles):
    add_mailbox(handles, "main", type("Nowhere", (), {"host": "127.0.0.1", "port": 9}))
    drop(handles, mailbox="main")
    drop(handles, mailbox="nope")
    pick_up(handles)
    assert [(row.state, row.last_error) for row in rows(handles)] == [
        ("queued", ""),
        ("held", "There is no mailbox 'nope'."),
    ]


@pytest.mark.parametrize(
    "hostile", ["link", "hard link", "pipe", "socket", "folder", "text", "cut", "forged", "sparse"]
)
def test_a_hostile_file_is_put_aside_with_the_reason_and_stops_nobody(handles, tmp_path, hostile):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    bad = handles.environment.drop / "0.mail"
    drop(handles)
    [good] = left(handles)
    content = (handles.environment.drop / good).read_bytes()
    match hostile:
        case "link":
            bad.symlink_to(secret)
        case "hard link":
            bad.hardlink_to(secret)
        case "pipe":
            os.mkfifo(bad)
        case "socket":
            # As a device would be: an entry that is no file.
            with socket.socket(socket.AF_UNIX) as listening:
                listening.bind(str(bad))
        case "sparse":
            with bad.open("wb") as file:
                file.truncate(300 << 30)
        case "folder":
            bad.mkdir()
        case "text":
            bad.write_bytes(b"hello")
        case "cut":
            bad.write_bytes(content[:-1])
        case "forged":
            line, _, raw = content.partition(b"\n")
            bad.write_bytes(json.dumps({**json.loads(line), "recipients": ["x\r\nDATA"]}).encode() + b"\n" + raw)

    assert pick_up(handles) == 1

    assert [row.subject for row in rows(handles)] == ["x"]
    assert left(handles) == ["refused"]
    assert refused(handles) == ["0.mail"]
    assert (handles.environment.drop / "refused" / "0.mail.reason").read_text().strip()
    assert secret.read_bytes() == b"secret"
    assert pick_up(handles) == 0


@pytest.mark.parametrize(
    "said",
    [
        {"not_before": "9999-12-31T23:59:59-14:00"},
        {"expires_at": "9999-12-31T00:00:00+00:00"},
        {"handed_in_at": "0001-01-01T00:00:00+14:00"},
        {"handed_in_at": "0001-01-01T00:00:00+00:00"},
        {"message_id": "<\ud800@example.org>"},
        {"key": "\ud800"},
    ],
)
def test_nobody_puts_a_file_there_that_keeps_the_mail_of_others(handles, said):
    drop(handles, lane="urgent")
    (file,) = handles.environment.drop.iterdir()
    head, _, raw = file.read_bytes().partition(b"\n")
    file.write_bytes(json.dumps({**json.loads(head), **said}).encode() + b"\n" + raw)
    drop(handles)

    assert pick_up(handles) == 1
    assert refused(handles) == [file.name]


def test_a_refused_folder_that_is_a_link_is_not_followed(handles, tmp_path):
    (handles.environment.drop / "refused").symlink_to(tmp_path)
    (handles.environment.drop / "0.mail").write_bytes(b"bad")
    before = sorted(tmp_path.iterdir())
    assert pick_up(handles) == 0
    assert sorted(tmp_path.iterdir()) == before
    assert left(handles) == [".refused-0.mail", "refused"]


def test_what_is_put_aside_is_told_in_one_sentence(handles, caplog):
    (handles.environment.drop / "0\x1b[2J.mail").symlink_to("/etc/passwd")
    drop(handles)
    assert pick_up(handles) == 1
    [line] = [record.getMessage() for record in caplog.records if record.name == "postroom.drop"]
    assert line == r"not taken from the drop folder: '0\x1b[2J.mail': It is a link, not a file."
    assert pick_up(handles) == 0


def test_what_cannot_even_be_moved_keeps_nobody(handles, monkeypatch, caplog):
    (handles.environment.drop / "0.mail").write_bytes(b"bad")
    drop(handles)

    def stuck(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", stuck)
        assert pick_up(handles) == 1
    assert "left in the drop folder: '0.mail'" in caplog.text
    assert "0.mail" in left(handles)


def test_a_fault_of_this_machine_puts_nothing_aside(handles, monkeypatch):
    drop(handles)

    def exhausted(*_, **__):
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(module, "_read", exhausted)
        with pytest.raises(CannotWrite):
            pick_up(handles)
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


def test_a_file_that_is_too_large_is_put_aside_unread(handles, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 100)
    drop(handles)
    assert pick_up(handles) == 0
    assert len(refused(handles)) == 1


def test_a_file_that_another_worker_removes_while_it_is_opened_is_no_bad_file(handles, monkeypatch, caplog):
    drop(handles)
    usual = os.open

    def outrun(name, *args, **kwargs):
        opened = usual(name, *args, **kwargs)
        if str(name).endswith(SUFFIX):
            (handles.environment.drop / name).unlink()
        return opened

    monkeypatch.setattr(os, "open", outrun)
    assert pick_up(handles) == 0
    assert left(handles) == []
    assert caplog.records == []


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
