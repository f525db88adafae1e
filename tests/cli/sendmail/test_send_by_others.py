"""Mail handed in by other users of the machine: it is taken, who sent it is noted, and nobody reads another's."""

import os
import pwd
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Shell
from tests.waiting import PATIENCE

MAIL = b"From: other@example.org\nTo: help@example.org\nSubject: Printer\n\nIt burns.\n"


def another_user() -> "pwd.struct_passwd":
    """Somebody else where we may act for others, else ourselves."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


@pytest.fixture
def spool() -> Iterator[Path]:
    """A drop folder that everybody can reach, as /var/spool/postroom is."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "drop"


BECOME = """
import io, os, pwd, sys, traceback
from tui.cli.__main__ import main
stdin, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(b"rehearsed"))
assert main(["send", "--quiet", "--drop", sys.argv[2], "x@example.org"]) == 0
sys.stdin = stdin
print("now", flush=True)
if os.geteuid() == 0:
    user = pwd.getpwnam(sys.argv[1])
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
sys.exit(main(["send", *sys.argv[3:]]))
"""
"""Becomes the other user once all is imported: the interpreter may lie where only we can look."""


def send_as(user: "pwd.struct_passwd", spool: Path, *words: str) -> "subprocess.CompletedProcess[bytes]":
    """`postroom send` of another user, who has no home and knows the drop folder alone."""
    variables = {"POSTROOM_DROP": str(spool), "POSTROOM_HOME": "/nonexistent", "PATH": os.defpath}
    command = [sys.executable, "-c", BECOME, user.pw_name, str(spool.parent / "rehearsal"), *words]
    done = subprocess.run(command, input=MAIL, env=variables, cwd=ROOT, capture_output=True, timeout=PATIENCE)
    done.stdout = done.stdout.partition(b"now\n")[2]
    return done


def test_another_users_mail_is_taken_and_its_owner_noted(postroom: Shell, spool: Path) -> None:
    other = another_user()
    postroom.variables["POSTROOM_DROP"] = str(spool)
    postroom.ok("init")

    done = send_as(other, spool, "-t", "-oi")

    assert done.returncode == 0, done.stderr
    [handed_in] = spool.glob("*.mail")
    assert handed_in.stat().st_uid == other.pw_uid
    assert stat.S_IMODE(handed_in.stat().st_mode) == 0o600
    [row] = postroom.ok("list", "outbox", "--json").rows
    assert row["message_id"] == done.stdout.decode().strip()
    assert postroom.ok("list", "outbox", f"submitted_by:{other.pw_name}", "--json").rows == [row]
    assert not list(spool.glob("*.mail"))


def test_where_another_user_may_not_write_it_is_to_be_tried_again(postroom: Shell, spool: Path) -> None:
    spool.mkdir(mode=0o500)
    done = send_as(another_user(), spool, "help@example.org")
    assert (done.returncode, done.stdout) == (75, b"")
    assert str(spool).encode() in done.stderr
    assert list(spool.iterdir()) == []


def test_a_folder_shared_by_group_lets_its_group_read_what_others_hand_in(postroom: Shell, spool: Path) -> None:
    """How a worker that is not root gets what others hand in: the set-group-ID bit of the folder."""
    spool.mkdir()
    spool.chmod(0o3733)
    done = send_as(another_user(), spool, "help@example.org")
    assert done.returncode == 0, done.stderr
    [handed_in] = spool.glob("*.mail")
    assert stat.S_IMODE(handed_in.stat().st_mode) == 0o640
    assert handed_in.stat().st_gid == spool.stat().st_gid
