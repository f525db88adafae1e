"""Offering to a command: no shell, a limit of time and output, nothing of ours in its reach."""

import json
import os
import shlex
import signal
import sys
import threading
from pathlib import Path

import pytest

from core.handoff.by_command import offer_by_command
from tests.waiting import is_running, until

DOCUMENT = json.dumps({"record": {"number": "1"}}).encode()


def script(folder: Path, text: str) -> str:
    file = folder / "take it.py"
    file.write_text(text)
    return f"{sys.executable} '{file}'"


def test_a_command_is_given_the_document_on_its_input(tmp_path: Path) -> None:
    taken = offer_by_command(
        script(tmp_path, f"import sys; open({str(tmp_path / 'got')!r}, 'wb').write(sys.stdin.buffer.read())"), DOCUMENT
    )
    assert taken.is_taken
    assert (tmp_path / "got").read_bytes() == DOCUMENT


def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    assert offer_by_command(f"/bin/echo x > {tmp_path / 'made'}; touch $HOME/made `id`", DOCUMENT).is_taken
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_fails_says_why_in_clean_bounded_words(tmp_path: Path) -> None:
    text = "import sys; print('no \\x1b[31m room', 'x' * 10_000_000); sys.exit(3)"
    refused = offer_by_command(script(tmp_path, text), DOCUMENT)

    assert not refused.is_taken
    assert not refused.is_out_of_reach
    assert refused.text.startswith("The command ended with 3. It said: no \ufffd[31m room xxx")
    assert len(refused.text) < 400


def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    # A shell, which is at it at once, however busy the machine is.
    (tmp_path / "hangs").write_text(f"trap '' TERM\nsleep 60 &\necho $! > {shlex.quote(str(tmp_path / 'pid'))}\nwait\n")
    refused = offer_by_command(f"/bin/sh {shlex.quote(str(tmp_path / 'hangs'))}", DOCUMENT, seconds=1.0)

    assert refused.is_out_of_reach
    assert "longer than 1 s" in refused.text
    started = int((tmp_path / "pid").read_text())
    until(lambda: not is_running(started))


def test_a_command_that_leaves_a_program_behind_leaves_us_no_thread_and_no_file(tmp_path: Path) -> None:
    """What has left its group is not ended with it, and holds what it would have spoken to."""
    left = tmp_path / "left"
    program = f"echo $$ > {left}.part; mv {left}.part {left}; echo begun; exec sleep 600"
    begin = f"import subprocess; subprocess.Popen(['setsid', 'sh', '-c', {program!r}])"
    wait = f"import os\nwhile not os.path.exists({str(left)!r}): pass"
    before = len(list(Path("/proc/self/fd").iterdir()))
    try:
        assert offer_by_command(script(tmp_path, f"{begin}\n{wait}\n"), DOCUMENT).is_taken
        assert "handoff-output" not in {thread.name for thread in threading.enumerate()}
        assert len(list(Path("/proc/self/fd").iterdir())) == before
        assert is_running(int(left.read_text()))
    finally:
        os.kill(int(left.read_text()), signal.SIGKILL)


def test_a_command_that_reads_nothing_may_still_take_it() -> None:
    assert offer_by_command("/bin/true", DOCUMENT * 100_000).is_taken


def test_our_secrets_are_not_in_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTROOM_DATABASE_URL", "postgresql://u:secret@h/d")
    monkeypatch.setenv("SUPPORT_PASSWORD", "secret")
    refused = offer_by_command("/bin/sh -c '/usr/bin/env; exit 1'", DOCUMENT)
    assert "PATH=" in refused.text
    assert "secret" not in refused.text


@pytest.mark.parametrize("command", ["/no/such/program", "", "/etc/passwd", "'unbalanced", "/bin/tr\x00ue"])
def test_what_cannot_be_started_is_out_of_reach(command: str) -> None:
    refused = offer_by_command(command, DOCUMENT)
    assert refused.is_out_of_reach
    assert refused.text
