"""One run: one pass over one account, from connecting to the lease given back.

Store first, acknowledge last: nothing is changed on the server before the message is durable here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

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
    has_more = False
    settled: list[FolderMark] = []
    try:
        halting = Halting(handles, claimed, stop or threading.Event())
        has_more = _pass(handles, claimed, log, options, halting=halting, settled=settled)
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
    outcome = outcome_of(claimed, log, error, has_more=has_more)
    seen = options.next_turn(claimed) if options.next_turn is not None else None
    try:
        return close_run(handles, claimed, log, outcome, error, settled=settled, seen=seen)
    except LeaseLost as lost:
        return replace(outcome, state=RunState.ABORTED, error=str(lost), fault="passing", has_more=False)


def _pass(
    handles: Handles,
    claimed: Claimed,
    log: RunLog,
    options: FetchOptions,
    *,
    halting: Halting,
    settled: list[FolderMark],
) -> bool:
    """Fetch all folders; gives back whether more is left than one run takes, and adds what is `settled` whole."""
    noted = read_noted(handles, claimed.account)
    source, unchanged = connect(handles, claimed, log, options.timeouts, noted=noted, kept=options.kept)
    connection = Connection(source)

    def gives_up() -> bool:
        # The server is waited for no longer; what it gave and is being judged is.
        is_impatient = halting.is_impatient()
        return not connection.watch.is_judging(at_end=is_impatient) and is_impatient

    try:
        acknowledger = Acknowledger(handles, claimed, connection, log, gives_up)
        has_more = _take_folders(
            handles,
            claimed,
            log,
            acknowledger,
            noted=noted,
            unchanged=unchanged,
            halting=halting,
            settled=settled,
        )
        acknowledger.collect()
        if halting.is_wanted() or not pass_on(connection, claimed, options.kept):
            acknowledger.close()
    finally:
        connection.end()
    halting.raise_if_wanted()
    return has_more


def _take_folders(
    handles: Handles,
    claimed: Claimed,
    log: RunLog,
    acknowledger: Acknowledger,
    *,
    noted: Mapping[str, Noted],
    unchanged: Mapping[str, FolderStatus],
    halting: Halting,
    settled: list[FolderMark],
) -> bool:
    account = claimed.account
    intake: Intake | None = None
    left, has_more = account.max_messages, False
    for folder in account.folders if AccountType(account.type).is_imap else [""]:
        if (status := unchanged.get(folder)) is not None:
            log.selected(folder, status.messages, status.uidvalidity, 0)
            log.counts += Counts(skipped=status.messages)
            continue
        intake = intake or Intake(handles, claimed, load_rules(handles, account), log)
        connection = acknowledger.connection
        one = FolderPass(
            handles, claimed, connection, log, intake, acknowledger, folder, noted[folder], halting.is_wanted, settled
        )
        left -= one.run(left)
        has_more = has_more or one.has_more
        if halting.is_wanted():
            break
    return has_more
