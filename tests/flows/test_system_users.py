"""As different system users on one machine: what each can and cannot do, and the audit log of it."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import waiting
from tests.accounts import message
from tests.servers.dovecot import DovecotServer
from tests.servers.system_users import SystemUsers, as_root

CANARY = "kanarienvogel-99"


DRIVER = """
import contextlib, io, json, sys
from tui.cli.__main__ import main
given = json.load(sys.stdin)
ended = []
for words in given["commands"]:
    sys.stdin, out, err = io.TextIOWrapper(io.BytesIO(given["stdin"].encode())), io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    ended.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(ended))
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Machine:
    """One home, made and run by `svc`; anna is an admin, otto an operator, vera a viewer, nils has no role, eve is not
    in the group."""

    users: SystemUsers

    @property
    def home(self) -> Path:
        return self.users.folder / "home"

    @property
    def variables(self) -> dict[str, str]:
        return {"POSTROOM_HOME": str(self.home), "POSTROOM_GROUP": self.users.group, "PYTHONWARNINGS": "error"}

    def postroom(self, name: str, *commands: Sequence[str], stdin: str = "", **variables: str) -> list[Ended]:
        """What comes of each command, one after the other in one process of that user: starting one takes a second."""
        given = json.dumps({"commands": commands, "stdin": stdin})
        done = self.users.run(self.users.python(name, "-c", DRIVER, **{**self.variables, **variables}), given)
        assert done.returncode == 0, done
        return [Ended(*one) for one in json.loads(done.stdout)]

    def ok(self, name: str, *words: str, stdin: str = "") -> str:
        (done,) = self.postroom(name, words, stdin=stdin)
        assert done.code == 0, f"{name} {words}: {done}"
        return done.out

    def all_refused(self, name: str, *commands: Sequence[str], code: int = 77) -> list[str]:
        """The sentence that each command is refused with."""
        told = []
        for words, done in zip(commands, self.postroom(name, *commands), strict=True):
            assert (done.code, done.out) == (code, ""), f"{name} {words}: {done}"
            assert done.err.count("\n") == 1, done
            told.append(done.err)
        return told

    def sqlite3(self, name: str, statement: str) -> "subprocess.CompletedProcess[str]":
        """What the database says to a user who goes round us."""
        program = "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); print(d.execute(sys.argv[2]).fetchall()); d.commit()"
        return self.users.run(self.users.python(name, "-c", program, str(self.home / "postroom.db"), statement))


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with SystemUsers("svc", "anna", "otto", "vera", "nils", strangers=("eve",)) as users:
        made = Machine(users)
        subprocess.run(as_root("chown", users.names["svc"], str(users.folder)), check=True)
        roles = {"admins": [users.names["anna"]], "operators": [users.names["otto"]], "viewers": [users.names["vera"]]}
        settings = [f"roles.{role}={json.dumps(names)}" for role, names in roles.items()]
        done = made.postroom("svc", ["init"], ["set", "setting", *settings])
        assert [one.code for one in done] == [0, 0], done
        yield made


def test_the_folder_is_the_groups_and_the_key_the_services(machine: Machine) -> None:
    machine.ok("vera", "list", "queue")
    whose = machine.users.owner_and_mode
    group = machine.users.group

    assert whose(machine.home) == ("svc", group, 0o2770)
    assert whose(machine.home / "postroom.db") == ("svc", group, 0o660)
    assert whose(machine.home / "key") == ("svc", group, 0o600)
    for name in ("anna", "otto", "vera", "eve"):
        done = machine.users.run(machine.users.command(name, "cat", str(machine.home / "key")))
        assert (done.returncode, done.stdout) == (1, "")
        assert "Permission denied" in done.stderr


def test_the_log_of_a_reader_can_be_written_by_the_others(machine: Machine) -> None:
    # SQLite gives the log and its index the owner and the rights of the database, whoever opens it first.
    program = "import sqlite3, sys, time; d = sqlite3.connect(sys.argv[1]); d.execute('SELECT count(*) FROM queue').fetchall()"
    program += "; print('open', flush=True); sys.stdin.read()"
    command = machine.users.python("vera", "-c", program, str(machine.home / "postroom.db"))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"open\n"
        for end in ("-wal", "-shm"):
            assert machine.users.owner_and_mode(machine.home / f"postroom.db{end}")[1:] == (machine.users.group, 0o660)
        machine.ok("anna", "add", "queue", "While vera looks")
        reader.communicate()


