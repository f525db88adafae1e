"""A worker's lines as the journal wants them: with their priority, where they lead there."""

import logging
import os
import socket
import sys

import pytest

from tests.cli.conftest import Shell
from tests.waiting import PATIENCE
from tui.cli.told.worker_log import SafeFormatter


@pytest.mark.parametrize("leads_to_journal", [True, False])
def test_lines_that_lead_to_the_journal_have_their_priority(postroom: Shell, leads_to_journal: bool) -> None:
    postroom.ok("init")
    # Nobody may listen at the port: the listener complains, in a warning.
    with socket.create_server(("127.0.0.1", 0)) as taken:
        postroom.ok("set", "setting", "listener.enabled=true", f"listener.port={taken.getsockname()[1]}")
        reader, writer = os.pipe()
        facts = os.fstat(writer)
        inode = facts.st_ino if leads_to_journal else facts.st_ino + 1
        postroom.variables["JOURNAL_STREAM"] = f"{facts.st_dev}:{inode}"
        process = postroom.start("--worker", "--only", "send", stderr=writer)
        os.close(writer)
        with os.fdopen(reader) as said:
            line = said.readline()
            process.terminate()
            said.read()
        process.communicate(timeout=PATIENCE)

    assert line.startswith("<4>WARNING postroom." if leads_to_journal else "WARNING postroom.")


def test_what_others_say_is_no_line_of_its_own_and_commands_no_terminal() -> None:
    try:
        raise ValueError("\x1b]0;x\x07")
    except ValueError:
        record = logging.LogRecord("postroom.x", logging.INFO, __file__, 1, "%s", ("a\nINFO b\x9b31m",), sys.exc_info())

    first, *traceback = SafeFormatter("%(levelname)s %(message)s").format(record).split("\n")

    assert first == "INFO a␊INFO b\ufffd31m"
    assert traceback[-1] == "ValueError: ␛]0;x␇"
