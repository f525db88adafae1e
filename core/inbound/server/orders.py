"""What is ordered of a connection, carried out one after another by a thread that no process waits for at its end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

from core.errors import Misuse

P = ParamSpec("P")
T = TypeVar("T")

_Order = tuple[Future[Any], Callable[[], Any]]


class Orders:
    """A queue and its thread, which begins with the first order.

    No `ThreadPoolExecutor`: a process cannot end before all threads of those have, and this one may hang over a message
    for ever.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[_Order | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_finished = False

    def give(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a call made after those that were ordered before.

        Raises:
            Misuse: it was to be finished; nobody would ever make the call.
        """
        if self._is_finished:
            raise Misuse("Nothing more can be ordered of a connection that was ended or passed on.")
        ordered: Future[T] = Future()
        self._queue.put((ordered, lambda: call(*args, **kwargs)))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="fetch-connection", daemon=True)
            self._thread.start()
        return ordered

    def finish(self) -> None:
        """Nothing more is ordered: the thread ends once it has carried out what was."""
        self._is_finished = True
        self._queue.put(None)

    def cancel(self) -> None:
        """Let go of what is not begun."""
        while True:
            try:
                order = self._queue.get_nowait()
            except Empty:
                return
            if order is not None:
                order[0].cancel()

    def has_ended(self, seconds: float | None = None) -> bool:
        """Whether the thread has ended, waiting so long for it; none: until it has."""
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (order := self._queue.get()) is not None:
            ordered, call = order
            if ordered.set_running_or_notify_cancel():
                _carry_out(ordered, call)
            del order, ordered, call  # what came may be megabytes, and the next order may take long to come


def _carry_out(ordered: Future[Any], call: Callable[[], Any]) -> None:
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - raised again where it was ordered
        ordered.set_exception(error)
    else:
        ordered.set_result(result)
    finally:
        del ordered, call  # the error's traceback holds this frame, and would hold what came