def test_who_is_not_in_the_group_gets_nowhere(machine: Machine) -> None:
    told = machine.all_refused("eve", ["list", "account"], ["fetch"], ["--worker", "--once"])
    (doctor,) = machine.postroom("eve", ["doctor"])

    assert all(f"is for the group {machine.users.group}, which you are not in" in sentence for sentence in told)
    assert doctor.code == 2
    assert "unable to open database file" in machine.sqlite3("eve", "SELECT * FROM account").stderr


def test_who_has_no_role_is_told_so(machine: Machine) -> None:
    (told,) = machine.all_refused("nils", ["list", "account"])

    assert "has no role here" in told


def test_only_who_may_read_the_key_is_a_worker(machine: Machine) -> None:
    machine.ok(
        "anna", "add", "account", "first", "type=IMAPS", "host=h", "username=u", "--password-stdin", stdin=CANARY
    )

    for name in ("anna", "otto"):
        (told,) = machine.all_refused(name, ["--worker", "--once"], code=78)
        assert f"The key {machine.home / 'key'} is not for this user to read" in told
    machine.ok("anna", "delete", "account", "first")


CLOSED = {
    "POSTROOM_HOME": ("{0}/home", 77, "The data folder {0}/home cannot be reached or made: {0} is closed to this user."),
    "POSTROOM_DATABASE_URL": (
        "sqlite:///{0}/x.db", 77, "The database {0}/x.db cannot be reached or made: {0} is closed to this user."
    ),
    "POSTROOM_CONFIG": ("{0}/postroom.toml", 78, "The settings in {0}/postroom.toml cannot be read: Permission denied."),
    "POSTROOM_KEY_FILE": ("{0}/key", 78, "The key {0}/key.next is not for this user to read."),
    "CREDENTIALS_DIRECTORY": ("{0}", 78, "The key {0}/postroom.key.next is not for this user to read."),
}  # fmt: skip
"""What may lie in a folder that is closed to who calls: exit code and sentence of what needs it."""


@pytest.mark.parametrize(("variable", "place", "code", "says"), [(name, *rest) for name, rest in CLOSED.items()])
def test_what_lies_in_a_closed_folder_is_named_with_what_to_do(
    machine: Machine, variable: str, place: str, code: int, says: str
) -> None:
    closed = machine.home.parent / "closed"
    subprocess.run(as_root("install", "-d", "-m", "700", str(closed)), check=True)
    given = {variable: place.format(closed)}
    listed, rotated = machine.postroom("svc", ["list", "queue"], ["key", "rotate"], **given)

    assert (rotated.code, rotated.out, rotated.err.count("\n")) == (code, "", 1), rotated
    assert says.format(closed) in rotated.err
    # Who only looks needs no key.
    assert listed.code == (0 if "key" in says else code), listed


def test_a_closed_drop_folder_stops_nothing_but_handing_in(machine: Machine) -> None:
    closed = machine.home.parent / "closed"
    subprocess.run(as_root("install", "-d", "-m", "700", str(closed)), check=True)
    mail, elsewhere = "Subject: hello\n\nhello\n", f"{closed}/drop"
    listed, sent = machine.postroom(
        "svc", ["list", "queue"], ["send", "a@b.example"], stdin=mail, POSTROOM_DROP=elsewhere
    )

    assert listed.code == 0, listed  # the queue is not in it
    assert (sent.code, sent.out) == (75, "")
    assert f"{elsewhere} cannot be written (Permission denied)" in sent.err


@pytest.fixture
def worker(machine: Machine) -> Iterator["subprocess.Popen[bytes]"]:
    command = machine.users.python("svc", "-m", "tui.cli", "--worker", **machine.variables)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def is_at_work() -> bool:
        assert process.poll() is None, process.communicate()
        # As its own user: what root makes beside the database is, for a moment, not the worker's to open.
        return machine.sqlite3("svc", "SELECT host FROM worker").stdout.startswith("[(")

    waiting.until(is_at_work)
    yield process
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=waiting.PATIENCE)
    assert CANARY.encode() not in error


