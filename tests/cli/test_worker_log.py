"""A worker's lines as the journal wants them: with their priority, where they lead there."""

import os
import socket

import pytest

from tests.cli.conftest import Shell
from tests.waiting import PATIENCE


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
