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
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder) / name for name in ("stdin", "stdout", "stderr")]
        streams[0].write_bytes(stdin)
        process = CONTEXT.Process(target=_child, args=(list(words), dict(variables), *map(str, streams)))
        process.start()
        process.join(within)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"{words} took over {within} s: {streams[2].read_text()}")
        code = process.exitcode
        process.close()
        return code, streams[1].read_bytes(), streams[2].read_bytes()


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
