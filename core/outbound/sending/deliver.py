"""One pass over the outbox: everything that is due is tried once, over several connections at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from core import clock
from core.errors import CannotWrite, StoreFull
from core.handles import Handles
from core.models import Lane
from core.outbound import no_mailbox
from core.outbound.sending.book import Book, give_back_jobs
from core.outbound.sending.claiming import Taken, Wanted, claim
from core.outbound.sending.courier import Courier
from core.outbound.sending.ended import Outcome
from core.outbound.sending.lost import free_lost
from core.outbound.sending.pool import Pool
from core.outbound.sending.rates import Line
from core.outbound.sending.rota import Rota
from core.outbound.sending.summary import Summary
from core.outbound.sending.urgent import UrgentLane
from core.outbound.sending.waiting_room import WaitingRoom
from core.outbox import bcc_copies
from core.outbox.orders import hold_what_waits, is_any_held, release_what_was_held
from core.outbox.pick_up import pick_up
from core.outbox.reap import is_any_lost
from core.protocols.server import Timeouts
from core.settings import RuntimeSettings

COURIERS = 4
"""Connections of one mailbox at a time."""

BATCH = 500
"""Messages taken in one transaction."""

MOST_IN_HAND = 1000
"""Messages taken and not settled: more would only wait here instead of in the database."""

FEW_IN_HAND = MOST_IN_HAND - BATCH
"""With no more in hand it is worth taking others: half of a batch would take as long."""

URGENT_BATCH = 100
"""Urgent messages taken in one transaction beside the others."""

SETTINGS_HOLD = 2.0
"""Seconds after which a pass reads the settings anew."""

LOOK_AGAIN = 0.5
"""Seconds between two looks for new messages while others are on their way."""

HELD_BY_SETTING = "All outgoing mail is held (setting hold_all)."
"""Why a message is held; those go on by themselves when the setting is taken back."""


def deliver_due(
    handles: Handles,
    *,
    stop: threading.Event | None = None,
    log: Callable[[Outcome], None] | None = None,
    pool: Pool | None = None,
    timeouts: Timeouts | None = None,
    couriers: int = COURIERS,
    stays: bool = False,
) -> Summary:
    """Send what is due until nothing is; with `stop` set, finish the messages that are begun and give back the rest.

    Args:
        handles: what this process holds open.
        stop: asks for an orderly end.
        log: is told of each message once its outcome is committed.
        pool: connections kept between passes; without one they are closed at the end.
        timeouts: how long a relay may take.
        couriers: the most connections of one mailbox at a time; one more is kept for what is urgent.
        stays: what is due again is tried again in this pass, as a worker does; else a pass tries nothing twice.

    Raises:
        StoreError: the database is out of reach; what was in hand is left to its leases.
    """
    began = clock.monotonic()
    settings = handles.settings()
    own_pool = pool or Pool()
    room = WaitingRoom(couriers)
    rota = Rota()
    stopping = stop or threading.Event()
    book = Book(handles, settings, room=room, pool=own_pool, stop=stopping, log=log, when_written=rota.ring)
    try:
        _prepare(handles, settings, book)
        _Pass(handles, settings, book, rota, timeouts or Timeouts(), stays=stays).run()
    finally:
        rota.close()
        if pool is None:
            own_pool.close()
        else:
            own_pool.tidy()
    book.summary.seconds = clock.monotonic() - began
    return book.summary


def _prepare(handles: Handles, settings: RuntimeSettings, book: Book) -> None:
    """Take in the drop folder, free what lost its worker, hold or release as set."""
    try:
        pick_up(handles)
    except CannotWrite:
        # Whoever may not read the drop folder still sends what is in the outbox; the worker picks it up.
        pass
    except StoreFull as error:
        # What is in the outbox already goes out: that is how there will be room.
        book.summary.left_behind = str(error)
    with handles.database.reading() as session:
        has_lost, has_held = is_any_lost(session), is_any_held(session, HELD_BY_SETTING)
        is_without_mailbox = no_mailbox.is_told(session)
        has_copies_left = bcc_copies.is_any_left(session)
    if has_lost:
        book.tell(free_lost(handles, settings))
    if has_copies_left:
        again = clock.utcnow() + settings.retry.first
        handles.database.writing(lambda session: bcc_copies.carry_on(session, again))
    if is_without_mailbox:
        book.is_without_mailbox = True
        no_mailbox.try_again(handles)
    if settings.hold_all:
        _hold_all(handles, book)
    elif has_held:
        release_what_was_held(handles, HELD_BY_SETTING)


def _hold_all(handles: Handles, book: Book) -> None:
    book.summary.held += hold_what_waits(handles, HELD_BY_SETTING)


class _Pass:
    """Claims, and sees to it that there is a courier wherever messages wait."""

    def __init__(
        self, handles: Handles, settings: RuntimeSettings, book: Book, rota: Rota, timeouts: Timeouts, *, stays: bool
    ) -> None:
        self._handles = handles
        self._settings = settings
        self._book = book
        self._room = book.room
        self._rota = rota
        self._timeouts = timeouts
        self._stays = stays
        self._next_claim = 0.0
        self._may_be_more = True
        self._next_look = clock.monotonic() + SETTINGS_HOLD
        self._began: datetime | None = None
        self._waiting: dict[Line, int] = {}
        self._waiting_since: datetime | None = None
        self._enlisting = threading.Lock()
        self._urgent = UrgentLane(handles, book, self._claim_urgent, lambda: self._began)

    def run(self) -> None:
        """Until nothing is due and nothing in hand, or we stop."""
        if self._settings.hold_all:
            return
        self._urgent.start()
        self._rota.begin(self._book.fail)
        try:
            while not self._book.is_stopping:
                self._look_at_settings()
                was_in_hand = self._room.in_hand
                found = self._claim()
                self._send_couriers()
                if not found:
                    # What was settled since may have left a notice: it is looked for before the pass is over.
                    if not (was_in_hand or self._room.in_hand):
                        break
                    until_look = max(0.0, self._next_look - clock.monotonic())
                    self._room.wait(min(LOOK_AGAIN, until_look), in_hand=FEW_IN_HAND if self._may_be_more else 0)
        finally:
            self._finish()
        if self._book.error is not None:
            raise self._book.error

    def _look_at_settings(self) -> None:
        """A pass may last for hours; that all mail is to be held, or redirected, must not wait for its end."""
        if clock.monotonic() >= self._next_look:
            self._next_look = clock.monotonic() + SETTINGS_HOLD
            self._settings = self._handles.settings()
            self._book.go_by(self._settings)

    def _claim(self) -> bool:
        """Take what is due, as much as fits; false if nothing was, or nothing fits."""
        in_hand = self._room.in_hand
        fits = min(BATCH, MOST_IN_HAND - in_hand)
        if self._book.is_stopping or in_hand > FEW_IN_HAND or (in_hand and clock.monotonic() < self._next_claim):
            return False
        found = self._take(tuple(Lane), fits)
        # While the last ones leave, each settled window wakes us; nothing new is due because of that.
        self._may_be_more = found
        self._next_claim = 0.0 if found else clock.monotonic() + LOOK_AGAIN
        return found

    def _claim_urgent(self) -> None:
        """Take what is urgent, however much is in hand."""
        self._take((Lane.URGENT,), URGENT_BATCH)
        self._send_couriers()

    def _take(self, lanes: tuple[Lane, ...], limit: int) -> bool:
        taken = claim(self._handles, self._settings, Wanted(limit, lanes, self._began, self._waiting))
        self._note(taken)
        self._room.admit(taken.jobs)
        self._book.tell(taken.over)
        if taken.without_mailbox and not self._book.is_without_mailbox:
            self._book.is_without_mailbox = True
            no_mailbox.tell(self._handles)
        return not taken.is_empty

    def _note(self, taken: Taken) -> None:
        if taken.now is not None:
            if not self._stays:
                self._began = self._began or taken.now
            self._waiting = self._waiting_after(taken, taken.now)
            self._book.claimed(taken.jobs, taken.routes, taken.now)
        # A mailbox that is first in line again does not cool down any more.
        self._room.came_back({job.hops[0].mailbox for job in taken.jobs})
        if not taken.is_empty:
            self._handles.changes.moved("outbox")

    def _waiting_after(self, taken: Taken, now: datetime) -> dict[Line, int]:
        """How many wait for a rate; begun anew each minute, since by then the first of them come again."""
        if self._waiting_since is None or now - self._waiting_since > timedelta(minutes=1):
            self._waiting_since = now
            return {}
        return dict(taken.waiting)

    def _send_couriers(self) -> None:
        with self._enlisting:
            for wanted in self._room.enlist():
                courier = Courier(self._book, wanted.mailbox_id, self._timeouts, only_urgent=wanted.only_urgent)
                self._rota.join_in(courier.course())

    def _finish(self) -> None:
        self._urgent.close()
        self._rota.finish()
        self._book.close_pages()
        left = self._room.drain()
        self._book.let_go_of_all()
        if left:
            self._handles.database.writing(lambda session: give_back_jobs(session, left))
        if self._settings.hold_all:
            _hold_all(self._handles, self._book)
        if self._book.is_without_mailbox:
            no_mailbox.tell(self._handles)