@pytest.mark.usefixtures("worker")
def test_admin_operator_and_viewer_each_do_what_is_theirs(machine: Machine, dovecot: DovecotServer) -> None:
    user = dovecot.fresh_user(password=CANARY)
    dovecot.append(user, message(1))
    at = ("type=IMAP", f"host={dovecot.host}", f"port={dovecot.ports.imap}", f"username={user}")

    # The admin configures, without ever reading the key.
    add = ["add", "account", "in", *at, "--password-stdin"]
    *done, rotated = machine.postroom(
        "anna", add, ["test", "account", "in"], ["list", "template"], ["key", "rotate"], stdin=CANARY
    )
    assert [one.code for one in done] == [0] * 3, done
    assert (rotated.code, rotated.err.count("\n")) == (78, 1), rotated

    # The operator runs things.
    fetched, *others = machine.postroom(
        "otto", ["fetch", "in", "--json"], ["pause", "in"], ["resume", "in"], ["list", "record", "--json"]
    )
    assert (fetched.code, [one.code for one in others[:2]]) == (0, [0, 0]), fetched
    number = json.loads(others[2].out)["number"]  # whoever fetched it: the worker may have been the first
    changed, *refused = machine.postroom(
        "otto", ["record", "set", number, "state=open"],
        ["set", "account", "in", "host=mine.example.org"], ["add", "queue", "mine"], ["delete", "account", "in"],
        ["list", "template"], ["show", "template", "Gmail SMTP Relay"], ["set", "setting", "hold_all=true"],
        ["config", "export"], ["key", "rotate"], ["db", "backup", "/tmp/x.db"],
        ["test", "account", "in", "host=mine.example.org"], ["db", "upgrade"],
    )  # fmt: skip
    assert changed.code == 0
    for one in refused:
        assert (one.code, one.out, one.err.count("\n")) == (77, "", 1), one
        assert "is operator here and may not" in one.err or "only that user or root may do this" in one.err

    # The viewer looks.
    seen = machine.postroom("vera", *(["list", kind] for kind in ("account", "record", "outbox", "audit", "setting")))
    assert [one.code for one in seen] == [0] * 5
    for told in machine.all_refused(
        "vera", ["fetch", "in"], ["pause", "in"], ["deliver"], ["outbox", "hold", "--all"], ["list", "template"],
        ["record", "set", number, "state=new"], ["set", "queue", "Raw", "comment=x"],
    ):  # fmt: skip
        assert "is viewer here and may not" in told

    lines = [json.loads(line) for line in machine.ok("anna", "list", "audit", "--json").splitlines()]
    assert CANARY not in json.dumps(lines)
    host = os.uname().nodename
    short = {f"{full}@{host}": name for name, full in machine.users.names.items()}
    done = {(short[line["actor"]], line["verb"], line["kind"]) for line in lines}
    assert {
        ("anna", "add", "account"), ("anna", "test", "account"), ("otto", "fetch", "account"),
        ("otto", "pause", "account"), ("otto", "resume", "account"), ("otto", "change", "record"),
        ("svc", "change", "setting"),
    } <= done  # fmt: skip
    assert not {verb for name, verb, _ in done if name in {"vera", "eve", "nils"}}


def test_sqlite3_reads_no_secret_and_the_audit_log_holds_against_mistakes(machine: Machine) -> None:
    machine.ok("anna", "add", "account", "kept", "type=IMAPS", "host=h", "username=u", "--password-stdin", stdin=CANARY)

    sealed = machine.sqlite3("otto", "SELECT sealed FROM secret")
    assert sealed.returncode == 0
    assert CANARY not in sealed.stdout
    for statement in ("DELETE FROM audit", "UPDATE audit SET actor = 'nobody'"):
        assert "the audit log is only added to" in machine.sqlite3("otto", statement).stderr
    # Said in docs/security.md: on SQLite roles stop mistakes, not a member of the group who goes round them.
    assert machine.sqlite3("otto", "UPDATE queue SET comment = 'by hand' WHERE name = 'Junk'").returncode == 0


@pytest.mark.parametrize(("name", "offers"), [("anna", True), ("vera", False)])
def test_the_console_offers_what_the_user_may(machine: Machine, name: str, offers: bool) -> None:
    command = machine.users.python(
        name, "-m", "tui.cli", "--screen", "queues", **machine.variables, TERM="xterm-256color", XDG_CONFIG_HOME="/tmp"
    )
    seen = _in_terminal(command, until=(b"Postmaster", b" help"), keys=b"q")  # a row, and the end of the keys' line

    assert (b" new" in seen) == offers


def _in_terminal(command: list[str], *, until: tuple[bytes, ...], keys: bytes) -> bytes:
    master, slave = pty.openpty()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave) as process:
            seen, deadline = b"", time.monotonic() + waiting.PATIENCE
            while process.poll() is None:
                assert time.monotonic() < deadline, seen[-2000:]
                if select.select([master], [], [], 0.2)[0]:
                    seen += os.read(master, 65536)
                elif all(one in seen for one in until):
                    os.write(master, keys)  # all is drawn
            return seen
    finally:
        os.close(master)
        os.close(slave)
