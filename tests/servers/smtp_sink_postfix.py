"""Postfix's smtp-sink: takes mail as fast as it comes, counts it and throws it away."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Self

from tui.demo.dovecot import greets
from tui.demo.ports import free_port

READY_WITHIN = 60.0


class PostfixSink:
    """A server for volume: no ledger, no TLS, no login. It announces PIPELINING."""

    def __init__(self, *options: str) -> None:
        self.host = "127.0.0.1"
        self.port = free_port(self.host)
        # As root it must be told as whom to run; as anybody else it may not be.
        user = ("-u", "nobody") if os.geteuid() == 0 else ()
        self._command = [_program(), "-c", *user, *options, f"inet:{self.host}:{self.port}", "128"]
        self._counters = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=self._counters)
        deadline = time.monotonic() + READY_WITHIN
        while not greets(self.host, self.port):
            assert self._process.poll() is None, "smtp-sink ended at once"
            assert time.monotonic() < deadline, "smtp-sink does not greet"
            time.sleep(0.01)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(10)
        self._counters.close()

    @property
    def messages(self) -> int:
        """How many final dots it has answered so far."""
        size = os.fstat(self._counters.fileno()).st_size
        tail = os.pread(self._counters.fileno(), 200, max(0, size - 200))
        counts = re.findall(rb"mesg=(\d+)", tail)
        return int(counts[-1]) if counts else 0


def _program() -> str:
    found = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    assert found is not None, "smtp-sink is not installed: apt-get install postfix"
    return found
