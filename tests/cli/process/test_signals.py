"""A signal that the system tells another thread than the main one, which waits just then: it is heard all the same.

So it is, too, when it comes in the very moment in which the main thread begins to wait.
"""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.cli.furnished import hesitant_account, hesitant_relay
from tests.fakes.service_manager import Ear
from tests.servers.smtp import RuledSink
from tests.waiting import PATIENCE, until


def threads_of(process: "subprocess.Popen[bytes]") -> set[int]:
    return {int(path.name) for path in Path(f"/proc/{process.pid}/task").iterdir()} - {process.pid}


def is_heard(process: "subprocess.Popen[bytes]", number: signal.Signals) -> bool:
    """Whether a signal that came was acted on: it is the system's own again."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return not int(caught, 16) >> (number - 1) & 1


def stop_another_thread(process: "subprocess.Popen[bytes]") -> None:
    for thread in sorted(threads_of(process)):
        with suppress(ProcessLookupError):  # some come and go
            os.kill(thread, signal.SIGTERM)
            return
    raise AssertionError("there is none")


def stop_unheard(process: "subprocess.Popen[bytes]") -> None:
    stop_another_thread(process)
    until(lambda: is_heard(process, signal.SIGTERM))


def test_a_worker_hears_it(postroom: Shell, tmp_path: Path) -> None:
    postroom.ok("init")
    ear = Ear(str(tmp_path / "notify"))
    postroom.variables |= {"NOTIFY_SOCKET": ear.address}
    process = postroom.start("--worker")
    ear.hear_until("READY=1")
    stop_another_thread(process)
    process.communicate(timeout=PATIENCE)
    ear.close()

    assert process.returncode == 0


@pytest.mark.parametrize(("words", "code"), [(("fetch",), 143), (("--worker", "--once", "--only", "fetch"), 0)])
def test_a_fetch_hears_it_and_leaves_the_rest(postroom: Shell, words: tuple[str, ...], code: int) -> None:
    with hesitant_account(postroom) as server:
        process = postroom.start(*words)
        assert server.is_asked.wait(PATIENCE)
        stop_unheard(process)
        server.may_go_on.set()
        _, said = process.communicate(timeout=PATIENCE)

    assert (process.returncode, b"Traceback" in said) == (code, False), said
    assert len(server.mails) > 0


def test_delivering_hears_it_and_leaves_the_rest(
    postroom: Shell, smtp_sink: RuledSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = hesitant_relay(postroom, smtp_sink, monkeypatch)
    process = postroom.start("deliver")
    assert relay.is_asked.wait(PATIENCE)
    stop_unheard(process)
    relay.may_go_on.set()
    _, said = process.communicate(timeout=PATIENCE)

    assert (process.returncode, b"Traceback" in said) == (143, False), said
    states = [row["state"] for row in postroom.ok("list", "outbox", "--json").rows]
    assert 0 < states.count("sent") < 30
    assert states.count("queued") == 30 - states.count("sent")
