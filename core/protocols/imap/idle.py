"""IDLE (RFC 2177): a connection that waits for new mail, for one selector that watches many; it never blocks.

What it hears is a hint, never trusted: a line that is dead is silent. So it is renewed within ten minutes, the answer
to that has a deadline, and accounts are polled all the same.
"""

from __future__ import annotations

import contextlib
import random
import re
from enum import StrEnum
from typing import Never

from core.clock import monotonic
from core.errors import ConnectionLost, DeadlineExceeded, NotOffered, Throttled, WireError
from core.protocols.refusals import farewell, refusal, words
from core.protocols.wire import Wire

RENEW_AFTER = 570.0
"""Seconds after which IDLE is renewed at the latest; servers end it after thirty minutes, middleboxes sooner."""

ANSWER_WITHIN = 30.0
"""Seconds for the answer to IDLE or DONE; longer, and the line is dead."""

_SPREAD = 0.15
"""A thousand lines that began together are renewed one after the other: each this much earlier, by lot."""

_SEND_WITHIN = 2.0
"""A few bytes in ten minutes always fit into the system's buffer; were it full, the line would be dead."""

_MOST_HEARD = 4 * 1024 * 1024
"""Bytes between two renewals."""

_SHORTEST = 5.0
"""Seconds that IDLE must last: a server that ends it at once would have us begin it for ever."""

_CHANGE = re.compile(rb"\* (\d{1,10}) (EXISTS|RECENT|EXPUNGE)\b", re.IGNORECASE)


class IdlePhase(StrEnum):
    """What an idling connection waits for."""

    ENTERING = "entering"
    """For the server's `+`."""
    WAITING = "waiting"
    """For the folder to change, or the time to renew."""
    LEAVING = "leaving"
    """For the OK after DONE."""


class Idling:
    """A connection in IDLE on a folder that was opened for reading.

    The owner calls `hear` when there is something to read, and `act` when `acts_at` has come. After any error it is
    closed.
    """

    def __init__(self, wire: Wire, exists: int) -> None:
        """`exists` is how many messages the folder had when it was opened."""
        self.phase = IdlePhase.ENTERING
        """What it waits for."""
        self.acts_at = 0.0
        """When `act` is to be called, by `clock.monotonic`."""
        self._wire = wire
        self._exists, self._recent = exists, 0
        self._count = 0
        self._begun_at = 0.0
        self._enter()

    def fileno(self) -> int:
        """For the selector."""
        return self._wire.fileno()

    def hear(self) -> bool:
        """Take in what the server has said; whether there is new mail.

        Raises:
            WireError: the connection is over.
        """
        has_news = False
        for line in self._wire.lines_at_hand():
            has_news = self._understood(line) or has_news
        return has_news

    def act(self) -> None:
        """The time has come: renew, or give up a line on which no answer came.

        Raises:
            WireError: the connection is over.
        """
        if self.phase is not IdlePhase.WAITING:
            self.drop()
            raise DeadlineExceeded("The server does not answer in IDLE: the line is dead.", **self._where())
        self._say(b"DONE")
        self._await(IdlePhase.LEAVING)

    def leave(self) -> None:
        """Say goodbye and close, without waiting for the answer."""
        with contextlib.suppress(WireError):
            if self.phase is not IdlePhase.LEAVING:
                self._say(b"DONE")
            self._say(b"I0 LOGOUT")
        self.drop()

    def drop(self) -> None:
        """Close the connection without a word."""
        self._wire.close()

    def _enter(self) -> None:
        self._count += 1
        self._wire.begin("idle", _SEND_WITHIN, _MOST_HEARD)
        self._say(self._tag + b" IDLE")
        self._begun_at = monotonic()
        self._await(IdlePhase.ENTERING)

    def _say(self, line: bytes) -> None:
        self._wire.begin("idle", _SEND_WITHIN, _MOST_HEARD)
        self._wire.send(line + b"\r\n")

    def _await(self, phase: IdlePhase) -> None:
        self.phase = phase
        self.acts_at = monotonic() + ANSWER_WITHIN

    @property
    def _tag(self) -> bytes:
        return b"I%d" % self._count

    def _understood(self, line: bytes) -> bool:
        if line.startswith(b"* "):
            return self._changed(line)
        if line.startswith(b"+") and self.phase is IdlePhase.ENTERING:
            self.phase = IdlePhase.WAITING
            self.acts_at = monotonic() + RENEW_AFTER * random.uniform(1 - _SPREAD, 1)  # noqa: S311 - spreads load
        elif line.startswith(self._tag + b" "):
            self._ended(line[len(self._tag) + 1 :])
        else:
            self._wire.violation("The server's answer is no IMAP at this point.", reply=words(line))
        return False

    def _changed(self, line: bytes) -> bool:
        if line[2:6].upper() == b"BYE ":
            self.drop()
            raise farewell(words(line[6:]), **self._where())
        found = _CHANGE.match(line)
        if found is None:
            return False
        number, what = int(found[1]), found[2].upper()
        if what == b"EXPUNGE":
            self._exists = max(0, self._exists - 1)
            return False
        if what == b"RECENT":
            is_more, self._recent = number > self._recent, number
        else:
            is_more, self._exists = number > self._exists, number
        return is_more

    def _ended(self, text: bytes) -> None:
        if text[:2].upper() != b"OK":
            self._refused(words(text.partition(b" ")[2]))
        if self.phase is not IdlePhase.LEAVING and monotonic() - self._begun_at < _SHORTEST:
            self.drop()
            raise ConnectionLost("The server ends IDLE by itself.", **self._where())
        self._enter()

    def _refused(self, reply: str) -> Never:
        self.drop()
        failure = refusal(reply, **self._where())
        if isinstance(failure, Throttled) or self.phase is not IdlePhase.ENTERING:
            raise failure
        raise NotOffered(f"The server refuses IDLE: {reply}", **self._where())

    def _where(self) -> dict[str, str]:
        return {"host": self._wire.place, "phase": "idle"}
