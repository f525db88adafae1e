"""A mailbox's MIME script changes messages, within its limits; what goes wrong with it defers the message."""

import os
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest

from core.environment import read_environment
from core.errors import ScriptFailed
from core.gateway import open_gateway
from core.outbound.scripts.run import ScriptContext, customise
from core.outbound.sending.deliver import deliver_due
from core.services.doctor.examination import Level, examine
from tests.outbound.world import QUICK, add_mailbox, attempts, put, recipients, rows

RAW = (
    b"From: Anna <anna@example.org>\r\nTo: bob@example.net\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= \r\n"
    b"Message-ID: <1@example.org>\r\n\r\nHello. \r\n\r\n.\r\nBye.\r\n"
)
CONTEXT = ScriptContext("main", "bulk", ("bob@example.net",), 2, "<1@example.org>", datetime(2026, 1, 2, tzinfo=UTC))


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "scripts"
    place.mkdir(mode=0o755)
    return place


def run(folder, source, *, raw=RAW, seconds=10.0):
    (folder / "script.py").write_text(source)
    return customise(folder, "script.py", raw, CONTEXT, host="mail01", seconds=seconds)


def refused(folder, source, **options):
    with pytest.raises(ScriptFailed) as caught:
        run(folder, source, **options)
    text = str(caught.value)
    assert text.startswith(f"Script script.py on mail01 ({folder / 'script.py'}): ")
    return text.partition("): ")[2]


def test_a_message_changed_in_place_keeps_what_was_not_touched(folder):
    source = "def customize(message, context):\n    message['X-Lane'] = f'{context.lane} {context.attempt}'\n"

    changed = run(folder, source)

    assert changed == RAW.replace(b"\r\n\r\nHello", b"\r\nX-Lane: bulk 2\r\n\r\nHello")


def test_a_returned_message_is_sent_instead(folder):
    source = """
from email.message import EmailMessage
def customize(message, context):
    other = EmailMessage()
    other["Message-ID"] = context.message_id
    other["Subject"] = f"{message['Subject']} at {context.now:%Y}, via {context.mailbox}"
    other.set_content("To " + ", ".join(context.recipients))
    return other
"""
    changed = run(folder, source)

    subject = message_from_bytes(changed, policy=default)["Subject"]
    assert str(subject).split() == ["Grüße", "at", "2026,", "via", "main"]
    assert changed.endswith(b"\r\n\r\nTo bob@example.net\r\n")


def test_what_a_script_does_not_change_stays_byte_for_byte(folder):
    ugly = b"From: a@b.example\nX:\t \xff\xfe folded\n  here\nMessage-ID: <1@example.org>\n\nno \x00 line end"

    assert run(folder, "def customize(message, context): print(message)", raw=ugly) is ugly


def test_what_a_script_prints_does_not_get_into_the_message(folder):
    source = """
import os, sys
def customize(message, context):
    print("stdout"); print("stderr", file=sys.stderr); os.write(1, b"raw"); os.system("echo shell")
    message["X-Ran"] = "yes"
"""
    assert run(folder, source).count(b"X-Ran: yes\r\n") == 1


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("x = 1", "it has no function customize(message, context)."),
        ("def customize(message, context): return 'text'", "customize returned str"),
        ("def customize(message, context): raise ValueError('not today')", "ValueError: not today (line 1)"),
        ("def customize(message, context)", "SyntaxError: "),
        ("import nothing_of_that_name", "ModuleNotFoundError: "),
        ("def customize(message, context): exit(3)", "it called exit(3)."),
        ("import os\ndef customize(message, context): os._exit(0)", "its process ended with 0 and without an answer."),
        ("import ctypes\ndef customize(message, context): ctypes.string_at(0)", "its process was ended by signal 11."),
        ("def customize(message, context): x = [bytes(1 << 20) for _ in range(1000)]", "it needed more memory"),
        ("import os\ndef customize(message, context): os.fork()", "BlockingIOError"),
        ("def customize(message, context): open('/etc/passwd')", "PermissionError"),
        ("def customize(message, context): open('here', 'w')", "PermissionError"),
        ("import socket\ndef customize(m, c): socket.create_connection(('127.0.0.1', 25))", "PermissionError"),
        ("import socket\ndef customize(m, c): socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "PermissionError"),
        ("import socket\ndef customize(m, c): socket.socket(socket.AF_UNIX)", "PermissionError"),
        ("import socket\ndef customize(m, c): socket.socketpair()", "PermissionError"),
        (
            "import fcntl, os\ndef customize(m, c): fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, os.getppid())",
            "PermissionError",
        ),
        ("import fcntl, os\ndef customize(m, c): fcntl.fcntl(os.pipe()[0], 10, 9)", "PermissionError"),
        ("import os\ndef customize(m, c): os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)", "PermissionError"),
        ("import os\ndef customize(m, c): os.sched_setaffinity(os.getppid(), {0})", "PermissionError"),
        (
            "import os\nfrom resource import *\ndef customize(m, c): prlimit(os.getppid(), RLIMIT_NOFILE, (3, 3))",
            "PermissionError",
        ),
        ("def customize(m, c): m.set_content('x' * 10); m['X'] = 'a\\nb'", "ValueError: Header values may not contain"),
        ("def customize(message, context): del message['Message-ID']", "it changed the Message-ID"),
        (
            "import os\ndef customize(message, context): os.kill(os.getppid(), 0)",
            "PermissionError",
        ),
    ],
)
def test_what_a_script_does_wrong_is_told(folder, source, reason):
    assert refused(folder, source).startswith(reason)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[" * 200_000, "its answer makes no sense."),
        (b"9" * 20_000, "its answer makes no sense."),
        (b'{"is_changed": true, "size": 0, "names": 5}', "it changed the Message-ID"),
        (b'{"is_changed": true, "size": 0, "names": [1]}', "the header that it wrote is not what was meant."),
    ],
)
def test_a_script_that_answers_for_its_process_stops_nothing_but_its_message(folder, line, reason):
    # What is not told as the script's doing would end the pass, for every mailbox, at each try.
    source = f"""
import os
def customize(message, context):
    for descriptor in range(3, 9):
        try:
            os.write(descriptor, {line!r} + b"\\n")
        except OSError:
            pass
    os._exit(0)
"""
    assert refused(folder, source).startswith(reason)


@pytest.mark.parametrize(
    "deed",
    [
        "os.chmod(key, 0o666)",
        "os.chown(key, -1, os.getgid())",
        "os.utime(key, (1, 1))",
        "os.setxattr(key, 'user.mark', b'1')",
        "os.truncate(key, 0)",
    ],
)
def test_a_script_changes_nothing_of_files_that_it_cannot_open(folder, tmp_path, deed):
    """What is in a file Landlock keeps from it; that it is the service's user's, who may open the key to all, not."""
    key = tmp_path / "key"
    key.write_bytes(b"secret")
    key.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(key, 65534, 65534)  # whose the script's process becomes
    before = key.stat()

    assert refused(folder, f"import os\ndef customize(m, c):\n    key = {str(key)!r}\n    {deed}").startswith(
        "PermissionError: [Errno 1]"
    )

    after = key.stat()
    assert (after.st_mode, after.st_ctime_ns, after.st_size) == (before.st_mode, before.st_ctime_ns, before.st_size)


def test_a_script_that_loops_or_sleeps_is_ended(folder):
    source = "import time\ndef customize(message, context):\n    while True: time.sleep(1)"

    assert refused(folder, source, seconds=1) == "it took longer than 1 s and was ended."


def test_a_field_copied_from_another_message_cannot_become_two(folder):
    source = """
def customize(message, context):
    subject = message["Subject"]
    del message["Subject"]
    message["Subject"] = subject
"""
    raw = RAW.replace(b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=", b"=?utf-8?q?Hi=0D=0ABcc:_v@example.org?=")

    assert refused(folder, source, raw=raw)


def test_a_script_finds_no_secret(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("POSTROOM_SECRET", "canary")
    key = tmp_path / "key"
    key.write_text("canary")
    source = f"""
import os
def look(path):
    try:
        return open(path).read()
    except OSError:
        return ""
def customize(message, context):
    found = [str(dict(os.environ)), look({str(key)!r}), look(f"/proc/{{os.getppid()}}/environ"), str(os.listdir("/usr/lib"))]
    message["X-Found"] = "canary" if "canary" in "".join(found) else "nothing"
"""
    assert b"X-Found: nothing" in run(folder, source)


def test_a_script_that_others_can_write_is_not_run(folder):
    source = "def customize(message, context): pass"
    run(folder, source)
    (folder / "script.py").chmod(0o664)
    with pytest.raises(ScriptFailed, match=r"script\.py can be written by others than its owner\. Run: chmod go-w"):
        customise(folder, "script.py", RAW, CONTEXT, host="mail01")
    (folder / "script.py").chmod(0o644)
    folder.chmod(0o777)
    with pytest.raises(ScriptFailed, match=r"scripts can be written by others"):
        customise(folder, "script.py", RAW, CONTEXT, host="mail01")
    folder.chmod(0o755)
    folder.parent.chmod(0o770)
    with pytest.raises(ScriptFailed, match=r"can be written by others"):
        customise(folder, "script.py", RAW, CONTEXT, host="mail01")


def test_a_script_of_somebody_else_is_not_run(folder):
    if os.geteuid() != 0:
        pytest.fail("These tests run as root, which alone can give files away.")
    run(folder, "def customize(message, context): pass")
    os.chown(folder / "script.py", 12345, 0)
    with pytest.raises(ScriptFailed, match="belongs to user 12345"):
        customise(folder, "script.py", RAW, CONTEXT, host="mail01")


def test_a_link_is_no_script(folder, tmp_path):
    (folder / "script.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(ScriptFailed, match=r"script\.py"):
        customise(folder, "script.py", RAW, CONTEXT, host="mail01")


class TestSending:
    """Through the outbox, with a real relay."""

    @pytest.fixture
    def handles(self, environment):
        opened = open_gateway(environment)
        opened.environment.scripts.mkdir(mode=0o755)
        yield opened
        opened.close()

    def test_the_message_leaves_as_the_script_made_it_with_our_mark_and_no_bcc(self, handles, smtp_sink):
        source = "def customize(message, context):\n    message['Bcc'] = 'spy@example.org'\n    message['X-To'] = context.recipients[0]\n    del message['X-Postroom-Loop']\n"
        (handles.environment.scripts / "mark.py").write_text(source)
        add_mailbox(handles, "main", smtp_sink, mime_script="mark.py")
        put(handles)

        assert deliver_due(handles, timeouts=QUICK).sent == 1

        [delivered] = smtp_sink.deliveries
        assert delivered.recipients == ("bob@example.net",)
        header = delivered.raw.partition(b"\r\n\r\n")[0]
        assert b"X-To: bob@example.net\r\n" in header
        assert b"X-Postroom-Loop: " in header
        assert b"spy@" not in delivered.raw

    def test_a_worker_lost_while_a_script_runs_was_handing_nothing_over(self, handles, smtp_sink, monkeypatch):
        source = "def customize(message, context):\n    message['X-Attempt'] = str(context.attempt)\n"
        (handles.environment.scripts / "slow.py").write_text(source)
        add_mailbox(handles, "main", smtp_sink, mime_script="slow.py")
        put(handles, 6)
        marked = []

        def watched(*words, **options):
            changed = customise(*words, **options)
            marked.append(
                [row.message_id for row in rows(handles) if row.handing_over and words[3].message_id == row.message_id]
            )
            return changed

        monkeypatch.setattr("core.outbound.sending.script_step.customise", watched)
        taken = smtp_sink.keep

        def keep(delivered):
            # When it is handed over it is marked, and no more than one other with it.
            mine = [row.message_id for row in rows(handles) if row.handing_over]
            assert any(message_id.encode() in delivered.raw for message_id in mine)
            assert len(mine) <= 2
            taken(delivered)

        smtp_sink.keep = keep

        assert deliver_due(handles, timeouts=QUICK, couriers=1).sent == 6
        assert marked == [[]] * 6
        assert all(b"X-Attempt: 1\r\n" in delivered.raw for delivered in smtp_sink.deliveries)

    def test_doctor_says_who_else_can_write_a_script(self, handles, smtp_sink):
        add_mailbox(handles, "main", smtp_sink, mime_script="mark.py")
        script = handles.environment.scripts / "mark.py"
        script.write_text("")
        assert self.finding(handles) == (Level.OK, "1 in use")

        script.chmod(0o666)
        level, text = self.finding(handles)
        assert level is Level.ERROR
        assert text.endswith(f"mark.py can be written by others than its owner. Run: chmod go-w {script}")

    def finding(self, handles):
        [found] = [one for one in examine(handles.environment, lambda: handles) if one.check == "scripts"]
        return found.level, found.text

    def test_a_message_whose_script_fails_is_deferred_and_given_to_no_other_mailbox(self, handles, smtp_sink):
        second = add_mailbox(handles, "second", smtp_sink, active=False)
        add_mailbox(handles, "main", smtp_sink, mime_script="missing.py", failover=second)
        put(handles)

        summary = deliver_due(handles, timeouts=QUICK)

        assert (summary.deferred, summary.faults) == (1, {})
        assert smtp_sink.deliveries == []
        path = handles.environment.scripts / "missing.py"
        [row] = rows(handles)
        assert row.last_error == f"Script missing.py on {handles.host}: {path} is not there."
        assert recipients(handles)["bob@example.net"].state == "deferred"
        [attempt] = attempts(handles)
        assert (attempt.mailbox, attempt.phase, attempt.outcome) == ("main", "script", "deferred")


def test_the_scripts_folder_is_in_the_home_unless_said_otherwise():
    assert read_environment({"POSTROOM_HOME": "/srv/p"}).scripts.as_posix() == "/srv/p/scripts"
    named = {"POSTROOM_HOME": "/srv/p", "POSTROOM_SCRIPTS": "/etc/postroom/scripts"}
    assert read_environment(named).scripts.as_posix() == "/etc/postroom/scripts"
