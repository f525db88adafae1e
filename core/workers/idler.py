"""Idling: connections that wait for new mail, so that it is fetched within moments; the poll stays as a net.

One thread watches all connections (`idle_lines`), one keeps the books (here), a few open connections. New mail only
makes an account due: fetching it is the fetcher's work.
"""

from __future__ import annotations

import contextlib
import logging
import random
import resource
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from core import clock
from core.errors import PostroomError, StoreError
from core.handles import Handles
from core.inbound.opening import logged_in_as, server_of
from core.protocols.server import Timeouts
from core.protocols.sessions import open_imap
from core.workers import idle_book
from core.workers.idle_book import Mine
from core.workers.idle_lines import IdleLines

LOOK = 5.0
"""Seconds between two looks at which accounts are to idle."""

GATHER = 0.1
"""Seconds in which news is gathered into one write; a flood of mail is not a flood of writes."""

OPENERS = 8
"""Connections opened at once; a thousand that were cut together do not come back together."""

OPENERS_PER_HOST = 4
"""Of these, to one server: a server that hangs does not keep the others waiting."""

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0
"""Seconds between two tries to open a connection that broke: doubling, each by half more or less, by lot."""

STEADY = 60.0
"""Seconds a connection must have stood for its breaking to count as the first one."""

OTHER_FILES = 512
"""Descriptors left to everything else the process does."""

TIMEOUTS = Timeouts(connect=15.0, login=15.0, command=30.0)

_log = logging.getLogger("postroom.idle")


@dataclass
class _Entry:
    """What this worker does about one account."""

    version: int
    host: str
    is_opening: bool = False
    is_open: bool = False
    opened_at: float = 0.0
    breaks: int = 0
    """How often in a row its connection broke or could not be opened."""
    not_before: float = 0.0


