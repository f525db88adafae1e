"""One run: one pass over one account, from connecting to the lease given back.

Store first, acknowledge last: nothing is changed on the server before the message is durable here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from core import clock
from core.errors import LeaseLost, PostroomError, Stopped, WireError
from core.failpoints import fp
from core.handles import Handles
from core.inbound.batch.intake import Intake
from core.inbound.batch.rules import load_rules
from core.inbound.due import Claimed
from core.inbound.noted import Noted, read_noted
from core.inbound.run.closing import RunOutcome, abandon_run, close_run, outcome_of
from core.inbound.run.folder import FolderPass
from core.inbound.run.halting import Halting
from core.inbound.server.acknowledge import Acknowledger
from core.inbound.server.connecting import connect, pass_on
from core.inbound.server.connection import Connection
from core.inbound.server.kept import KeptSources
from core.inbound.server.visit import Visit
from core.inbound.turns import Waiting
from core.models import AccountType, FolderMark, RunState
from core.protocols.causes import advice
from core.protocols.imap.source import FolderStatus
from core.protocols.server import Timeouts
from core.runlog import Counts, Listener, RunLog
from core.shortage import shortage_of

_log = logging.getLogger("postroom.fetch")


@dataclass(frozen=True)
class FetchOptions:
    """How a run is made."""

    timeouts: Timeouts = field(default_factory=Timeouts)
    debug: bool = False
    """Keep the dialogue, secrets masked."""
    listener: Listener | None = None
    """Is told each line as it happens."""
    kept: KeptSources | None = None
    """Connections that stay open between runs; none: each run opens and closes its own."""
    next_turn: Callable[[Claimed], Waiting | None] | None = None
    """Asked, right before the run ends, whose turn it may be then; none: nobody is claimed with its end."""


def fetch_account(
    handles: Handles, claimed: Claimed, *, stop: threading.Event | None = None, options: FetchOptions | None = None
) -> RunOutcome:
    """Fetch one claimed account; whatever happens is the outcome, not an exception.

    Raises:
        StoreError: not even the outcome could be written; the next run finds this one dead and recovers.
    """
    options = options or FetchOptions()
    log = RunLog(handles, claimed.run_id, claimed.account.name, listener=options.listener, debug=options.debug)
    started = clock.monotonic()
    handles.renewer.keep(claimed.lease)
    fp("K10")
    handles.changes.moved("run")
    error: PostroomError | None = None
    one = _Pass(handles, claimed, log, options, Halting(handles, claimed, stop or threading.Event()))
    try:
        one.make()
        log.done(clock.monotonic() - started)
    except LeaseLost as lost:
        return RunOutcome(claimed.run_id, claimed.account.name, RunState.ABORTED, log.counts, str(lost), "passing")
    except Stopped as stopped:
        error = stopped
        log.stopped(str(stopped))
    except PostroomError as problem:
        error = problem
        log.failed(advice(problem), phase=problem.phase if isinstance(problem, WireError) else "")
    except Exception as fault:  # noqa: BLE001 - one account's run ends, the worker goes on
        error = shortage_of(fault)
        if error is None:
            _log.exception("account %s: a run ended unexpectedly", claimed.account.name)
            return abandon_run(handles, claimed, log, fault)
        log.failed(str(error))
    finally:
        handles.renewer.let_go(claimed.lease)
    outcome = outcome_of(claimed, log, error, has_more=one.has_more)
    seen = options.next_turn(claimed) if options.next_turn is not None else None
    try:
        return close_run(handles, claimed, log, outcome, error, settled=one.settled, seen=seen)
    except LeaseLost as lost:
        return replace(outcome, state=RunState.ABORTED, error=str(lost), fault="passing", has_more=False)


@dataclass
class _Pass:
    """The pass over all folders of one account."""

    handles: Handles
    claimed: Claimed
    log: RunLog
    options: FetchOptions
    halting: Halting
    has_more: bool = False
    """Whether it came to its end, and more is left than one run takes."""
    settled: list[FolderMark] = field(default_factory=list)
    """The marks of folders that are settled whole, however the pass ended."""

    def make(self) -> None:
        """Connect, fetch, say goodbye.

        Raises:
            PostroomError: what ended it early.
        """
        noted = read_noted(self.handles, self.claimed.account)
        options, kept = self.options, self.options.kept
        source, unchanged = connect(self.handles, self.claimed, self.log, options.timeouts, noted=noted, kept=kept)
        connection = Connection(source)
        visit = Visit(self.handles, self.claimed, self.log, connection)
        try:
            acknowledger = Acknowledger(visit, partial(self._gives_up, connection))
            has_more = self._take_folders(visit, acknowledger, noted, unchanged)
            acknowledger.collect()
            if self.halting.is_wanted() or not pass_on(connection, self.claimed, kept):
                acknowledger.close()
        finally:
            connection.end()
        self.halting.raise_if_wanted()
        self.has_more = has_more

    def _gives_up(self, connection: Connection) -> bool:
        """Whether the server is waited for no longer; what it gave and is being judged is."""
        is_impatient = self.halting.is_impatient()
        return not connection.watch.is_judging(at_end=is_impatient) and is_impatient

    def _take_folders(
        self,
        visit: Visit,
        acknowledger: Acknowledger,
        noted: Mapping[str, Noted],
        unchanged: Mapping[str, FolderStatus],
    ) -> bool:
        """Fetch folder after folder; gives back whether more is left than one run takes."""
        account = visit.account
        intake: Intake | None = None
        left, has_more = account.max_messages, False
        for folder in account.folders if AccountType(account.type).is_imap else [""]:
            if (status := unchanged.get(folder)) is not None:
                self.log.selected(folder, status.messages, status.uidvalidity, 0)
                self.log.counts += Counts(skipped=status.messages)
                continue
            intake = intake or Intake(self.handles, self.claimed, load_rules(self.handles, account), self.log)
            wants_stop = self.halting.is_wanted
            one = FolderPass(visit, intake, acknowledger, folder, noted[folder], wants_stop, self.settled)
            left -= one.run(left)
            has_more = has_more or one.has_more
            if wants_stop():
                break
        return has_more
