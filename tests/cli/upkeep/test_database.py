"""`postroom db` as an administrator uses it: a backup comes back, whatever is wrong with what is there."""

import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.cli.furnished import wait_for_worker
from tests.waiting import PATIENCE


def test_a_backup_comes_back_and_what_was_there_is_kept(postroom: Shell, tmp_path: Path) -> None:
    postroom.ok("add", "queue", "Before")
    backup, live = tmp_path / "backup.db", postroom.home / "postroom.db"
    told = postroom.ok("db", "backup", str(backup))
    assert str(postroom.home / "key") in told.err
    assert backup.stat().st_mode & 0o777 == 0o600
    postroom.ok("add", "queue", "After")
    live.chmod(0o660)

    (row,) = postroom.ok("db", "restore", str(backup), "--json").rows

    assert "Before" in postroom.ok("list", "queue").out
    assert "After" not in postroom.ok("list", "queue").out
    with closing(sqlite3.connect(row["kept"])) as kept, kept:
        assert kept.execute("SELECT count(*) FROM queue WHERE name = 'After'").fetchone() == (1,)
    assert live.stat().st_mode & 0o777 == 0o660
    lines = postroom.ok("list", "audit", "--json").rows
    assert [(line["verb"], line["kind"]) for line in lines[:1]] == [("restore", "database")]
    assert "the file is sound" in postroom("doctor").out


OTHERS = ["mysql://u:hunter2@h/d", "sqlite:///relative.db", "sqlite://", "u:hunter2@h", "postgresql+asyncpg://h/d"]


@pytest.mark.parametrize("url", OTHERS)
def test_what_names_no_database_of_ours_is_refused_without_its_password(postroom: Shell, url: str) -> None:
    postroom.ok("init")
    refused = [postroom(*words, "--database-url", url) for words in (("list", "queue"), ("db", "upgrade"))]
    for ended in refused:
        assert (ended.code, ended.out) == (78, ""), ended
        assert "postgresql://USER@HOST/NAME" in ended.err
        assert "hunter2" not in ended.err
    assert postroom.ok("send", "a@example.org", "--database-url", url, stdin=b"Subject: x\n\nx\n").out


def test_a_damaged_database_gives_way_to_a_backup(postroom: Shell, tmp_path: Path) -> None:
    postroom.ok("add", "queue", "Kept")
    postroom.ok("db", "backup", str(tmp_path / "backup.db"))
    (postroom.home / "postroom.db").write_bytes(b"nonsense" * 4096)
    assert postroom("list", "queue").code != 0

    told = postroom.ok("db", "restore", str(tmp_path / "backup.db"))

    assert "Kept" in postroom.ok("list", "queue").out
    (kept,) = postroom.home.glob("postroom.db.before-*")
    assert kept.name in told.out
    assert kept.read_bytes().startswith(b"nonsense")


def test_a_backup_without_its_key_is_said_in_a_sentence(
    postroom: Shell, tmp_path: Path, new_shell: Callable[[str], Shell]
) -> None:
    (tmp_path / "password").write_text("kanarienvogel")
    postroom.ok("add", "account", "a", "type=IMAPS", "host=h", "username=u", f'password={{file="{tmp_path}/password"}}')
    postroom.ok("db", "backup", str(tmp_path / "backup.db"))
    other = new_shell("elsewhere")

    told = other.ok("db", "restore", str(tmp_path / "backup.db"))

    assert f"There is no key at {other.home}/key, so secrets cannot be opened." in told.err
    assert other("--worker", "--once").code == 78
    anew = other.ok("key", "rotate", "--lost")
    assert "enter them again: account a: password" in anew.err
    other.ok("set", "account", "a", f'password={{file="{tmp_path}/password"}}')
    assert "Some do not open" not in other("doctor").out


def test_a_password_in_the_url_of_a_copy_is_pointed_out(postroom: Shell) -> None:
    told = postroom("db", "copy", "postgresql://anna:kanarienvogel@127.0.0.1:1/x")

    assert told.code == 75
    assert "a password in the URL stands in the list of processes" in told.err
    assert "kanarienvogel" not in told.err
    assert "list of processes" not in postroom("db", "copy", "postgresql://anna@127.0.0.1:1/x").err


@pytest.fixture
def worker(postroom: Shell) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker that has the database open, with a queue in it that is ours."""
    postroom.ok("add", "queue", "Ours")
    process = postroom.start("--worker")
    wait_for_worker(postroom)
    yield process
    process.kill()
    process.communicate(timeout=PATIENCE)


def test_a_database_that_is_moved_away_under_a_worker_is_not_made_anew(
    postroom: Shell, worker: "subprocess.Popen[bytes]"
) -> None:
    """SQLite would read the log that is left into an empty one, and damage both."""
    live = postroom.home / "postroom.db"
    away = live.rename(postroom.home / "away.db")

    refused = postroom("list", "queue")

    assert refused.code == 75
    assert "postroom.db was moved away or removed, and postroom.db-wal" in refused.err
    assert postroom("init").code == 75
    assert not live.exists()
    away.rename(live)
    assert "Ours" in postroom.ok("list", "queue").out
    worker.terminate()
    assert worker.wait(PATIENCE) == 0
    assert "the file is sound" in postroom("doctor").out


def test_no_empty_database_is_made_where_one_has_been_unless_that_is_wanted(postroom: Shell) -> None:
    postroom.ok("add", "queue", "Ours")
    live = postroom.home / "postroom.db"
    away = live.rename(postroom.home / "away.db")

    for command in (["list", "queue"], ["--worker", "--once"], ["fetch"]):
        refused = postroom(*command)
        assert refused.code == 75
        assert "There is no database" in refused.err
        assert "postroom init" in refused.err
    assert not live.exists()
    away.rename(live)
    assert "Ours" in postroom.ok("list", "queue").out
    live.unlink()
    postroom.ok("init")
    assert "Ours" not in postroom.ok("list", "queue").out


def test_a_backup_comes_back_clean_beside_the_log_of_one_that_was_removed(
    postroom: Shell, worker: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    postroom.ok("db", "backup", str(tmp_path / "backup.db"))
    postroom.ok("add", "queue", "Stray")
    worker.kill()
    worker.wait(PATIENCE)
    live = postroom.home / "postroom.db"
    assert live.with_name("postroom.db-wal").stat().st_size
    live.unlink()

    postroom.ok("db", "restore", str(tmp_path / "backup.db"))

    queues = postroom.ok("list", "queue").out
    assert "Ours" in queues
    assert "Stray" not in queues
    assert "the file is sound" in postroom("doctor").out
