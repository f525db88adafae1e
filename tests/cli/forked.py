"""Commands in processes of their own, forked from one that has imported everything."""

import os
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.forked import CONTEXT


def run(words: Sequence[str], variables: Mapping[str, str], stdin: bytes, within: float) -> tuple[int, bytes, bytes]:
    """Run one command to its end: exit code, stdout, stderr."""
    return Started(words, variables, stdin).ended(within)


class Started:
    """One command that runs; several may at once, begun and ended by one thread.

    Whoever starts a process looks which others have ended, and would take the exit code from another thread that waits.
    """

    def __init__(self, words: Sequence[str], variables: Mapping[str, str], stdin: bytes = b"") -> None:
        self._words = words
        self._folder = tempfile.TemporaryDirectory()
        self._streams = [Path(self._folder.name) / name for name in ("stdin", "stdout", "stderr")]
        self._streams[0].write_bytes(stdin)
        self._process = CONTEXT.Process(target=_child, args=(list(words), dict(variables), *map(str, self._streams)))
        self._process.start()

    def ended(self, within: float) -> tuple[int, bytes, bytes]:
        """Exit code, stdout, stderr, once it has come to its end."""
        with self._folder:
            self._process.join(within)
            if self._process.exitcode is None:
                self._process.kill()
                self._process.join()
                raise TimeoutError(f"{self._words} took over {within} s: {self._streams[2].read_text()}")
            code = self._process.exitcode
            self._process.close()
            return code, self._streams[1].read_bytes(), self._streams[2].read_bytes()


def _child(words: list[str], variables: dict[str, str], stdin: str, stdout: str, stderr: str) -> None:
    os.environ.clear()
    os.environ.update(variables)
    for number, (name, flags) in enumerate(
        [(stdin, os.O_RDONLY), (stdout, os.O_WRONLY | os.O_CREAT), (stderr, os.O_WRONLY | os.O_CREAT)]
    ):
        descriptor = os.open(name, flags, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
    warnings.simplefilter("error")
    from tui.cli.__main__ import main

    code = main(words)
    sys.stdout.flush()
    sys.exit(code)
