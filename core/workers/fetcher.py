"""Fetching many accounts at once: those that are due, or those a person named, now."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from core import clock
from core.errors import InvalidAccount, NotFound, PostroomError, StoreError
from core.handles import Handles
from core.inbound.backoff import kind_of
from core.inbound.closing import RunOutcome
from core.inbound.due import Claimed, accounts_named, claim_account, claim_due, holder_of
from core.inbound.fetch import FetchOptions, fetch_account
from core.inbound.kept import KeptSources
from core.inbound.rehearse import Rehearsed, rehearse
from core.models import Account, RunState, Validity
from core.runlog import Counts
from core.workers.following import follow

PAUSE = 0.05
"""Seconds until an account that another worker let go is tried again."""

ASKED_AT_ONCE = 8
"""Accounts fetched at once by order of a person, beside those that are due: an order finds a thread at once, and one
for a thousand accounts leaves the slots alone."""

_log = logging.getLogger("postroom.fetcher")


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
    """
    started = clock.monotonic()
    stop = stop or threading.Event()
    options = options or FetchOptions()
    accounts = chosen(handles, names)
    summary = FetchSummary(accounts=len(accounts))
    if accounts:
        slots = min(handles.settings().fetch_slots, len(accounts))
        with ThreadPoolExecutor(slots, thread_name_prefix="fetch") as pool:
            for outcome in pool.map(lambda account: _fetch_whole(handles, account, stop, options), accounts):
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
            fault = "configuration" if kind_of(error).needs_a_person else "passing"
            yield RunOutcome(0, account.name, RunState.FAILED, Counts(), str(error), fault)


def chosen(handles: Handles, names: Sequence[str] | None) -> Sequence[Account]:
    """The accounts of these names, or all valid ones.

    Raises:
        NotFound: there is no account of a name.
        InvalidAccount: a named account is invalid.
    """
    accounts = accounts_named(handles, names)
    _refuse(names, accounts)
    return accounts


def _refuse(names: Sequence[str] | None, accounts: Sequence[Account]) -> None:
    found = {account.name: account for account in accounts}
    for name in names or ():
        if name not in found:
            raise NotFound(f"There is no account {name!r}. `postroom list account` shows them all.")
        if found[name].validity != Validity.VALID:
            raise InvalidAccount(
                f"Account {name} is {found[name].validity} and was not fetched. Make it valid first: "
                f"postroom set account {name} validity=valid"
            )


def _fetch_whole(handles: Handles, account: Account, stop: threading.Event, options: FetchOptions) -> RunOutcome:
    """Run after run until the account has no more, or somebody stops it."""
    total = Counts()
    assert account.id is not None
    while True:
        claimed = claim_account(handles, account.id)
        if claimed is None:
            outcome = follow(handles, account, stop, options.listener)
            if outcome is None:
                if stop.is_set() or not accounts_named(handles, [account.name]):
                    text = "" if stop.is_set() else f"Account {account.name} was deleted meanwhile."
                    return RunOutcome(0, account.name, RunState.STOPPED, total, text)
                stop.wait(PAUSE)
                continue  # its worker died, or it ended between two looks: the claim is free now
        else:
            outcome = fetch_account(handles, claimed, stop=stop, options=options)
        # What the first run took in is no news to the ones that go on where it stopped.
        total += outcome.counts if not total.fetched else replace(outcome.counts, skipped=0)
        if not outcome.has_more or stop.is_set():
            return replace(outcome, counts=total)


class Fetcher:
    """The part of a worker that fetches what is due, in as many threads as there are slots."""

    def __init__(self, handles: Handles, stop: threading.Event, wake: threading.Event | None = None) -> None:
        self._handles = handles
        self._stop = stop
        self._wake = wake or threading.Event()
        self._slots = handles.settings().fetch_slots
        self._pool = ThreadPoolExecutor(self._slots + ASKED_AT_ONCE, thread_name_prefix="fetch")
        self._running: dict[int, Future[RunOutcome]] = {}
        self._asked: deque[Account] = deque()
        self._by_hand: set[int] = set()
        self._kept = KeptSources()
        self._options = FetchOptions(kept=self._kept)

    def fetch_due(self) -> int:
        """Begin what is due and has a free slot; gives back how many accounts are being fetched."""
        self._forget_finished()
        self._kept.tidy()
        self._begin_asked()
        settings = self._handles.settings()
        free = min(self._slots, settings.fetch_slots) - (len(self._running) - len(self._by_hand))
        for claimed in claim_due(self._handles, settings, free, busy=list(self._running)):
            self._begin_run(claimed)
        return len(self._running)

    def fetch_named(self, name: str) -> int | None:
        """Begin one account now, whatever its due time, or all valid ones (`*`); gives back the run of one.

        What people ask for has threads of its own: neither waits for the other.

        Raises:
            NotFound: there is no such account.
            InvalidAccount: it is not valid.
        """
        names = None if name in {"", "*"} else [name]
        accounts = chosen(self._handles, names)
        self._asked.extend(accounts)
        runs = self._begin_asked()
        return runs[-1] if names and runs and not self._asked else None

    def fetch_until_done(self) -> None:
        """Fetch until nothing is due any more: one pass of `--once`."""
        while self.fetch_due() and not self._stop.is_set():
            wait(self._running.values(), return_when="FIRST_COMPLETED")

    def close(self) -> None:
        """Wait for the batches in hand; `stop` is set by now."""
        self._pool.shutdown(wait=True)
        self._forget_finished()
        self._kept.close()

    def _begin_asked(self) -> list[int | None]:
        runs: list[int | None] = []
        while self._asked and len(self._by_hand) < ASKED_AT_ONCE and not self._stop.is_set():
            runs.append(self._begin(self._asked.popleft()))
        return runs

    def _begin(self, account: Account) -> int | None:
        assert account.id is not None
        claimed = claim_account(self._handles, account.id)
        if claimed is None:
            return holder_of(self._handles, account.id)
        self._by_hand.add(account.id)
        self._begin_run(claimed)
        return claimed.run_id

    def _begin_run(self, claimed: Claimed) -> None:
        running = self._pool.submit(fetch_account, self._handles, claimed, stop=self._stop, options=self._options)
        self._running[claimed.lease.key] = running
        # A slot that is free again is given to the next account at once.
        running.add_done_callback(lambda _: self._wake.set())

    def _forget_finished(self) -> None:
        for account_id, running in list(self._running.items()):
            if running.done():
                del self._running[account_id]
                self._by_hand.discard(account_id)
                error = running.exception()
                if isinstance(error, StoreError):
                    _log.warning("account %s: %s", account_id, error)
                elif error is not None:
                    # A fault of ours ends the run, not the worker; the next claim finds the run dead and recovers.
                    _log.error("account %s: a run ended unexpectedly", account_id, exc_info=error)
