"""Why a run is to end early: a person or a signal wants it, or the disk is nearly full. Asked between its batches."""

from __future__ import annotations

import threading

from sqlalchemy import select

from core import clock
from core.db.bulk import table_of
from core.errors import PostroomError, Stopped, StoreFull
from core.handles import Handles
from core.inbound.disk_guard import shortage
from core.inbound.due import Claimed
from core.models import Account, AccountStatus

LOOK_EVERY = 0.5
"""Seconds between two looks into the database and at the disk."""

PATIENCE = 5.0
"""Seconds from then on for the batch that is being read, what is being removed, and a goodbye; then it hangs up."""


_account, _status = table_of(Account), table_of(AccountStatus)


class Halting:
    """Says of one run whether it is to end after the batch in hand."""

    def __init__(self, handles: Handles, claimed: Claimed, stop: threading.Event) -> None:
        self._handles = handles
        self._claimed = claimed
        self._stop = stop
        self._looked = clock.Deadline(LOOK_EVERY)
        self._reason: PostroomError | None = None
        self._patience: clock.Deadline | None = None

    def is_wanted(self) -> bool:
        """Whether to end now; once it is, it stays so."""
        if self._reason is None:
            self._reason = self._found()
        return self._reason is not None

    def is_impatient(self) -> bool:
        """Whether the server, too, is waited for no longer: megabytes may be on their way over a slow line."""
        if self._patience is None and self.is_wanted():
            self._patience = clock.Deadline(PATIENCE)
        return self._patience is not None and self._patience.is_over()

    def raise_if_wanted(self) -> None:
        """End the run, if it is to end.

        Raises:
            Stopped: a person or a signal asked for it.
            StoreFull: the disk has less room left than fetching leaves free.
        """
        if self.is_wanted() and self._reason is not None:
            raise self._reason

    def _found(self) -> PostroomError | None:
        if self._stop.is_set():
            return Stopped("stopped after the current batch; the rest waits on the server")
        if not self._looked.is_over():
            return None
        self._looked = clock.Deadline(LOOK_EVERY)
        if why := _why_stop(self._handles, self._claimed):
            return Stopped(f"{why}: stopped after the current batch; the rest waits on the server")
        short = shortage(self._handles)
        return StoreFull(short) if short is not None else None


def _why_stop(handles: Handles, claimed: Claimed) -> str:
    """Why this run shall stop after the current batch, as far as people said so; empty: they did not."""
    asked = (
        select(_status.c.stop_requested, _account.c.deleted_at)
        .join(_account, _account.c.id == _status.c.account_id)
        .where(_status.c.account_id == claimed.account.id)
    )
    with handles.database.reading() as session:
        found = session.connection().execute(asked).first()
    if found is None or not found.stop_requested:
        return ""
    return "the account was deleted" if found.deleted_at is not None else "somebody asked for it"
