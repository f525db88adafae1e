"""Running the processes of one program: how long they took, how much memory they had."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.peers.peer import Command, Measured, Source

LOOK = 0.05
"""Seconds between two looks at the memory of all processes."""


def to_the_end(prepare: Callable[[Source, Path], Sequence[Command]]) -> Callable[[Source, Path], Measured]:
    """A round of whole processes: `prepare` writes the configuration and gives back what is run, all at once."""
    return lambda source, place: run(prepare(source, place))


def run(commands: Sequence[Command]) -> Measured:
    """Start all at once and wait for the last.

    Raises:
        SystemExit: one did not end well; the text is what it said.
    """
    os.sync()
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        processes = [
            subprocess.Popen(
                one.words, env=one.variables, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
            )
            for one in commands
        ]
        with watched_memory([one.pid for one in processes]) as memory:
            codes = [one.wait() for one in processes]
            seconds = time.perf_counter() - began
        for command, code in zip(commands, codes, strict=True):
            if code not in command.ends_with:
                said.seek(0)
                text = said.read()[-2000:].decode(errors="replace")
                raise SystemExit(f"{' '.join(command.words)} ended with {code}:\n{text}")
    return Measured(seconds, memory.most)


class Memory:
    """The most memory that some processes and their children had at once, in megabytes."""

    def __init__(self, pids: Sequence[int]) -> None:
        self.most = 0.0
        self._pids = pids

    def look(self) -> None:
        """Look once."""
        self.most = max(self.most, sum(peak_of(pid) for pid in self._family()))

    def _family(self) -> set[int]:
        found, todo = set[int](), list(self._pids)
        while todo:
            pid = todo.pop()
            found.add(pid)
            todo += children_of(pid)
        return found


@contextlib.contextmanager
def watched_memory(pids: Sequence[int]) -> Iterator[Memory]:
    """Look again and again at these processes and their children."""
    memory, is_over = Memory(pids), threading.Event()

    def watch() -> None:
        while not is_over.wait(LOOK):
            memory.look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        is_over.set()
        thread.join()


def peak_of(pid: int) -> float:
    """VmHWM of one process in megabytes; 0 if it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def children_of(pid: int) -> list[int]:
    """The processes that one has started."""
    found: list[int] = []
    with contextlib.suppress(OSError):  # it, or a thread of its, may end while it is looked at
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            found += map(int, path.read_text().split())
    return found
