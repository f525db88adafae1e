"""Fetching many accounts at once: those that are due, or those a person named, now."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from core import clock
from core.errors import InvalidAccount, NotFound, PostroomError, StoreFull
from core.handles import Handles
from core.inbound.backoff import kind_of
from core.inbound.closing import RunFault, RunOutcome
from core.inbound.disk_guard import DiskGuard, shortage
from core.inbound.due import accounts_named, claim_asked, holder_of
from core.inbound.fetch import FetchOptions, fetch_account
from core.inbound.rehearse import Rehearsed, rehearse
from core.models import Account, RunState, Validity
from core.protocols.causes import advice
from core.runlog import Counts, Line
from core.workers.following import follow_run
from core.workers.slots import Slots

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
    _refuse_without_room(shortage(handles))
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


def chosen(handles: Handles, names: Sequence[str] | None) -> Sequence[Account]:
    """The accounts of these names, or all valid ones.

    Raises:
        NotFound: there is no account of a name.
        InvalidAccount: a named account is invalid.
    """
    accounts = accounts_named(handles, names)
    _refuse(handles, names or (), accounts)
    return accounts


def _refuse(handles: Handles, names: Sequence[str], accounts: Sequence[Account]) -> None:
    found = {account.name: account for account in accounts}
    for name in names:
        if name not in found:
            from core.resources.account import ACCOUNT
            from core.resources.unknown import unknown

            raise NotFound(unknown(ACCOUNT, name, (valid.name for valid in accounts_named(handles, None))))
        if found[name].validity != Validity.VALID:
            raise InvalidAccount(
                f"Account {name} is {found[name].validity} and was not fetched. Make it valid first: "
                f"postroom set account {name} validity=valid"
            )


def _refuse_without_room(short: str | None) -> None:
    if short is not None:
        raise StoreFull(short)


def in_turn(accounts: Sequence[Account]) -> list[Account]:
    """The accounts in their order, but one of each server before the second of any: no server takes all threads."""
    places: Counter[str] = Counter()
    ranked: list[tuple[int, int, Account]] = []
    for number, account in enumerate(accounts):
        ranked.append((places[account.host], number, account))
        places[account.host] += 1
    return [account for _, _, account in sorted(ranked, key=lambda one: one[:2])]


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


class Fetcher:
    """The part of a worker that fetches what is due, in as many threads as there are slots."""

    def __init__(self, handles: Handles, stop: threading.Event, wake: threading.Event | None = None) -> None:
        self._handles = handles
        self._stop = stop
        self._wake = wake or threading.Event()
        self._guard = DiskGuard(handles)
        self._slots = Slots(handles, stop, self._wake, lambda: self._guard.shortage() is None)
        self._asked: list[tuple[Account, bool]] = []
        """What people asked for and was not begun yet, and whether by its name."""

    def fetch_due(self) -> int:
        """Begin what is due and has a free slot; gives back how many accounts are being fetched."""
        self._slots.tidy()
        if self._guard.shortage() is not None:
            return len(self._slots)
        self._begin_asked()
        self._slots.fill()
        return len(self._slots)

    def fetch_named(self, name: str) -> int | None:
        """Begin one account now, whatever its due time, or all valid ones (`*`); gives back the run of one.

        What people ask for has threads of its own: neither waits for the other. Where its server has no slot left it
        begins as soon as there is one.

        Raises:
            NotFound: there is no such account.
            InvalidAccount: it is not valid.
            StoreFull: the disk has less room left than fetching leaves free.
        """
        names = None if name in {"", "*"} else [name]
        accounts = chosen(self._handles, names)
        _refuse_without_room(self._guard.shortage())
        self._asked.extend((account, names is not None) for account in in_turn(accounts))
        runs = self._begin_asked()
        return runs.get(accounts[0].id) if names else None

    def fetch_until_done(self) -> None:
        """Fetch until nothing is due any more: one pass of `--once`."""
        while self.fetch_due() and not self._stop.is_set():
            self._slots.wait()

    def close(self) -> None:
        """Wait for the batches in hand; `stop` is set by now."""
        self._slots.close()

    def _begin_asked(self) -> dict[int | None, int]:
        """Begin what was asked for and finds a thread here and a slot at its server; gives back the runs by account."""
        runs: dict[int | None, int] = {}
        asked, self._asked, full = self._asked, [], set()
        for account, is_named in asked:
            has_thread = self._slots.has_room_by_hand and not self._stop.is_set()
            run_id = self._begin(account, is_named) if has_thread and account.host not in full else None
            if run_id is not None:
                runs[account.id] = run_id
            elif not has_thread or account.host in full or accounts_named(self._handles, [account.name]):
                self._asked.append((account, is_named))
                full.add(account.host)
        return runs

    def _begin(self, account: Account, is_named: bool) -> int | None:
        """Begin one; gives back its run, `None`: its server has no slot left, or it is gone."""
        claimed = claim_asked(self._handles, account, is_named=is_named)
        if claimed is None:
            # In another's hands it is being fetched already.
            return holder_of(self._handles, account.id or 0)
        self._slots.begin(claimed, is_by_hand=True)
        return claimed.run_id  # which may be over by now
