"""Offering to a command: a process of its own, no shell, a time limit, bounded output."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import signal
import subprocess
import tempfile
import threading
from typing import IO

from core.handoff.receiver import SECONDS, TAKEN, Reception, out_of_reach, refused
from core.text import bounded, clean

KEPT_OUTPUT = 4096
"""Bytes kept of what a command says; the rest is read and thrown away."""

_SHOWN = 300
_LAST_WORDS = 1.0
"""Seconds for what a command has said and we have not read, once it is gone."""
_LOOK = 0.1
"""Seconds between two looks whether it is over, while it says nothing."""
_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def offer_by_command(command: str, document: bytes, *, seconds: float = SECONDS) -> Reception:
    """Run a command with the document on its input; taken when it ends with 0."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        return out_of_reach(f"The command cannot be read: {error}.")
    with tempfile.TemporaryFile() as document_file:
        # A file, not a pipe: a command that reads nothing, or slowly, blocks nobody.
        document_file.write(document)
        document_file.seek(0)
        try:
            process = _started(words, document_file)
        except (OSError, ValueError, IndexError) as error:
            why = getattr(error, "strerror", None) or error
            return out_of_reach(f"The command {bounded(command, 100)!r} cannot be started: {why}.")
        return _ended(process, seconds)


def _started(words: list[str], document: IO[bytes]) -> subprocess.Popen[bytes]:
    # Neither our secrets nor our database are in reach through the environment.
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return subprocess.Popen(
        words,
        stdin=document,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env={"PATH": _DEFAULT_PATH, **environment},
        start_new_session=True,
        close_fds=True,
    )


def _ended(process: subprocess.Popen[bytes], seconds: float) -> Reception:
    output = _Output(process.stdout)
    code: int | None = None
    with contextlib.suppress(subprocess.TimeoutExpired):
        code = process.wait(seconds)
    # All that it started goes with it, also after a good end: nothing is left that holds our pipe.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    said = output.close()
    if code is None:
        return out_of_reach(f"The command took longer than {seconds:g} s and was ended.{said}")
    if code == 0:
        return TAKEN
    how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
    return refused(f"The command {how}.{said}")


class _Output:
    """Reads what a command says, so that it never waits for us, and keeps the beginning."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        assert pipe is not None
        self._pipe = pipe
        self._kept = b""
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._read, name="handoff-output", daemon=True)
        self._thread.start()

    def close(self) -> str:
        """The process is gone: the beginning of what it said, for people, with a space before it."""
        self._thread.join(timeout=_LAST_WORDS)
        # What left its group has our pipe still, perhaps for ever: each time a thread and a file would stay.
        self._is_over.set()
        self._thread.join()
        self._pipe.close()
        text = clean(self._kept.decode("utf-8", "replace")).strip()
        return f" It said: {bounded(text, _SHOWN)}" if text else ""

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        with contextlib.suppress(OSError):
            while not self._is_over.is_set():
                if not poll.poll(_LOOK * 1000):
                    continue
                part = os.read(self._pipe.fileno(), 65536)
                if not part:
                    break
                self._kept += part[: KEPT_OUTPUT - len(self._kept)]
