"""Idling: connections that wait for new mail, so that it is fetched within moments; the poll stays as a net.

One thread watches all connections (`lines`), one keeps the books (here), a few open connections. New mail only
makes an account due: fetching it is the fetcher's work.
"""

from __future__ import annotations

import contextlib
import logging
import random
import resource
import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from core import clock
from core.errors import PostroomError, StoreError
from core.handles import Handles
from core.inbound.server.opening import logged_in_as, server_of
from core.protocols.server import Timeouts
from core.protocols.sessions import open_imap
from core.workers.idle import book as idle_book
from core.workers.idle.lines import IdleLines
from core.workers.idle.spots import OPENERS, Entry, Spot, outdated, spots_of, to_open

LOOK = 5.0
"""Seconds between two looks at which accounts are to idle."""

GATHER = 0.1
"""Seconds in which news is gathered into one write; a flood of mail is not a flood of writes."""

OTHER_FILES = 512
"""Descriptors left to everything else the process does."""

TIMEOUTS = Timeouts(connect=15.0, login=15.0, command=30.0)

_log = logging.getLogger("postroom.idle")


class Idler:
    """The part of a worker that waits for new mail."""

    def __init__(self, handles: Handles, wake: threading.Event, *, look: float = LOOK) -> None:
        self._handles = handles
        self._wake = wake
        self._look = look
        self._entries: dict[Spot, Entry] = {}
        self._news: set[int] = set()
        self._ends: deque[tuple[Spot, PostroomError]] = deque()
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
        listening = self._listening()
        ill = [one.account_id for one in ours if not one.is_well and one.account_id not in listening]
        if too_many or ill:
            idle_book.release(self._handles, [*too_many, *ill])
        unwanted = {*too_many, *ill}
        self._align(spots_of([one for one in ours if one.account_id not in unwanted], room))

    def _align(self, wanted: Mapping[Spot, Entry]) -> None:
        with self._lock:
            gone = outdated(self._entries, wanted)
            for spot in gone:
                del self._entries[spot]
            for spot, entry in wanted.items():
                self._entries.setdefault(spot, entry)
        self._lines.remove(gone)

    def _listening(self) -> set[int]:
        with self._lock:
            return {spot.account_id for spot, entry in self._entries.items() if entry.is_open}

    # -- opening ----------------------------------------------------------------------------------------------------

    def _open_due(self) -> None:
        now = clock.monotonic()
        with self._lock:
            for spot in to_open(self._entries, now):
                entry = self._entries[spot]
                entry.is_opening = True
                self._openers.submit(self._open, spot, entry)

    def _open(self, spot: Spot, entry: Entry) -> None:
        try:
            self._listen(spot, entry)
        except PostroomError as error:
            self._ended(spot, error)
        else:
            entry.is_opening = False
            self._bell.set()

    def _listen(self, spot: Spot, entry: Entry) -> None:
        account = idle_book.account_of(self._handles, spot.account_id)
        if account is None or spot.folder not in account.folders or self._is_closing.is_set():
            return
        server = server_of(account)
        source = logged_in_as(self._handles, account, lambda login: open_imap(server, login, timeouts=TIMEOUTS))
        try:
            selected = source.select(spot.folder, writable=False)
            line = source.idle()
            is_behind = idle_book.is_behind(self._handles, account, selected)
        except BaseException:
            source.drop()
            raise
        with self._lock:
            is_wanted = self._entries.get(spot) is entry
            if is_wanted:
                entry.is_open, entry.opened_at = True, clock.monotonic()
                self._lines.add(spot, line)
        if not is_wanted:
            line.leave()
        elif is_behind:
            self._heard(spot)

    # -- what the lines tell ----------------------------------------------------------------------------------------

    def _heard(self, spot: Spot) -> None:
        with self._lock:
            self._news.add(spot.account_id)
        self._bell.set()

    def _ended(self, spot: Spot, error: PostroomError) -> None:
        self._ends.append((spot, error))
        self._bell.set()

    def _note_ends(self) -> None:
        while self._ends:
            spot, error = self._ends.popleft()
            _log.info("account %s, %s: idling ended: %s", *spot, error)
            wait = idle_book.refused_for(error)
            with self._lock:
                entry = self._entries.get(spot)
                if entry is not None:
                    entry.broke(clock.monotonic(), random.random())  # noqa: S311 - spreads load
                    if wait is not None:
                        entry.not_before = clock.monotonic() + wait.total_seconds()
            if wait is not None and (entry is None or entry.is_first):
                # One more connection than a server allows, or a folder it has not: the first one goes on listening.
                idle_book.leave_alone(self._handles, spot.account_id, wait)

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


def _descriptors() -> int:
    """How many files and connections this process may have open, raised to what the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft
