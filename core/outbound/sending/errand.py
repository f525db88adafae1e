"""What a courier cannot do without waiting itself: opening a connection, running a script, asking the database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import Generic, TypeVar

T = TypeVar("T")


class Errand(Generic[T]):
    """Runs in a thread of its own; whoever gave it goes on when it is done."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._results: list[T] = []
        self._error: BaseException | None = None
        self.is_done = False
        """Whether it has come to its result, or to an error."""

    def start(self, when_done: Callable[[], None]) -> None:
        """Begin; `when_done` is called in the errand's own thread."""
        threading.Thread(target=self._run, args=(when_done,), name="errand", daemon=True).start()

    def result(self) -> T:
        """What it came to; raises what went wrong."""
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _run(self, when_done: Callable[[], None]) -> None:
        try:
            self._results.append(self._call())
        except BaseException as error:  # noqa: BLE001 - raised again where the errand was given
            self._error = error
        self.is_done = True
        when_done()


def aside(call: Callable[[], T]) -> Generator[Errand[T], None, T]:
    """The result of a call that waits, while others go on: `yield from aside(…)`."""
    errand = Errand(call)
    yield errand
    return errand.result()
