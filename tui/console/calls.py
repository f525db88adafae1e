"""Asking the services from a screen: in a thread, never on the event loop's, the newest question of a lane winning."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from textual.message import Message
from textual.message_pump import MessagePump

from core.errors import PostroomError
from tui.console.fault_log import fault

T = TypeVar("T")


@dataclass(frozen=True)
class _Call:
    work: Callable[[], Any]
    then: Callable[[Any], None]
    otherwise: Callable[[PostroomError], None]


class Answered(Message, bubble=False):
    """A question was answered; `deliver` hands the answer to the one who asked."""

    def __init__(self, calls: Calls, lane: str, call: _Call, value: Any, error: PostroomError | None) -> None:
        super().__init__()
        self._calls, self._lane, self._call = calls, lane, call
        self._value, self._error = value, error

    def deliver(self) -> None:
        """Give the answer, unless a newer question stands; then ask that one."""
        if not self._calls.finished(self._lane):
            return
        if self._error is not None:
            self._call.otherwise(self._error)
        else:
            self._call.then(self._value)


class Calls:
    """The questions of one screen. A lane has one at a time: what comes meanwhile waits, and only the newest of it."""

    def __init__(self, owner: MessagePump, complain: Callable[[PostroomError], None]) -> None:
        self._owner = owner
        self._complain = complain
        self._waiting: dict[str, _Call | None] = {}
        self._since: dict[str, float] = {}
        self._unnamed = 0

    @property
    def is_busy(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._waiting)

    def is_asked(self, lane: str) -> bool:
        """Whether an answer in that lane is still to come."""
        return lane in self._waiting

    @property
    def waited(self) -> float:
        """For how many seconds the oldest of the questions has been waiting for its answer; 0 when none does."""
        return time.monotonic() - min(self._since.values()) if self._since else 0.0

    def ask(
        self,
        work: Callable[[], T],
        then: Callable[[T], None],
        *,
        lane: str = "",
        otherwise: Callable[[PostroomError], None] | None = None,
    ) -> None:
        """Do `work` in a thread and hand what it gives to `then`, here; in no lane it is never dropped."""
        call = _Call(work, then, otherwise or self._complain)
        if not lane:
            self._unnamed += 1
            lane = f"#{self._unnamed}"
        if lane in self._waiting:
            self._waiting[lane] = call
            return
        self._start(lane, call)

    def finished(self, lane: str) -> bool:
        """Note that a lane's question was answered; whether the answer still counts."""
        newer = self._waiting.pop(lane, None)
        self._since.pop(lane, None)
        if newer is not None:
            self._start(lane, newer)
        return newer is None

    def _start(self, lane: str, call: _Call) -> None:
        self._waiting[lane] = None
        self._since[lane] = time.monotonic()
        # A daemon thread, not the loop's executor: leaving never waits for a server or a locked database.
        threading.Thread(target=self._run, args=(lane, call), name=f"console-{lane}", daemon=True).start()

    def _run(self, lane: str, call: _Call) -> None:
        value: Any = None
        error: PostroomError | None = None
        try:
            value = call.work()
        except PostroomError as complaint:
            error = complaint
        except Exception as broken:  # noqa: BLE001 - the console goes on; the log and the screen say what broke
            error = fault(lane, broken)
        self._owner.post_message(Answered(self, lane, call, value, error))
