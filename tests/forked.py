"""Processes that need not import everything anew: forked from one that has.

A first import of all that a command or a worker needs takes most of a second; hundreds of them would take minutes.
"""

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.preloaded"])


class Forked:
    """A process that runs one function; `variables` are added to its environment. What it writes to stderr is kept."""

    def __init__(self, work: Callable[..., None], *arguments: Any, variables: Mapping[str, str] | None = None) -> None:
        descriptor, name = tempfile.mkstemp(prefix="complaints-")
        os.close(descriptor)
        self._complaints = Path(name)
        self._process = CONTEXT.Process(target=_child, args=(work, arguments, dict(variables or {}), name))
        self._process.start()

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self._process.exitcode is not None

    def kill(self) -> None:
        """End it at once, as nothing can prevent."""
        self._process.kill()

    def ended(self, within: float) -> tuple[int, str]:
        """Its exit code, negative for the signal that ended it, and what it complained of; killed if it takes longer.

        Raises:
            TimeoutError: it had to be killed.
        """
        self._process.join(within)
        is_late = not self.has_ended
        if is_late:
            self.kill()
            self._process.join()
        code, said = self._process.exitcode, self._complaints.read_text(errors="replace")
        self._process.close()
        self._complaints.unlink()
        if is_late:
            raise TimeoutError(f"it took over {within} s: {said}")
        assert code is not None
        return code, said


def _child(work: Callable[..., None], arguments: tuple[Any, ...], variables: dict[str, str], complaints: str) -> None:
    descriptor = os.open(complaints, os.O_WRONLY)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    os.environ.update(variables)
    work(*arguments)
