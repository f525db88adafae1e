"""What came in and is past its retention is removed: a little at a time, beside the mail that comes in."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from core import clock
from core.db.bulk import insert_rows
from core.handles import Handles
from core.inbound import record_retention, retention
from core.inbound.retention import Removed
from core.models import Audit
from core.settings import RetentionSettings, write_duration
from core.text import counted

LONGEST = 20.0
"""Seconds of a sweep for each kind; what is left is for the next one."""

REST = 3.0
"""After each transaction it rests for so many times as long as that took: three quarters of the writing are others'."""

_log = logging.getLogger("postroom.retention")


@dataclass(frozen=True)
class Retention:
    """One sweep over what came in."""

    handles: Handles
    now: datetime
    stop: threading.Event

    def keep_to(self, kept: RetentionSettings) -> None:
        """Remove what these settings let go."""
        if before := since(self.now, kept.quarantine):
            self._quarantine(before, write_duration(kept.quarantine))
        if before := since(self.now, kept.records):
            self._records(before, write_duration(kept.records))
        if before := since(self.now, kept.raw):
            self._bytes(before, write_duration(kept.raw))

    def _bytes(self, before: datetime, kept: str) -> None:
        with self.handles.database.reading() as session:
            upto = retention.bytes_over(session, before)
        if upto is None:
            return
        count, size = self._emptied(lambda session: retention.forget_bytes(session, before, upto))
        self._tell(
            count,
            f"the bytes of {counted(count, 'message')} ({size / 1e6:,.1f} MB), here for over {kept} (retention.raw)",
        )

    def _quarantine(self, before: datetime, kept: str) -> None:
        with self.handles.database.reading() as session:
            if not retention.is_quarantine_over(session, before):
                return
        why = f"nobody took it out of quarantine for {kept}; its bytes were removed"

        def forget(session: Session) -> Removed:
            removed = retention.forget_quarantined(session, before, why)
            self._note(session, "quarantine", removed, "retention.quarantine", kept)
            return removed

        count, _ = self._emptied(forget)
        self._tell(
            count, f"{counted(count, 'message')} that nobody took out of quarantine for {kept} (retention.quarantine)"
        )

    def _records(self, before: datetime, kept: str) -> None:
        with self.handles.database.reading() as session:
            upto = record_retention.records_over(session, before)
        if upto is None:
            return
        why = f"its record was removed {kept} after the last change"

        def forget(session: Session) -> Removed:
            removed = record_retention.forget_records(session, before, upto, why)
            self._note(session, "record", removed, "retention.records", kept)
            return removed

        count, _ = self._emptied(forget)
        self._tell(
            count,
            f"{counted(count, 'record')} on which nothing happened for {kept}, messages and all (retention.records)",
        )

    def _emptied(self, remove: Callable[[Session], Removed]) -> tuple[int, int]:
        """Transaction after transaction; gives how many things and bytes went."""
        count = size = 0
        ends = clock.monotonic() + LONGEST
        while clock.monotonic() < ends:
            began = clock.monotonic()
            removed = self.handles.database.writing(remove, load=1.0)
            count, size = count + len(removed.names), size + removed.bytes
            if not removed.names or self.stop.wait(REST * (clock.monotonic() - began)):
                break
        return count, size

    def _note(self, session: Session, kind: str, removed: Removed, setting: str, kept: str) -> None:
        line = {"at": self.now, "actor": f"worker@{self.handles.host}", "verb": "remove", "kind": kind}
        insert_rows(session, Audit, [{**line, "name": str(name), "after": {setting: kept}} for name in removed.names])

    def _tell(self, count: int, what: str) -> None:
        if count:
            _log.info("removed %s", what)
            self.handles.changes.moved("message", "quarantine", "record", "audit")


def since(now: datetime, kept: timedelta) -> datetime | None:
    """What is older than this is over; `None`: it is kept for ever, or for longer than there are dates."""
    try:
        return now - kept if kept else None
    except OverflowError:
        return None