def pause_after(breaks: int, lot: float) -> float:
    """Seconds until the next try after so many failures in a row; `lot` is a number from 0 to 1 by chance."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(max(breaks, 1) - 1, 16))
    return longest * (0.5 + lot)


class Idler:
    """The part of a worker that waits for new mail."""

    def __init__(self, handles: Handles, wake: threading.Event, *, look: float = LOOK) -> None:
        self._handles = handles
        self._wake = wake
        self._look = look
        self._entries: dict[int, _Entry] = {}
        self._news: set[int] = set()
        self._ends: deque[tuple[int, PostroomError]] = deque()
        self._lock = threading.Lock()
        self._bell = threading.Event()
        self._is_closing = threading.Event()
        self._lines = IdleLines(self._heard, self._ended)
        self._openers = ThreadPoolExecutor(OPENERS, thread_name_prefix="idle-open")
        self._thread = threading.Thread(target=self._run, name="idle", daemon=True)

    def __len__(self) -> int:
        return len(self._lines)

    def start(self) -> None:
        """Begin to idle on the accounts that want it."""
        self._lines.start()
        self._thread.start()

    def close(self) -> None:
        """End all connections and leave the accounts to other workers."""
        self._is_closing.set()
        self._bell.set()
        self._thread.join()
        self._openers.shutdown(wait=True, cancel_futures=True)
        self._lines.close()
        with contextlib.suppress(StoreError):  # they are free anyway once this worker's heartbeat ends
            idle_book.release(self._handles)

    # -- the books --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        looked_at = -self._look
        while not self._is_closing.is_set():
            try:
                self._tell()
                self._note_ends()
                if clock.monotonic() - looked_at >= self._look:
                    looked_at = clock.monotonic()
                    self._compare(self._room())
                self._open_due()
            except StoreError as error:
                _log.warning("%s", error)
            self._bell.wait(min(self._look, 1.0))
            self._bell.clear()

    def _room(self) -> int:
        return min(self._handles.settings().idle_max, _descriptors() - OTHER_FILES)

    def _compare(self, room: int) -> None:
        """Take over what is free, let go of what is no longer ours."""
        ours = idle_book.mine(self._handles)
        if idle_book.claim(self._handles, min(room - len(ours), room)):
            ours = idle_book.mine(self._handles)
        too_many = [one.account_id for one in ours[max(room, 0) :]]
        ill = [one.account_id for one in ours if not one.is_well and not self._is_open(one.account_id)]
        if too_many or ill:
            idle_book.release(self._handles, [*too_many, *ill])
        unwanted = {*too_many, *ill}
        self._align([one for one in ours if one.account_id not in unwanted])

    def _align(self, ours: Sequence[Mine]) -> None:
        wanted = {one.account_id: one for one in ours}
        with self._lock:
            gone = [key for key, entry in self._entries.items() if _is_outdated(entry, wanted.get(key))]
            for account_id in gone:
                del self._entries[account_id]
            for account_id, one in wanted.items():
                self._entries.setdefault(account_id, _Entry(one.version, one.host))
        self._lines.remove(gone)

    def _is_open(self, account_id: int) -> bool:
        entry = self._entries.get(account_id)
        return entry is not None and entry.is_open

    # -- opening ----------------------------------------------------------------------------------------------------

    def _open_due(self) -> None:
        now = clock.monotonic()
        with self._lock:
            for account_id in to_open(self._entries, now):
                entry = self._entries[account_id]
                entry.is_opening = True
                self._openers.submit(self._open, account_id, entry)

    def _open(self, account_id: int, entry: _Entry) -> None:
        try:
            self._listen(account_id, entry)
        except PostroomError as error:
            self._ended(account_id, error)
        else:
            entry.is_opening = False
            self._bell.set()

    def _listen(self, account_id: int, entry: _Entry) -> None:
        account = idle_book.account_of(self._handles, account_id)
        if account is None or not account.folders or self._is_closing.is_set():
            return
        server = server_of(account)
        source = logged_in_as(self._handles, account, lambda login: open_imap(server, login, timeouts=TIMEOUTS))
        try:
            selected = source.select(account.folders[0], writable=False)
            line = source.idle()
            is_behind = idle_book.is_behind(self._handles, account, selected)
        except BaseException:
            source.drop()
            raise
        with self._lock:
            is_wanted = self._entries.get(account_id) is entry
            if is_wanted:
                entry.is_open, entry.opened_at = True, clock.monotonic()
                self._lines.add(account_id, line)
        if not is_wanted:
            line.leave()
        elif is_behind:
            self._heard(account_id)

    # -- what the lines tell ----------------------------------------------------------------------------------------

    def _heard(self, account_id: int) -> None:
        with self._lock:
            self._news.add(account_id)
        self._bell.set()

    def _ended(self, account_id: int, error: PostroomError) -> None:
        self._ends.append((account_id, error))
        self._bell.set()

    def _note_ends(self) -> None:
        while self._ends:
            account_id, error = self._ends.popleft()
            _log.info("account %s: idling ended: %s", account_id, error)
            with self._lock:
                entry = self._entries.get(account_id)
                if entry is not None:
                    _note_break(entry, clock.monotonic())
            wait = idle_book.refused_for(error)
            if wait is not None:
                idle_book.leave_alone(self._handles, account_id, wait)

    def _tell(self) -> None:
        """Make due what has new mail, and wake the fetcher of this process."""
        with self._lock:
            news, self._news = self._news, set()
        if not news:
            return
        try:
            idle_book.make_due(self._handles, news)
        except StoreError:
            with self._lock:
                self._news |= news
            raise
        self._wake.set()
        self._is_closing.wait(GATHER)


def to_open(entries: Mapping[int, _Entry], now: float) -> list[int]:
    """Which connections to open now: as many as there are openers, few of one server."""
    busy = Counter(entry.host for entry in entries.values() if entry.is_opening)
    chosen: list[int] = []
    for account_id, entry in entries.items():
        if busy.total() >= OPENERS:
            break
        is_idle = not entry.is_open and not entry.is_opening and entry.not_before <= now
        if is_idle and busy[entry.host] < OPENERS_PER_HOST:
            chosen.append(account_id)
            busy[entry.host] += 1
    return chosen


def _note_break(entry: _Entry, now: float) -> None:
    if entry.is_open and now - entry.opened_at > STEADY:
        entry.breaks = 0
    entry.is_open = entry.is_opening = False
    entry.breaks += 1
    entry.not_before = now + pause_after(entry.breaks, random.random())  # noqa: S311 - spreads load


def _is_outdated(entry: _Entry, wanted: Mine | None) -> bool:
    return wanted is None or wanted.version != entry.version


def _descriptors() -> int:
    """How many files and connections this process may have open, raised to what the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft
