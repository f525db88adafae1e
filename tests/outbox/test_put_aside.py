"""Files of the drop folder that cannot be taken are put aside, and what is no fault of theirs puts none aside."""

import errno
import json
import os
import socket

import pytest

from core.errors import CannotWrite
from core.handin import SUFFIX
from core.outbox import pick_up as module
from core.outbox.pick_up import pick_up
from tests.outbound.world import add_mailbox, rows
from tests.outbox.drop_folder import drop, left, refused


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


@pytest.mark.parametrize("is_shared", [True, False])
def test_a_name_that_is_as_long_as_names_can_be_is_put_aside(handles, is_shared):
    name = "0" * (255 - len(SUFFIX)) + SUFFIX
    (handles.environment.drop / name).write_bytes(b"bad")
    if is_shared:
        (handles.environment.drop / "refused").symlink_to("/nowhere")
    assert pick_up(handles) == 0
    assert not [one for one in left(handles) if one[0] != "." and one.endswith(SUFFIX)]


def test_what_has_the_name_of_something_refused_is_put_aside_as_well(handles, caplog):
    """Else it would be told each second, for ever."""
    bad = handles.environment.drop / "0.mail"
    (bad / "within").mkdir(parents=True)
    assert pick_up(handles) == 0
    for _ in range(2):
        bad.write_bytes(b"bad")
        assert pick_up(handles) == 0
        assert not bad.exists()
    assert "left in the drop folder" not in caplog.text


def test_a_folder_that_only_its_owner_may_move_is_put_aside(handles, monkeypatch):
    """Of another user's folder the system refuses to write the entry that leads above it."""
    (handles.environment.drop / "0.mail").mkdir()
    usual = os.rename

    def as_for_others(source, target, *, src_dir_fd, dst_dir_fd):
        if src_dir_fd != dst_dir_fd:
            raise PermissionError(errno.EACCES, "Permission denied")
        usual(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "rename", as_for_others)
    assert pick_up(handles) == 0
    assert [one for one in left(handles) if one != "refused"] == [".refused-0.mail"]


def test_a_fault_of_this_machine_puts_nothing_aside(handles, monkeypatch):
    drop(handles)

    def exhausted(*_, **__):
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(module, "_read", exhausted)
        with pytest.raises(CannotWrite):
            pick_up(handles)
    assert pick_up(handles) == 1


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
