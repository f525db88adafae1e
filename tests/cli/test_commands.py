"""Every command's exit codes, sentences and JSON, as scripts meet them."""

import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Shell
from tests.waiting import PATIENCE
from tui.cli.commands import PLACES
from tui.cli.told.usage import USAGE
from tui.cli.version import VERSION

KINDS = [
    "template",
    "mailbox",
    "account",
    "profile",
    "queue",
    "address",
    "filter",
    "handoff",
    "record",
    "message",
    "outbox",
    "quarantine",
    "run",
    "event",
    "alert",
    "audit",
    "worker",
    "setting",
]


def test_the_static_help_names_every_command() -> None:
    # Written by hand so that it costs no import; this is what keeps it true.
    words = set(re.findall(r"[a-z]+", USAGE))
    assert set(PLACES) | {"send"} <= words


def test_the_static_version_is_the_packages() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


@pytest.mark.parametrize("name", sorted(PLACES))
def test_every_command_explains_itself(postroom: Shell, name: str) -> None:
    ended = postroom.ok(name, "--help")
    assert ended.out.startswith(f"Usage: postroom {name}")
    assert not re.search(r"<(str|int|list)|\w\.\.\.$", ended.out, re.MULTILINE), "no types of ours, no cut sentences"
    assert not postroom.home.exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["frobnicate"], 64, "no command 'frobnicate'"),
        (["fetsh"], 64, "Did you mean fetch?"),
        (["list", "acount"], 64, "Did you mean account?"),
        (["fetch", "--soon"], 64, "No such option: --soon. See"),
        ([], 64, "needs a terminal"),
        (["list"], 64, "list needs a KIND"),
        (["list", "gadget"], 64, "no kind 'gadget'"),
        (["list", "record", "--limit", "x"], 64, "--limit"),
        (["show", "account"], 64, "show --help"),
        (["show", "account", "nobody"], 67, "no account 'nobody'"),
        (["show", "record", "1"], 67, "no record '1'"),
        (["raw", "7"], 67, "no message 7"),
        (["raw", "seven"], 64, "'seven'"),
        (["fetch", "nobody"], 67, "no account 'nobody'"),
        (["pause", "nobody"], 67, "no account 'nobody'"),
        (["stop"], 64, "stop --help"),
        (["test", "account", "nobody"], 67, "no account 'nobody'"),
        (["test", "queue", "Raw"], 64, "not 'queue'"),
        (["add", "record", "x"], 64, "record set"),
        (["add", "run", "x"], 64, "not added"),
        (["add", "queue", "q", "colour=red"], 65, "colour"),
        (["add", "account", "a", "type=IMAPS", "host=h", "username=u", "port=99999999"], 65, "99999999"),
        (["add", "account", "a", "type=IMAPS", "host=h", "username=u", "password=secret"], 64, "--password-stdin"),
        (["set", "queue", "Raw"], 64, "Nothing to set"),
        (["set", "queue", "Nix", "comment=x"], 67, "no queue 'Nix'"),
        (["set", "setting", "fetch_interval=soon"], 65, "fetch_interval"),
        (["set", "setting", "nonsense=1"], 65, "nonsense"),
        (["delete", "queue", "Nix"], 67, "no queue 'Nix'"),
        (["delete", "queue", "Raw"], 65, "Raw"),
        (["record", "set", "1", "state=open"], 67, "no record '1'"),
        (["config", "import", "/not/there.toml"], 66, "/not/there.toml"),
        (["config", "export", "/not/there/x.toml"], 73, "/not/there/x.toml"),
        (["quarantine", "retry", "5"], 67, "5"),
        (["quarantine", "retry", "x"], 64, "'x'"),
        (["outbox", "retry"], 64, "--all"),
        (["outbox", "cancel", "5"], 67, "outbox"),
        (["outbox", "cancel", "5", "--all"], 64, "--all"),
        (["route", "--from", "no address", "--to", "a@example.org"], 65, "no address"),
        (["route", "--from", "a@example.org", "--to", "b@example.org", "--down", "x"], 67, "no mailbox 'x'"),
        (["db", "backup", "/not/there/x.db"], 73, "/not/there"),
        (["--worker", "--only", "sleep"], 64, "'sleep'"),
        (["--once"], 64, "--worker"),
        (["--home"], 64, "--home needs a value"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_its_code(
    postroom: Shell, words: list[str], code: int, said: str
) -> None:
    ended = postroom(*words)
    assert (ended.code, ended.out) == (code, ""), ended
    assert said in ended.err
    assert ended.err.startswith("postroom: ")
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_listed_as_json_and_as_a_table(postroom: Shell, kind: str) -> None:
    rows = postroom.ok("list", kind, "--json").rows
    assert all(isinstance(row, dict) for row in rows)
    heading, *lines = postroom.ok("list", kind).out.splitlines()
    assert heading == heading.upper()
    assert len(lines) == len(rows)
    assert all(len(line) <= 100 for line in lines)


def test_a_list_is_filtered_limited_and_gone_on_with(postroom: Shell) -> None:
    assert [row["name"] for row in postroom.ok("list", "queues", "-lands", "-Unwanted", "--json").rows] == [
        "Postmaster"
    ]
    first = postroom.ok("list", "queue", "--limit", "2", "--json")
    assert [row["name"] for row in first.rows] == ["Junk", "Postmaster"]
    found = re.search(r"--after (\d+)", first.err)
    assert found is not None
    rest = postroom.ok("list", "queue", "--after", found[1], "--json")
    assert [row["name"] for row in rest.rows] == ["Raw"]
    assert rest.err == ""
    assert "no column comments to look in. There are: " in postroom.ok("list", "queue", "comments:x").err


def test_in_a_narrow_terminal_names_and_times_stay_whole_and_the_last_columns_go(postroom: Shell) -> None:
    postroom.ok("add", "account", "branch-000001", "type=IMAPS", "host=imap.example.org", "username=me", stdin=b"\n")
    whole = postroom.ok("list", "account").out
    postroom.variables["COLUMNS"] = "40"
    heading, row = postroom.ok("list", "account").out.splitlines()
    assert (heading.split(), row.split()[0]) == (["NAME", "TYPE", "HOST", "QUEUE"], "branch-000001")
    assert re.search(r"NEXT \(\S+\) ", whole)
    assert "never fetched" in postroom.ok("show", "account", "branch-000001").out


def test_a_resource_is_added_changed_shown_and_deleted(postroom: Shell) -> None:
    words = [
        "type=IMAPS",
        "host=imap.example.org",
        "username=me",
        "folders=INBOX,Work",
        "interval=5m",
        "--password-stdin",
    ]
    postroom.ok("add", "account", "work", *words, stdin=b"hunter2\n")
    postroom.ok("set", "account", "work", "port=1993", "comment=two words")
    (shown,) = postroom.ok("show", "account", "work", "--json").rows
    assert (shown["port"], shown["comment"], shown["folders"]) == (1993, "two words", ["INBOX", "Work"])
    assert shown["password"] == "set"
    told = postroom.ok("show", "account", "work").out
    assert re.search(r"interval +5m\n", told)
    assert re.search(r"max_size +32MiB\n", told)
    assert "hunter2" not in told
    assert "hunter2" not in postroom.ok("config", "export").out
    postroom.ok("delete", "account", "work")
    assert postroom("show", "account", "work").code == 67


def test_settings_are_set_by_their_dotted_names(postroom: Shell) -> None:
    postroom.ok("set", "setting", "retry.first=2m", "plus_addressing=true")
    postroom.ok("set", "setting", "fetch_interval", "value=5m")
    rows = {row["name"]: row["value"] for row in postroom.ok("list", "setting", "--json").rows}
    assert (rows["retry.first"], rows["plus_addressing"], rows["fetch_interval"]) == ("2m", True, "5m")
    postroom.ok("delete", "setting", "retry.first")
    [shown] = postroom.ok("show", "setting", "retry.first", "--json").rows
    assert (shown["name"], shown["value"]) == ("retry.first", "1m")


def test_a_toml_with_three_mistakes_names_all_and_changes_nothing(postroom: Shell, tmp_path: Path) -> None:
    file = tmp_path / "work.toml"
    file.write_text(
        '[[queue]]\nname = "Support"\n'
        '[[account]]\nname = "support"\ntype = "IMAPX"\nhost = "h"\nusername = "u"\nport = 99999999\nqueue = "Nix"\n'
    )
    ended = postroom("config", "import", str(file))
    assert ended.code == 65
    for field in ("type", "port", "queue"):
        assert f'{file}: account "support": {field}: ' in ended.err
    assert [row["name"] for row in postroom.ok("list", "queue", "Support", "--json").rows] == []


def test_a_configuration_goes_out_and_comes_back_the_same(postroom: Shell, tmp_path: Path) -> None:
    postroom.ok("add", "queue", "Support", "comment=Umlaute: äöü")
    file = tmp_path / "all.toml"
    postroom.ok("config", "export", str(file))
    assert file.stat().st_mode & 0o077 == 0
    entries = postroom.ok("config", "export", "--json").rows
    assert {"kind": "queue", "name": "Support", "comment": "Umlaute: äöü"} in entries
    assert postroom.ok("config", "diff", str(file)).out == ""
    file.write_text(file.read_text().replace("Umlaute", "Vowels"))
    (difference,) = postroom.ok("config", "diff", str(file), "--json").rows
    assert (difference["kind"], difference["name"]) == ("queue", "Support")
    postroom.ok("config", "import", str(file), "--dry-run")
    assert "Umlaute" in postroom.ok("show", "queue", "Support").out
    postroom.ok("config", "import", str(file))
    assert "Vowels" in postroom.ok("show", "queue", "Support").out


@pytest.mark.parametrize("name", ["key", "postroom.db"])
def test_what_others_can_read_is_refused_with_the_command_that_mends_it(postroom: Shell, name: str) -> None:
    postroom.ok("init")
    (postroom.home / name).chmod(0o644)
    ended = postroom("list", "account")
    assert ended.code == 78
    found = re.search(rf"chmod \S+ {re.escape(str(postroom.home / name))}", ended.err)
    assert found is not None
    assert os.system(found[0]) == 0  # the sentence is a command that works
    postroom.ok("list", "account")


def test_the_doctor_says_ok_warning_and_error(postroom: Shell) -> None:
    found = postroom("doctor", "--json")
    levels = {row["check"]: row["level"] for row in found.rows}
    assert found.code == 1  # no worker is alive
    assert [check for check, level in levels.items() if level != "ok"] == ["workers"]
    (postroom.home / "key").chmod(0o644)
    broken = postroom("doctor", "--json")
    assert broken.code == 2
    assert {row["check"]: row["level"] for row in broken.rows}["key"] == "error"


def test_the_doctor_connects_to_servers_unless_told_not_to(postroom: Shell) -> None:
    where = ("type=IMAP", "host=nowhere.invalid", "username=u")
    postroom.ok("add", "account", "far", *where, "--password-stdin", stdin=b"secret\n")
    connected = postroom("doctor", "--json")
    assert (connected.code, connected.rows[-1]["check"]) == (2, "account far")
    assert "nowhere.invalid" in connected.rows[-1]["text"]
    assert postroom("doctor", "--offline").code == 1


def test_a_backup_is_a_database_of_its_own(postroom: Shell, tmp_path: Path) -> None:
    postroom.ok("add", "queue", "Support")
    postroom.ok("db", "backup", str(tmp_path / "copy.db"))
    assert postroom("db", "backup", str(tmp_path / "copy.db")).code == 73
    listed = postroom.ok("list", "queue", "Support", "--json", "--database-url", f"sqlite:///{tmp_path}/copy.db")
    assert [row["name"] for row in listed.rows] == ["Support"]
    postroom.ok("db", "upgrade")


def test_quiet_says_nothing_and_init_says_where_everything_is(postroom: Shell) -> None:
    (places,) = postroom.ok("init", "--json").rows
    assert places["home"] == str(postroom.home)
    assert postroom.ok("add", "queue", "Support", "--quiet").err == ""


def test_a_password_that_is_not_there_is_no_empty_one(postroom: Shell) -> None:
    where = ("type=IMAP", "host=127.0.0.1", "port=1", "username=u")
    postroom.ok("add", "account", "a", *where, "--password-stdin", stdin=b"secret\n")
    for words in (("set", "account", "a"), ("test", "account", "a"), ("set", "setting", "listener.password")):
        refused = postroom(*words, "--password-stdin")
        assert (refused.code, refused.err) == (65, "postroom: There is no password: stdin was empty.\n")
    asked = postroom("set", "account", "a", "password")
    assert asked.code == 64
    assert "A password is read by --password-stdin" in asked.err
    postroom.ok("add", "account", "b", *where)
    assert "Set it: postroom set account b --password-stdin" in postroom("test", "account", "b").err


def test_importing_says_what_is_new_and_what_is_changed(postroom: Shell, tmp_path: Path) -> None:
    postroom.ok("init")
    file = tmp_path / "some.toml"
    file.write_text('[[queue]]\nname = "New"\n[[queue]]\nname = "Raw"\ncomment = "x"\n[[queue]]\nname = "Junk"\n')
    tried = postroom.ok("config", "import", str(file), "--dry-run")
    assert tried.err == "Nothing was changed: 1 would be added, 1 changed, 1 stand there already.\n"
    assert postroom.ok("config", "import", str(file)).err == "1 added, 1 changed, 1 stand there already.\n"


def test_a_reader_that_stops_reading_ends_a_list_quietly(postroom: Shell) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = postroom.start("list", "setting", stdout=writer)
    os.close(writer)
    assert process.stderr is not None
    assert process.wait(PATIENCE) == 141  # 128 + SIGPIPE
    assert process.stderr.read() == b""
    process.stderr.close()


def test_output_that_cannot_be_written_is_told_as_that(postroom: Shell) -> None:
    postroom.variables["PYTHONUNBUFFERED"] = ""
    with Path("/dev/full").open("wb") as full:
        process = postroom.start("list", "setting", stdout=full)
    assert process.stderr is not None
    assert process.stderr.read() == b"postroom: Standard output cannot be written: No space left on device.\n"
    process.stderr.close()
    assert process.wait(PATIENCE) == 74


@pytest.mark.parametrize(
    "words", ["list setting", "send --help", "intake - --account a", "--worker --once", "send a@b.example"]
)
def test_a_caller_may_have_closed_the_standard_streams(postroom: Shell, words: str) -> None:
    postroom.ok("init")
    line = " ".join(shlex.quote(each) for each in postroom.command(*words.split()))
    ended = subprocess.run(f"{line} <&- >&- 2>&-", shell=True, cwd=ROOT, env=postroom.variables, timeout=PATIENCE)
    assert ended.returncode == {"intake - --account a": 67, "send a@b.example": 65}.get(words, 0)
    assert not (postroom.home / "faults.log").exists()


def test_a_fault_of_ours_is_a_sentence_and_a_traceback_in_the_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tui.cli.process.endings import ended

    monkeypatch.setenv("POSTROOM_HOME", str(tmp_path))

    def fail() -> int:
        raise ZeroDivisionError

    assert ended(fail, []) == 70
    assert str(tmp_path / "faults.log") in capsys.readouterr().err
    assert "ZeroDivisionError" in (tmp_path / "faults.log").read_text()
    assert (tmp_path / "faults.log").stat().st_mode & 0o077 == 0
