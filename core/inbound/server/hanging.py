"""A message over which judging hangs: a package's record type that waits or turns in a circle for ever.

A thread cannot be ended from outside. But the run can: as if its worker had died, so that the next one takes what was
in hand one message at a time, in a process of its own that has a minute for each.
"""

from __future__ import annotations

import sys
import threading
import traceback
from types import TracebackType

from core import clock

LONGEST = 300.0
"""Seconds for one message. Usually it takes milliseconds, beside others on a busy machine seconds."""

LONGEST_AT_END = 10.0
"""Where the run is to end anyway."""


class JudgingHangs(Exception):
    """A message is being judged for longer than any may take; the thread that does it is left behind."""


class JudgingWatch:
    """Knows since when which thread has been judging a message. Entered by that one, looked at by the run's."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._thread = 0

    def __enter__(self) -> None:
        self._thread = threading.get_ident()
        self._since = clock.monotonic()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._since = None

    def is_judging(self, *, at_end: bool) -> bool:
        """Whether a message is in hand, which is to be waited for.

        Raises:
            JudgingHangs: it takes too long; where its thread stands is told.
        """
        since, longest = self._since, LONGEST_AT_END if at_end else LONGEST
        if since is None:
            return False
        frame = sys._current_frames().get(self._thread)
        if clock.monotonic() - since > longest and frame is not None:
            at = traceback.extract_stack(frame)[-1]
            raise JudgingHangs(
                f"a message took longer than {longest:.0f} s: {at.filename}, line {at.lineno}, {at.name}"
            )
        return True
