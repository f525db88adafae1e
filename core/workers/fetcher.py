"""The part of a worker that fetches what is due, in as many threads as there are slots, and what people ask for."""

from __future__ import annotations

import threading

from core.errors import StoreFull
from core.handles import Handles
from core.inbound.disk_guard import DiskGuard
from core.inbound.due import accounts_named, claim_asked, holder_of
from core.models import Account
from core.workers.chosen import chosen, in_turn
from core.workers.slots import Slots


class Fetcher:
    """Fetches for one worker; what people ask for has threads of its own beside the slots."""

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
        if (short := self._guard.shortage()) is not None:
            raise StoreFull(short)
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
            run_id = self._begin(account, is_named=is_named) if has_thread and account.host not in full else None
            if run_id is not None:
                runs[account.id] = run_id
            elif not has_thread or account.host in full or accounts_named(self._handles, [account.name]):
                self._asked.append((account, is_named))
                full.add(account.host)
        return runs

    def _begin(self, account: Account, *, is_named: bool) -> int | None:
        """Begin one; gives back its run, `None`: its server has no slot left, or it is gone."""
        claimed = claim_asked(self._handles, account, is_named=is_named)
        if claimed is None:
            # In another's hands it is being fetched already.
            return holder_of(self._handles, account.id or 0)
        self._slots.begin(claimed, is_by_hand=True)
        return claimed.run_id  # which may be over by now
