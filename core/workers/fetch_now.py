"""Fetching by this process what a person asked for, now: all valid accounts, or those that are named."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from core import clock
from core.errors import PostroomError, StoreFull
from core.handles import Handles
from core.inbound.backoff import kind_of
from core.inbound.disk_guard import shortage
from core.inbound.due import accounts_named, claim_asked, holder_of
from core.inbound.run.closing import RunFault, RunOutcome
from core.inbound.run.fetch import FetchOptions, fetch_account
from core.inbound.run.rehearse import Rehearsed, rehearse
from core.models import Account, RunState
from core.protocols.causes import advice
from core.runlog import Counts, Line
from core.workers.chosen import chosen, in_turn
from core.workers.following import follow_run

PAUSE = 0.05
"""Seconds until an account that another worker let go, or whose server had no slot, is tried again."""

SAID_AFTER = 1.0
"""Seconds of waiting for a slot after which it is said."""

_NO_SLOT = "as many accounts are being fetched as slots_per_host allows; this one is next"


@dataclass
class FetchSummary:
    """What fetching came to, over all its runs."""

    accounts: int = 0
    counts: Counts = field(default_factory=Counts)
    outcomes: list[RunOutcome] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def failed(self) -> int:
        """How many accounts failed."""
        return sum(1 for outcome in self.outcomes if outcome.state in {RunState.FAILED, RunState.ABORTED})

    @property
    def exit_code(self) -> int:
        """75 if anything failed for a passing reason, else 78 if anything failed for configuration, else 0."""
        faults = {outcome.fault for outcome in self.outcomes}
        return 75 if "passing" in faults else 78 if "configuration" in faults else 0

    def as_dict(self) -> dict[str, object]:
        """The summary line of `fetch --json`."""
        counts = self.counts.as_dict()
        counts.pop("bytes")
        return {
            "event": "summary",
            "accounts": self.accounts,
            "failed": self.failed,
            **counts,
            "seconds": round(self.seconds, 3),
        }


def fetch_now(
    handles: Handles,
    names: Sequence[str] | None,
    *,
    stop: threading.Event | None = None,
    options: FetchOptions | None = None,
) -> FetchSummary:
    """Fetch the accounts of these names, or all valid ones, now, whatever their due time or back-off.

    One that another worker is fetching is followed, and its counts are that run's.

    Raises:
        NotFound: there is no account of a name; nothing was fetched.
        InvalidAccount: a named account is invalid; nothing was fetched.
        StoreFull: the disk has less room left than fetching leaves free; nothing was fetched.
    """
    started = clock.monotonic()
    stop = stop or threading.Event()
    options = options or FetchOptions()
    accounts = chosen(handles, names)
    if (short := shortage(handles)) is not None:
        raise StoreFull(short)
    summary = FetchSummary(accounts=len(accounts))
    if accounts:
        settings = handles.settings()
        slots = min(settings.fetch_slots, len(accounts))
        asked = _Asked(handles, stop, options, is_named=bool(names), per_host=settings.slots_per_host)
        with ThreadPoolExecutor(slots, thread_name_prefix="fetch") as pool:
            for outcome in pool.map(asked.fetch_whole, in_turn(accounts)):
                summary.outcomes.append(outcome)
                summary.counts += outcome.counts
    summary.seconds = clock.monotonic() - started
    return summary


def rehearse_now(
    handles: Handles, names: Sequence[str] | None, options: FetchOptions
) -> Iterator[Rehearsed | RunOutcome]:
    """What fetching these accounts, or all valid ones, would take in; one that cannot be asked is a failed outcome.

    Raises:
        NotFound: there is no account of a name.
        InvalidAccount: a named account is invalid.
    """
    accounts = chosen(handles, names)
    for account in accounts:
        try:
            yield from rehearse(handles, account, options)
        except PostroomError as error:
            fault: RunFault = "configuration" if kind_of(error).needs_a_person else "passing"
            yield RunOutcome(0, account.name, RunState.FAILED, Counts(), advice(error), fault)


class _Asked:
    """What a person asked for, fetched by this process; of each server as many at once as the setting says."""

    def __init__(
        self, handles: Handles, stop: threading.Event, options: FetchOptions, *, is_named: bool, per_host: int
    ) -> None:
        self._handles = handles
        self._stop = stop
        self._options = options
        self._is_named = is_named
        # Who waits for a server waits here: only as many as may go on ask the database again and again.
        self._gates: defaultdict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(per_host))

    def fetch_whole(self, account: Account) -> RunOutcome:
        """Run after run until the account has no more, or somebody stops it."""
        gate = self._gates[account.host]
        while not gate.acquire(timeout=PAUSE):
            if self._stop.is_set():
                return RunOutcome(0, account.name, RunState.STOPPED, Counts())
        try:
            return self._run_after_run(account)
        finally:
            gate.release()

    def _run_after_run(self, account: Account) -> RunOutcome:
        total = Counts()
        is_named = self._is_named
        while True:
            outcome = self._run(account, is_named=is_named)
            if outcome is None:
                text = "" if self._stop.is_set() else f"Account {account.name} was deleted meanwhile."
                return RunOutcome(0, account.name, RunState.STOPPED, total, text)
            # What the first run took in is no news to the ones that go on where it stopped.
            total += outcome.counts if not total.fetched else replace(outcome.counts, skipped=0)
            if not outcome.has_more or self._stop.is_set():
                return replace(outcome, counts=total)
            is_named = False  # what was given up has had its one more try

    def _run(self, account: Account, *, is_named: bool) -> RunOutcome | None:
        """One run, ours or the one that another worker makes; `None`: the account is gone, or somebody stops us."""
        said = clock.Deadline(SAID_AFTER)
        is_said = False
        while True:
            claimed = claim_asked(self._handles, account, is_named=is_named)
            if claimed is not None:
                return fetch_account(self._handles, claimed, stop=self._stop, options=self._options)
            run_id = holder_of(self._handles, account.id or 0)
            if run_id is not None:
                self._say(account, "follow", _told_followed(run_id, self._handles.renewer.seconds))
                outcome = follow_run(self._handles, account, run_id, self._stop, self._options.listener)
                if outcome is not None:
                    return outcome
                said = clock.Deadline(SAID_AFTER)
            if self._stop.is_set() or not accounts_named(self._handles, [account.name]):
                return None
            # Its worker died, or it ended between two looks, or its server has no slot: tried again.
            if said.is_over() and not is_said:
                is_said = True
                self._say(account, "wait", f"{account.host}: {_NO_SLOT}")
            self._stop.wait(PAUSE)

    def _say(self, account: Account, step: str, text: str) -> None:
        if self._options.listener is not None:
            self._options.listener(Line(0, 0, clock.utcnow(), account.name, "info", step, text, None, None))


def _told_followed(run_id: int, seconds: float) -> str:
    return f"run {run_id} is at it already and is told here; if its process is gone, within {seconds:.0f} s we go on"
