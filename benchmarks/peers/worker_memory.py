"""How much memory a worker has at most while it takes in a full mailbox."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from benchmarks.peers.peer import Source
from benchmarks.peers.postroom import command, configure, taken_in
from benchmarks.peers.running import peak_of, watched_memory
from benchmarks.peers.workers import working

PATIENCE = 600.0
"""Seconds until it is given up."""


def measure(source: Source, folder: Path) -> str:
    """One worker, all of the mailbox: the peak of the process alone, and of it with its children."""
    place = folder / "worker"
    place.mkdir()
    configure(place, source)
    worker = command(place, "--worker", "--only", "fetch")
    with working([worker]) as (process,), watched_memory([process.pid]) as memory:
        began, alone = time.monotonic(), 0.0
        while taken_in(place) < source.messages:
            if process.poll() is not None or time.monotonic() - began > PATIENCE:
                raise SystemExit("the worker ended, or took too long")
            alone = peak_of(process.pid)
            time.sleep(0.25)
        alone = max(alone, peak_of(process.pid))
    shutil.rmtree(place)
    return (
        f"== a worker that takes in {source.messages:,} messages: {alone:.0f} MB at most (VmHWM), "
        f"{memory.most:.0f} MB with its children"
    )
