"""A file that a person asked for."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.errors import CannotWrite
from tui.private_file import write_private


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Files may not grow beyond so many bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_it_is_for_its_owner_alone_and_replaces_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "export.toml"
    file.write_text("old")
    write_private(file, b"new")
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"new", 0o600)


def test_where_it_has_no_room_what_was_there_is_there_still(tmp_path: Path) -> None:
    file = tmp_path / "export.toml"
    write_private(file, b"yesterday's")
    with room_for(1000), pytest.raises(CannotWrite, match="File too large"):
        write_private(file, b"x" * 2000)
    assert file.read_bytes() == b"yesterday's"
    assert list(tmp_path.iterdir()) == [file]


def test_a_device_is_written_to_and_a_folder_is_none(tmp_path: Path) -> None:
    write_private(Path("/dev/null"), b"x")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(CannotWrite, match="Is a directory"):
        write_private(tmp_path, b"x")


def test_a_link_is_followed_unless_another_user_put_it_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim, link = tmp_path / "victim", tmp_path / "export.toml"
    victim.write_bytes(b"old")
    link.symlink_to(victim)
    write_private(link, b"new")
    assert victim.read_bytes() == b"new"
    if os.geteuid() == 0:
        os.lchown(link, 65534, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(CannotWrite, match="another user's link"):
        write_private(link, b"newer")
    assert victim.read_bytes() == b"new"


def test_a_pipe_is_written_to_unless_another_user_put_it_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tmp_path / "export.toml"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_private(pipe, b"mail")
        assert os.read(reader, 100) == b"mail"
        if os.geteuid() == 0:
            os.chown(pipe, 65534, -1)
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
        with pytest.raises(CannotWrite, match="another user's pipe"):
            write_private(pipe, b"mail")
        assert os.read(reader, 100) == b""
    finally:
        os.close(reader)
